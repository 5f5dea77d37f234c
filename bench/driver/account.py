"""What the processes of one server use: CPU time (also of those that have ended) and memory.

A control group a server (version 1 or 2); where none can be made, the process tree.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GROUPS = [Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup")]


@dataclass
class Memory:
    processes: int
    pss_kib: int


class Account:
    def __init__(self, name: str) -> None:
        self.roots: list[int] = []  # of process trees, where there is no group
        self.group: Path | None = None
        for parent in GROUPS:
            group = parent / f"rookery-bench-{os.getpid()}-{name}"
            try:
                group.mkdir()
            except OSError:
                continue
            if (group / "cpuacct.usage").exists() or (group / "cpu.stat").exists():
                self.group = group
                return
            group.rmdir()

    def enter(self) -> Callable[[], None]:
        """For preexec_fn: the process, and all that it starts, counts here."""

        def join() -> None:
            if self.group:
                (self.group / "cgroup.procs").write_text(str(os.getpid()))

        return join

    def pids(self) -> list[int]:
        if self.group:
            return [int(line) for line in (self.group / "cgroup.procs").read_text().split()]
        parents = {pid: int(fields[1]) for pid, fields in _all_stats().items()}
        found = {pid for pid in self.roots if pid in parents}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return sorted(found)

    def cpu_seconds(self) -> float:
        if self.group and (self.group / "cpuacct.usage").exists():
            return int((self.group / "cpuacct.usage").read_text()) / 1e9
        if self.group:
            first = (self.group / "cpu.stat").read_text().split("\n")[0]
            return int(first.split()[1]) / 1e6
        stats = _all_stats()
        ticks = sum(sum(map(int, stats[pid][11:15])) for pid in self.pids() if pid in stats)
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> Memory:
        total = Memory(0, 0)
        for pid in self.pids():
            try:
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total.processes += 1
            total.pss_kib += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total

    def reap(self) -> None:
        """Nothing that was started here outlives the bench."""
        for _ in range(50):
            pids = self.pids()
            if not pids:
                break
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.1)

    def close(self) -> None:
        self.reap()
        if self.group:
            self.group.rmdir()


def _all_stats() -> dict[int, list[str]]:
    """Fields behind the name in /proc/PID/stat, by pid."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = Path(f"/proc/{name}/stat").read_text()
        except OSError:
            continue
        found[int(name)] = text.rpartition(")")[2].split()
    return found
