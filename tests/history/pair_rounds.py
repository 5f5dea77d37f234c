"""Rounds of a mirror under load: one node dies, or the wire is cut; then both must hold the same, and
all that was acknowledged.

A round: both nodes are under load; it happens; the load goes on where it can; what happened is undone;
both must be in sync soon; the load goes on and ends; everything is read at both nodes and checked.
"""

import dataclasses
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from history import story
from history.apart import Parting, Plan, Times, plan
from history.client import Account
from history.crowd_load import CrowdLoad
from history.pair import Pair
from history.pair_checker import PairChecker
from history.load import Load
from history.pair_load import PairLoad
from history.record import ACKNOWLEDGED, REFUSED, UNKNOWN, Event, Log
from history.wire import Lost

IN_SYNC = 5.0  # seconds from the return of a node or the wire, at most
WRITES = 4.0  # seconds that a client of a living node waits for an answer, at most
BUSY = 3  # runnable threads a processor, from which on times say nothing of the nodes
SETTLE = 0.3  # seconds until the node has read what a dead connection had sent
CROWDED = -2  # of the users
FRONT = "haproxy-roundrobin"
TOLD = 20  # broken rules of a round
STORIES = 3
CHANGES = ("deliver", "append", "store", "copy", "move", "expunge", "create", "rename", "delete")


class Stage:
    """Two nodes, and what is known of them; a round that fails is its last one."""

    def __init__(self, script: Path, folder: Path, rule: str, front: str | None = None) -> None:
        self.folder = folder
        (folder / "history").mkdir(parents=True)
        self.pair = Pair(script, folder / "m", front)
        self.load = PairLoad(self.pair.described, folder / "history")
        self.log = Log(folder / "history", "torture", "")
        self.checker = PairChecker(rule=rule)
        probe = self.pair.described["users"][-1]
        account = Account(probe["name"], probe["password"])
        self.parting = Parting(self.pair, self.load.phase, account, self.load.places)
        self.load.prepare()
        self.checker.take(self.load.observe(self.load.places[0]) + self.load.compare())
        self.crowd: CrowdLoad | None = None
        if front:
            (folder / "crowd").mkdir()
            self.crowd = CrowdLoad(self.pair.described, folder / "crowd", CROWDED)
            self.crowd.check([])

    def crowd_round(self, seed: str, number: int, way: Plan) -> "Round":
        """The same with a crowd in one mailbox, behind a balancer."""
        assert self.crowd
        told = len(self.crowd.checker.found)
        times, wrong = self.under(self.crowd, seed, number, way)
        events = self.crowd.take()
        seen, faults = self.crowd.check(events)
        found = CrowdRound(way, times, events, seen, wrong + faults + self.faults())
        found.broken, found.messages = self.crowd.checker.found[told:], self.crowd.messages()
        found.judge()
        return found

    def under(self, load: Load, seed: str, number: int, way: Plan) -> tuple[Times, list[str]]:
        """It happens while they work; then nobody does."""
        load.begin(seed, number)
        time.sleep(way.before)
        times, wrong = self.parting.run(way)
        time.sleep(way.after)
        wrong += load.end()
        time.sleep(SETTLE)
        for node in self.pair.nodes.values():
            node.wait_until_quiet()
        return times, wrong

    def round(self, seed: str, number: int, way: Plan) -> "Round":
        if way.scenario == "balancer":
            return self.crowd_round(seed, number, way)
        self.load.phase.enter("linked")
        times, wrong = self.under(self.load, seed, number, way)
        self.write_down(way, times)
        events = self.load.take() + self.log.take()
        told, merged, renewed = len(self.checker.found), self.checker.merged, self.checker.renewed
        self.checker.take(events)
        seen, faults = self.look()
        found = Round(way, times, events, seen, wrong + faults)
        found.broken = self.checker.found[told:]
        found.merged, found.renewed = self.checker.merged - merged, self.checker.renewed - renewed
        found.messages = len(self.checker.live)
        found.judge()
        return found

    def write_down(self, way: Plan, times: Times) -> None:
        dead = way.node if way.scenario == "kill" else None
        known = {"account": "", "outcome": ACKNOWLEDGED, "client": "torture", "node": ""}
        self.log.put({"op": "apart", "start": times.cut, "end": times.parted, "dead": dead} | known)
        self.log.put({"op": "together", "start": times.heal, "end": times.together,
                      "known": times.known} | known)  # fmt: skip

    def look(self) -> tuple[list[Event], list[str]]:
        seen, wrong = [], list[str]()
        try:
            seen = self.load.observe(self.load.places[0]) + self.load.compare()
            self.checker.take(seen)
        except Lost as lost:
            wrong.append(f"can't be read: {lost}")
        return seen, wrong + self.faults()

    def faults(self) -> list[str]:
        wrong = self.pair.log_faults()
        if not self.pair.wait(self.pair.is_in_sync, IN_SYNC):
            wrong.append(f"not in sync at the end: {self.pair.statuses()}")
        return wrong + self.pair.damage()


