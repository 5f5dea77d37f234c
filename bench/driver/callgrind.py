"""A node under callgrind: counting is on only while something is measured.

Roles keep their sandbox: valgrind's own files lie in the node's `run` folder, which they may write.
"""

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHAPE = ROOT / "script" / "shape"
ROLES = ["mx", "store"]


@dataclass
class Dump:
    instructions: int
    path: Path  # for callgrind_annotate


class CountedNode:
    def __init__(self, folder: Path, program: Path, users: int) -> None:
        self.folder = folder
        self.program = program
        self.users = users
        self.ports: dict[str, int] = {}
        self.pids: dict[str, int] = {}

    @property
    def out(self) -> Path:
        return self.folder / "a" / "run"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        wrapper = self.folder / "rookery"
        wrapper.write_text(
            "#!/bin/sh\n"
            f'case "$*" in *" serve") ;; *) exec {self.program} "$@" ;; esac\n'
            "exec valgrind -q --tool=callgrind --trace-children=yes --instr-atstart=no"
            f" --vgdb-prefix={self.out}/vgdb --callgrind-out-file={self.out}/counted.%p"
            f' {self.program} "$@"\n'
        )
        wrapper.chmod(0o755)
        done = subprocess.run(
            [SHAPE, "up", "one", "--dir", self.folder, "--users", str(self.users)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"ROOKERY": str(wrapper)},
        )
        if done.returncode:
            raise RuntimeError("the node did not start under valgrind")
        node = json.loads(done.stdout)["nodes"][0]
        self.ports = {name: port for name, port in node.items() if isinstance(port, int)}
        config = str(self.folder / "a" / "rookery.conf")
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if config in words and "role" in words:
                self.pids[words[words.index("role") + 1]] = int(name)
        if sorted(self.pids) != ROLES:
            raise RuntimeError(f"roles under valgrind: {self.pids}, expected {ROLES}")

    def _tell(self, role: str, *command: str) -> None:
        words = ["vgdb", f"--vgdb-prefix={self.out}/vgdb", f"--pid={self.pids[role]}", *command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise RuntimeError(f"vgdb {' '.join(command)}: {done.stderr}")

    def count_on(self) -> None:
        for role in ROLES:
            self._tell(role, "instrumentation on")
            self._tell(role, "zero")

    def count_off(self) -> dict[str, Dump]:
        """What each role's process ran since count_on()."""
        time.sleep(0.3)  # what it does behind its last answer
        found = {}
        for role in ROLES:
            before = set(self.out.glob("counted.*"))
            self._tell(role, "dump")
            self._tell(role, "instrumentation off")
            new = sorted(set(self.out.glob(f"counted.{self.pids[role]}*")) - before)
            if not new:
                raise RuntimeError(f"callgrind did not dump the {role} role")
            found[role] = Dump(_total(new[-1]), new[-1])
        return found

    def stop(self) -> None:
        if (self.folder / "shape.json").exists():
            subprocess.run([SHAPE, "down", "--dir", self.folder], check=False)


def _total(path: Path) -> int:
    found = re.findall(r"^(?:totals|summary): (\d+)", path.read_text(), re.M)
    return max(map(int, found), default=0)
