"""Rounds of two stores between which users move while they work, and of which one dies in the middle.

A round: all users are on their way to the other node at once; one node is killed when the move of one of
them is in a certain phase, each phase in turn, a random moment behind its begin. The other node is frozen
meanwhile in every other round: so short phases are met too. It comes back; each move is given again until
it is done, or undone; then every user is served by exactly one node, and everything is read and checked.
"""

import contextlib
import os
import random
import re
import signal
import statistics
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends import DOMAIN, Backend
from halves import PASSWORD
from history.checker import Checker
from history.client import Account
from history.homes import Home, HomesLoad
from history.moving import BEHIND, PHASES, Moving
from history.wire import Lost

USERS = 3
QUOTA = ["--quota", "100G", "--quota-messages", "10000000"]  # so that usage is told
SPAN = 0.02  # seconds that a phase lasts, as long as none was seen
FROZEN = 0.05  # seconds, at most
ENDS_WITHIN = 100.0  # seconds, for a move: it tries for 30 s what it can't take back
SETTLE = 0.3  # seconds until a node has read what a dead connection had sent
CHECK_STORE_EVERY = 5  # rounds
TOLD = 20  # faults of a round
BROKEN = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|must\(|\bpanic\b"
    r"|could not be (written|read)|can't be read"
)


MAY_NOT_BE_UNDONE = re.compile("move him back|lives there already|no move to be undone|is not being moved")