class Round:
    """What is known of one that is over."""

    def __init__(self, way: Plan, times: Times, events: list[Event], seen: list[Event],
                 wrong: list[str]) -> None:  # fmt: skip
        self.way, self.times, self.events, self.seen, self.wrong = way, times, events, seen, wrong
        self.broken: list[Any] = []
        self.merged = self.renewed = self.messages = 0
        self.waited = 0.0  # seconds, the longest that a client of a living node did
        self.busy = os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)

    def judge(self) -> None:
        late = self.wait_times()
        if self.times.in_sync > IN_SYNC:
            late.append(f"in-sync-late: {self.times.in_sync:.1f} s after the return")
        self.wrong += self.errors() + ([] if self.busy else late)
        self.wrong += [str(broken) for broken in self.broken]

    def changes(self) -> list[Event]:
        """By clients of a living node, between the cut and the merge."""
        dead = None if self.way.scenario == "partition" else self.way.node
        return [event for event in self.events if event["op"] in CHANGES and event["node"] != dead
                and self.times.cut <= event["end"] <= self.times.together]  # fmt: skip

    def wait_times(self) -> list[str]:
        late = []
        for event in self.changes():
            took = (event["end"] - event["start"]) / 1e9
            self.waited = max(self.waited, took)
            if took > WRITES:
                late.append(f"late: {event['client']}@{event['node']}: {event['op']} took {took:.1f} s")
        return late

    def errors(self) -> list[str]:
        """A client may see one."""
        by_client: dict[str, dict[int, Event]] = defaultdict(dict)
        for event in self.changes():
            if is_error(event):
                by_client[event["client"]][event["start"]] = event
        wrong = []
        for client, events in by_client.items():
            if len(events) > 1:
                words = [f"{e['op']} {e['outcome']} {e.get('text', '')}" for e in events.values()]
                wrong.append(f"errors: {client}: {len(events)}: {', '.join(words[:3])}")
        return wrong

    def words(self) -> str:
        done = sum(event["outcome"] == ACKNOWLEDGED for event in self.events)
        unknown = sum(event["outcome"] == UNKNOWN for event in self.events)
        return (
            f"{self.what()}, {done} acknowledged, {unknown} unknown, {self.messages} "
            f"messages, waited {self.waited:.2f} s, in sync after {self.times.in_sync:.2f} s"
            f"{' (busy: not judged)' if self.busy else ''}{self.became()}"
        )

    def what(self) -> str:
        way = self.way
        happened = {"kill": f"{way.node} was killed", "pause": f"{way.node} stood still"}.get(
            way.scenario, "the wire was cut")  # fmt: skip
        frozen = f" (frozen for {way.frozen:.1f} s before)" if way.frozen else ""
        return f"{happened}{frozen} for {way.apart:.1f} s"

    def became(self) -> str:
        return f", {self.renewed} of {self.merged} new UIDs changed"

    def forget(self) -> None:
        self.events, self.seen = [], []

    def stories(self) -> list[str]:
        """What the history says of the first broken rules."""
        told: dict[tuple[str, str], str] = {}
        for broken in self.broken:
            if broken.about and len(told) < STORIES:
                told.setdefault((broken.account, broken.about), broken.rule)
        lines = []
        for (account, about), rule in told.items():
            lines += ["", f"{rule}: {about}, in seconds since the cut:"]
            lines += story.of([*self.events, *self.seen], account, about, self.times.cut)
        return lines


