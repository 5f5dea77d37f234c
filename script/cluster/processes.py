"""The processes of a node: found by their session, which the node's first process opens."""

import os
import signal
import time
from pathlib import Path


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def alive(pid: int) -> bool:
    fields = _stat(pid)
    return fields is not None and fields[0] != "Z"


def was_told(pid: int, word: str) -> bool:
    """Whether it runs, and the word is in what it was started with: another process may have the number."""
    try:
        return word in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return False


def of_session(leader: int) -> list[int]:
    """The leader first, then every other live process of its session."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat(int(name))) and fields[0] != "Z":
            if int(fields[3]) == leader:
                found.append(int(name))
    return sorted(found, key=lambda pid: pid != leader)


def send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def wait_gone(leader: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while of_session(leader):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def kill(leader: int) -> None:
    """SIGKILL to all of them, also to those that are born meanwhile."""
    for _ in range(200):
        pids = of_session(leader)
        if not pids:
            return
        send(pids, signal.SIGKILL)
        time.sleep(0.01)
    raise RuntimeError(f"processes of session {leader} do not die")
