"""How two nodes come apart in a round, planned from the seed, and together again."""

import random
import time
from dataclasses import dataclass

from history.client import Account, Phase, Place
from history.pair import Pair
from history.record import now
from history.wire import Lost

SCENARIOS = ("kill", "partition", "balancer", "pause")
BY_TURNS = ("partition", "kill", "balancer", "kill")
GIVE_UP = 60.0  # seconds
QUIET = 0.2  # seconds before they may merge, in which nothing is begun that both sides could change


@dataclass
class Plan:
    scenario: str
    node: str  # that is killed, or paused; "": none, nothing happens
    frozen: float  # seconds before it is killed
    before: float
    apart: float
    after: float


def plan(seed: str, number: int, scenario: str | None) -> Plan:
    chance = random.Random(f"{seed}/{number}/mirror")
    chosen = scenario or BY_TURNS[number % len(BY_TURNS)]
    kills = chosen in ("kill", "balancer")
    apart = chance.uniform(0.3, 5) if kills else chance.uniform(0.5, 8)
    frozen = chance.choice([0.0, chance.uniform(0.02, 1)]) if kills else 0.0
    before, after = chance.uniform(0.5, 2), chance.uniform(0.3, 1.5)
    node = chance.choice("ab")
    if chosen == "balancer" and chance.random() < 0.3:
        node, before = "", before + 2
    return Plan(chosen, node, frozen, before, apart, after)


@dataclass
class Times:
    """Of a round; record.py says what of them the history has."""

    cut: int = 0
    parted: int = 0
    heal: int = 0
    together: int = 0
    known: int = 0
    in_sync: float = 0.0  # seconds from `heal` on; 0: they were all the time


class Parting:
    def __init__(self, pair: Pair, phase: Phase, probe: Account, places: list[Place]) -> None:
        self.pair, self.phase, self.probe, self.places = pair, phase, probe, places

    def run(self, way: Plan) -> tuple[Times, list[str]]:
        """Returns when the two are in sync and all clients know it; with what went wrong."""
        times = Times()
        happens = {"kill": self.kill, "balancer": self.kill, "partition": self.cut,
                   "pause": self.pause}  # fmt: skip
        wrong = happens[way.scenario](way, times) if way.node else self.nothing(times)
        times.together = now()
        self.phase.dead = ""
        self.phase.enter("linked")
        time.sleep(QUIET)  # what was begun before is over
        times.known = now()
        return times, wrong

    def nothing(self, times: Times) -> list[str]:
        times.cut = times.parted = times.heal = now()
        return []

    def kill(self, way: Plan, times: Times) -> list[str]:
        """Maybe frozen before: then what the other one was about to tell it is lost."""
        node = self.pair.nodes[way.node]
        times.cut = now()
        if way.frozen:
            self.pair.freeze(way.node)
            time.sleep(way.frozen)
        node.kill()
        times.parted = now()
        self.phase.dead = way.node
        self.serve_on(way.apart, self.pair.others(way.node))
        times.heal = now()
        try:
            node.start()
        except RuntimeError as wrong:
            return [f"start: {wrong}"]
        return self.await_sync(times)

    def cut(self, way: Plan, times: Times) -> list[str]:
        times.cut = now()
        self.pair.cable.cut()
        times.parted = now()
        self.serve_on(way.apart, list(self.pair.nodes))
        times.heal = now()
        self.pair.cable.mend()
        return self.await_sync(times)

    def pause(self, way: Plan, times: Times) -> list[str]:
        """As a machine whose host has other things to do: it does not know that time has gone."""
        times.cut = now()
        self.pair.freeze(way.node)
        times.parted = now()
        self.phase.dead = way.node
        self.serve_on(way.apart, self.pair.others(way.node))
        times.heal = now()
        self.pair.thaw(way.node)
        return self.await_sync(times)

    def serve_on(self, seconds: float, living: list[str]) -> None:
        """Returns when so much time has gone."""
        end = time.monotonic() + seconds
        if self.pair.wait(lambda: self.pair.all_are("alone", living), seconds - QUIET):
            self.phase.enter("apart")
        time.sleep(max(end - QUIET - time.monotonic(), 0))
        self.phase.enter("merging")
        time.sleep(max(end - time.monotonic(), 0))

    def await_sync(self, times: Times) -> list[str]:
        end = time.monotonic() + GIVE_UP
        while self.pair.wait(self.pair.is_in_sync, end - time.monotonic()):
            times.in_sync = (now() - times.heal) / 1e9
            try:
                if self.pair.hear_of_each_other(self.probe, self.places):
                    return []
            except Lost:
                pass
        return [f"not in sync after {GIVE_UP} s: {self.pair.statuses()}"]