class CrowdRound(Round):
    """Its clients change what others take away meanwhile; so they may be refused."""

    def errors(self) -> list[str]:
        return []

    def changes(self) -> list[Event]:
        return [event for event in self.events if event["op"] in CHANGES]

    def what(self) -> str:
        if not self.way.node:
            return "a crowd at both"
        killed = dataclasses.replace(self.way, scenario="kill")
        return f"a crowd at both, {Round(killed, self.times, [], [], []).what()}"

    def became(self) -> str:
        return ""

    def stories(self) -> list[str]:
        return []


class PairRounds:
    def __init__(self, script: Path, keep: Path, seed: str, scenario: str | None, rule: str,
                 say: Callable[[str], None]) -> None:  # fmt: skip
        self.script, self.keep, self.seed = script, keep, seed
        self.scenario, self.rule, self.say = scenario, rule, say
        self.stage: Stage | None = None
        self.stages = self.failed = 0
        self.counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.rounds: list[Round] = []

    def run(self, rounds: int) -> None:
        try:
            for number in range(1, rounds + 1):
                if self.stage is None:
                    self.stages += 1
                    folder = self.keep / f"stage{self.stages}"
                    front = FRONT if self.scenario in (None, "balancer") else None
                    self.stage = Stage(self.script, folder, self.rule, front)
                self.run_one(self.stage, number)
            self.leave(kept=False)
        finally:
            self.leave()

    def run_one(self, stage: Stage, number: int) -> None:
        begun, way = time.monotonic(), plan(self.seed, number, self.scenario)
        found = stage.round(self.seed, number, way)
        self.rounds.append(found)
        end = f"FAILED ({len(found.wrong)})" if found.wrong else "ok"
        self.say(f"round {number:3}: {found.words()}, {time.monotonic() - begun:.1f} s: {end}")
        if found.wrong:
            self.failed += 1
            self.say(f"    seed {self.seed}, scenario {way.scenario}, kept in {stage.folder}")
            for line in found.wrong[:TOLD] + found.stories():
                self.say(f"    {line}")
            self.leave()
        found.forget()

    def leave(self, kept: bool = True) -> None:
        if self.stage is None:
            return
        checkers = [self.stage.checker, *([self.stage.crowd.checker] if self.stage.crowd else [])]
        for checker in checkers:
            for op, by in checker.counts.items():
                for outcome, count in by.items():
                    self.counts[op][outcome] += count
        self.stage.pair.end()
        if not kept:
            shutil.rmtree(self.stage.folder)
        self.stage = None

    def summary(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "operations": {op: dict(by) for op, by in sorted(self.counts.items())
                           if op not in ("apart", "together")},
            "seconds_until_in_sync": spread([f.times.in_sync for f in self.rounds if f.times.in_sync]),
            "seconds_waited": spread([found.waited for found in self.rounds]),
            "new_to_one_side": sum(found.merged for found in self.rounds),
            "of_which_got_another_uid": sum(found.renewed for found in self.rounds),
            "passed": len(self.rounds) - self.failed,
            "failed": self.failed,
        }  # fmt: skip


def is_error(event: Event) -> bool:
    """A POP3 client that leaves without QUIT wants no answer."""
    left = event["op"] == "expunge" and event["box"] is None and event["outcome"] == REFUSED
    return event["outcome"] in (REFUSED, UNKNOWN) and not left


def spread(values: list[float]) -> dict[str, float]:
    """Shares of them are at most so much."""
    ordered = sorted(values) or [0.0]
    shares = {"p50": 50, "p90": 90, "p99": 99, "max": 100}
    places = {name: (len(ordered) * share + 99) // 100 - 1 for name, share in shares.items()}
    return {name: round(ordered[max(place, 0)], 2) for name, place in places.items()} | {
        "count": len(values)}  # fmt: skip