@dataclass
class Round:
    phase: str
    death: str = ""
    ends: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class MoveRounds:
    def __init__(self, folder: Path, seed: str) -> None:
        self.seed = seed
        self.passed = self.failed = 0
        self.kills: Counter[str] = Counter()  # by phase and node
        self.marks: Counter[str] = Counter()  # as the kill left them
        self.ends: Counter[str] = Counter()
        self.spans: dict[str, list[float]] = defaultdict(list)
        self.log_read: dict[Path, int] = {}
        self.checker = Checker()
        (folder / "history").mkdir(parents=True)
        self.nodes = [Backend(folder, name, "") for name in "ab"]
        for node in self.nodes:
            node.start()
            node.run("domain", "add", DOMAIN)
        self.accounts = [self.add_user(f"user{number}@{DOMAIN}") for number in range(USERS)]
        self.homes = [Home(self.nodes, f"{seed}/{number}") for number in range(USERS)]
        self.load = HomesLoad(self.accounts, self.homes, folder / "history")
        for number in range(USERS):
            self.checker.take(self.load.observe_user(number))

    def add_user(self, address: str) -> Account:
        """He has moved already: both nodes know him, and neither may ever say that it does not."""
        node, first = self.nodes
        first.run("user", "add", address, text=f"{PASSWORD}\n")
        first.run("user", "set", address, *QUOTA)
        first.move(address, node)
        return Account(address, PASSWORD)

    def close(self) -> None:
        for node in self.nodes:
            node.remove()

    # A round

    def round(self, number: int) -> tuple[str, list[str]]:
        """What happened, and what was wrong."""
        chance = random.Random(f"{self.seed}/{number}")
        phases = [*PHASES, BEHIND]
        this = Round(phases[(number - 1) % len(phases)])
        told = len(self.checker.found)
        self.load.begin(self.seed, number)
        time.sleep(chance.uniform(0.3, 0.8))
        self.forget_some(this, chance)
        self.move_all(this, chance, number)
        time.sleep(chance.uniform(0.1, 0.4))
        this.wrong += self.load.end()
        time.sleep(SETTLE)
        events = self.load.take()
        self.checker.take(events)
        self.look(this, number)
        this.wrong += [str(broken) for broken in self.checker.found[told:]]
        self.passed += not this.wrong
        self.failed += bool(this.wrong)
        done = sum(event["outcome"] == "acknowledged" for event in events)
        unknown = sum(event["outcome"] == "unknown" for event in events)
        words = f"{done} acknowledged, {unknown} unknown, killed {this.death}, {', '.join(this.ends)}"
        return f"{words}, {len(self.checker.live)} messages", this.wrong[:TOLD]

    def forget_some(self, this: Round, chance: random.Random) -> None:
        """So that he comes to an empty place."""
        for account, home in zip(self.accounts, self.homes, strict=True):
            if chance.random() < 0.3 and home.other().marks().get(account.user) == "left":
                home.other().run("user", "move", account.user, "--forget")

    def move_all(self, this: Round, chance: random.Random, number: int) -> None:
        first = number % USERS
        leader = self.homes[first]
        victim, spared = chance.sample(self.nodes, 2)
        side = "source" if victim is leader.lives else "target"
        span = statistics.median(self.spans[this.phase][-9:]) if self.spans[this.phase] else SPAN
        moment, freezes = chance.uniform(0, 1.2) * span, chance.random() < 0.5
        killed = threading.Event()
        moves: list[Moving] = []
        met: list[str] = []

        def kill() -> None:
            with frozen(spared if freezes else None):
                time.sleep(min(moment, FROZEN) if freezes else moment)
                met.append(moves[first].told[-1][1])
                victim.kill()
            killed.set()

        for place, (account, home) in enumerate(zip(self.accounts, self.homes, strict=True)):
            home.is_known = False
            lead = (this.phase, kill) if place == first else ()
            moves.append(Moving(account.user, home.lives, home.other(), *lead))
        for move in moves:
            move.start()
            time.sleep(chance.uniform(0, 0.05))
        killed.wait(ENDS_WITHIN)
        this.death = f"{side} at \"{met[0]}\"{', the other frozen' if freezes else ''}"
        self.kills[f"{met[0]}: {side}"] += 1
        left = {spared: spared.marks()}
        time.sleep(chance.choice([0, 0, 0.3]))
        victim.start()
        left[victim] = victim.marks()
        self.note_marks(left)
        for move in moves:
            move.join(ENDS_WITHIN)
            if move.is_alive():
                this.wrong.append(f"{move.user}: the move does not end")
            self.note_spans(move)
        self.none_is_open_twice(this)
        time.sleep(chance.choice([0, 0.2]))
        for home, move in zip(self.homes, moves, strict=True):
            self.end_move(this, chance, home, move)

    def note_marks(self, left: dict[Backend, dict[str, str]]) -> None:
        for account, home in zip(self.accounts, self.homes, strict=True):
            states = [left[node].get(account.user, "none") for node in (home.lives, home.other())]
            self.marks["/".join(states)] += 1

    def note_spans(self, move: Moving) -> None:
        for (begun, what), (end, _) in zip(move.told, move.told[1:], strict=False):
            if not move.error:
                self.spans[what].append(end - begun)

    # How it ends

    def end_move(self, this: Round, chance: random.Random, home: Home, move: Moving) -> None:
        undone = chance.random() < 0.5 and self.undo(this, home, move)
        if not undone:
            again = Moving(move.user, home.lives, home.other())
            again.run()
            if again.error:
                this.wrong.append(f"{move.user}: given again: {again.error}; it was: {move.error}")
            how = [word for word in ("already", "resumed") if again.answer.get("result", {}).get(word)]
            this.ends.append(how[0] if how else "anew")
            home.lives = home.other()
        else:
            this.ends.append("undone")
        self.ends[this.ends[-1]] += 1
        self.lives_there_alone(this, home, move)
        home.is_known = True

    def undo(self, this: Round, home: Home, move: Moving) -> bool:
        done = home.lives.command("user", "move", move.user, "--undo")
        if done.returncode == 0:
            return True
        if not MAY_NOT_BE_UNDONE.search(done.stdout):
            this.wrong.append(f"{move.user}: can't be undone: {done.stdout.strip()}")
        return False

    def open_at(self, user: str) -> list[Backend]:
        return [node for node in self.nodes if node.login(user) == ""]

    def none_is_open_twice(self, this: Round) -> None:
        for account in self.accounts:
            if len(self.open_at(account.user)) > 1:
                this.wrong.append(f"{account.user}: both nodes let him in, behind the kill")

    def lives_there_alone(self, this: Round, home: Home, move: Moving) -> None:
        if (code := home.lives.login(move.user)) != "":
            this.wrong.append(f"{move.user}: {this.ends[-1]}, and not let in: {code}")
        if (code := home.other().login(move.user)) != "UNAVAILABLE":
            this.wrong.append(f"{move.user}: {this.ends[-1]}, and the other node says: {code or 'come in'}")
        shown = home.lives.run("user", "show", move.user)["to_host"]
        if shown not in ("", home.lives.where):
            this.wrong.append(f"{move.user}: {this.ends[-1]}, and the directory says {shown}")

    # What is there

    def look(self, this: Round, number: int) -> None:
        for place, account in enumerate(self.accounts):
            try:
                self.checker.take(self.load.observe_user(place))
            except Lost as lost:
                this.wrong.append(f"{account.user}: can't be read: {lost}")
        for node in self.nodes:
            this.wrong += self.log_faults(node)
            if number % CHECK_STORE_EVERY == 0:
                this.wrong += self.damage(node)

    def damage(self, node: Backend) -> list[str]:
        """The check waits for a compaction that is under way, which may take longer than other commands do."""
        done = node.command("store", "check")
        return [f"{node.log.stem}: store check: {done.stdout}{done.stderr}"] if done.returncode else []

    def log_faults(self, node: Backend) -> list[str]:
        with node.log.open(errors="replace") as log:
            log.seek(self.log_read.get(node.log, 0))
            lines = log.readlines()
            self.log_read[node.log] = log.tell()
        return [f"{node.log.name}: {line.strip()}" for line in lines if BROKEN.search(line)]

    def summary(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "operations": {op: dict(by) for op, by in sorted(self.checker.counts.items())},
            "kills": dict(self.kills),
            "marks": dict(self.marks),
            "ends": dict(self.ends),
            "tried_again": sum(getattr(client, "tries", 0) for client in self.load.clients),
            "broken": [str(broken) for broken in self.checker.found],
            "passed": self.passed,
            "failed": self.failed,
        }


@contextlib.contextmanager
def frozen(node: Backend | None) -> Any:
    """Its role stands still, for as long as this lasts."""
    roles = node.roles() if node else []
    for role in roles:
        os.kill(role, signal.SIGSTOP)
    try:
        yield
    finally:
        for role in roles:
            os.kill(role, signal.SIGCONT)
