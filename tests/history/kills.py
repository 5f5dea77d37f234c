"""How a node dies in a round, planned from the seed, and how it comes back."""

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KINDS = ("all", "all, twice", "all, load goes on", "one role")


@dataclass
class Plan:
    kind: str
    moment: float  # share of the round
    second: float  # seconds after the first attempt to start, for a second kill
    pick: float


def plan(seed: str, round: int, role_every: int) -> Plan:
    chance = random.Random(f"{seed}/{round}/kill")
    if role_every and round % role_every == 0:
        return Plan("one role", chance.uniform(0.2, 0.6), 0, chance.random())
    kind = chance.choices(KINDS[:3], [6, 2, 2])[0]
    moment = chance.uniform(0.2, 0.6) if kind == "all, load goes on" else chance.uniform(0.2, 1)
    return Plan(kind, moment, chance.uniform(0.05, 0.6), chance.random())


@dataclass
class Victim:
    """One node of a shape, by the commands that its description names."""

    folder: Path
    described: dict[str, Any]
    kills: dict[str, int] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)  # seconds until it served

    def do(self, verb: str) -> None:
        done = subprocess.run(["sh", "-c", self.described[verb]], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{verb}: {done.stderr.strip()}")

    def count(self, kind: str) -> None:
        self.kills[kind] = self.kills.get(kind, 0) + 1

    def kill(self) -> None:
        self.count("all")
        self.do("kill")

    def start(self) -> float:
        begun = time.monotonic()
        self.do("start")
        self.starts.append(time.monotonic() - begun)
        return self.starts[-1]

    def die_while_starting(self, after: float) -> None:
        starting = subprocess.Popen(
            ["sh", "-c", self.described["start"]],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(after)
        self.kill()
        starting.wait()
        self.do("kill")  # should the first one have come too early

    def kill_role(self, pick: float) -> str:
        """One child of the node's first process; its name."""
        first = int((self.folder / "pid").read_text())
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        child = children[int(pick * len(children))]
        words = Path(f"/proc/{child}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        os.kill(int(child), signal.SIGKILL)
        self.count(name := words[-1].decode())
        return name
