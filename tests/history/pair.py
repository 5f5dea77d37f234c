"""The two nodes of a mirror, and what happens to them."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from history.client import Account, Place
from history.imap import Imap, Literal, number
import processes
from node import Node
from wire import Wire as Cable

USERS = 6  # of which the last is not for the load, and the one before for a crowd
QUOTA = ["--quota", "100G", "--quota-messages", "10000000"]  # so that usage is told
BROKEN = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|must\(|\bpanic\b|role ended"
)
POLL = 0.05  # seconds
STOPS = 5.0


def is_stopped(pid: int) -> bool:
    try:
        stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return False  # a thread has just ended: asked again
    return all(stat.rpartition(")")[2].split()[0] in "TZX" for stat in stats)


class Pair:
    def __init__(self, script: Path, folder: Path, front: str | None = None) -> None:
        self.folder, self.script = folder, script
        words = [script, "up", "mirror", "--dir", folder, "--users", str(USERS)]
        words += ["--front", front] if front else []
        text = subprocess.run(words, stdout=subprocess.PIPE, check=True, text=True).stdout
        self.described: dict[str, Any] = json.loads(text)
        nodes = [Node.load(folder / node["name"]) for node in self.described["nodes"]]
        self.nodes = {node.name: node for node in nodes}
        self.cable = Cable(folder)
        self.logs_read = dict.fromkeys(self.nodes, 0)
        for user in self.described["users"]:
            nodes[0].command("user", "set", user["name"], *QUOTA)

    def end(self) -> None:
        for node in self.nodes.values():
            node.kill()
        subprocess.run([self.script, "down", "--dir", self.folder], check=True)  # and what is in front

    def others(self, name: str) -> list[str]:
        return [other for other in self.nodes if other != name]

    def freeze(self, name: str) -> None:
        """Returns when no thread of it runs any more."""
        self.send(name, signal.SIGSTOP)
        pids = processes.of_session(self.nodes[name].pid() or 0)
        self.wait(lambda: all(is_stopped(pid) for pid in pids), STOPS)

    def thaw(self, name: str) -> None:
        self.send(name, signal.SIGCONT)

    def send(self, name: str, number: signal.Signals) -> None:
        if (pid := self.nodes[name].pid()) is not None:
            processes.send(processes.of_session(pid), number)

    def state(self, name: str) -> str:
        try:
            return str(self.status(name)["state"])
        except (RuntimeError, ValueError):
            return "does not answer"

    def status(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.nodes[name].command("--json", "mirror", "status")))

    def wait(self, is_so: Callable[[], bool], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > end:
                return False
            time.sleep(POLL)
        return True

    def all_are(self, state: str, names: Iterable[str]) -> bool:
        return all(self.state(name) == state for name in names)

    def is_in_sync(self) -> bool:
        return self.all_are("in sync", self.nodes) and all(map(self.has_queue_in_sync, self.nodes))

    def has_queue_in_sync(self, name: str) -> bool:
        """If it has one that is mirrored: older programs do not."""
        try:
            queue = self.status(name).get("queue", {"state": "in sync"})
        except (RuntimeError, ValueError):
            return False
        return queue["state"] in ("in sync", "not mirrored", "not paired")

    def statuses(self) -> str:
        try:
            return "; ".join(f"{name}: {self.status(name)}" for name in self.nodes)
        except (RuntimeError, ValueError) as wrong:
            return str(wrong)

    def hear_of_each_other(self, probe: Account, places: list[Place]) -> bool:
        """Whether what one takes is at the other at once: a link that was cut for a moment may look
        whole, and be given up later."""
        one, other = (Imap(p.connect("imap"), probe.user, probe.password) for p in places)
        answer = one.must("APPEND INBOX ", Literal(b"Subject: probe\r\n\r\n"))
        uid = int((answer.code(b"APPENDUID") or b"0 0").split()[1])
        found = other.must("STATUS INBOX (UIDNEXT)")
        one.close()
        other.close()
        return any((number(line.text, b"UIDNEXT") or 0) > uid for line in found.untagged)

    # Afterwards

    def damage(self) -> list[str]:
        """What the nodes themselves find."""
        first = next(iter(self.nodes))
        checks = [(first, "mirror verify"), *((name, "store check") for name in self.nodes)]
        wrong = []
        for name, words in checks:
            try:
                found = json.loads(self.nodes[name].command("--json", *words.split()))
                wrong += [f"{words} at {name}: {one['object']}: {one['text']}"
                          for one in found["findings"] if one["damage"]]  # fmt: skip
            except RuntimeError as broken:
                wrong.append(f"{words} at {name}: {broken}")
        return wrong

    def log_faults(self) -> list[str]:
        wrong = []
        for name, node in self.nodes.items():
            with node.log.open(errors="replace") as log:
                log.seek(self.logs_read[name])
                lines = log.readlines()
                self.logs_read[name] = log.tell()
            wrong += [f"log of {name}: {line.strip()}" for line in lines if BROKEN.search(line)]
        return wrong
