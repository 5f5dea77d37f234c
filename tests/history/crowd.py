"""The checker of a mailbox that a crowd changes: everybody changes every message, through whichever
node a load balancer gives them.

Messages are told apart by UID. A change was done at some moment between its start and its end; one of
unknown outcome at any moment from its start on, or never. So a reader may find what any order of such
moments leaves, and nothing else. What a client was told in the course of one session is judged by that
client (view.py, roamer.py), and comes as events `told`. Beside those, and some rules of checker.py:

    lost           an acknowledged message is not seen by one that looks later, and nobody took it away
    resurrected    what was told to be expunged is seen later
    doubled        more copies than were asked for
    uid-reused     a UID names another message than before
    uid-order      a UID below a UIDNEXT that was told before
    flag-lost, flag-returned    a flag that no order of the changes leaves like that
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from history.checker import Checker
from history.floor import Floor
from history.pair_checker import differences
from history.reader import FLAGS
from history.record import ACKNOWLEDGED, REFUSED, UNKNOWN, Event

NEVER = 1 << 62  # nanoseconds
ALL_FLAGS = frozenset([*FLAGS, "\\Deleted"])
BEARS = ("append", "copy", "move")
CHANGES = (*BEARS, "store", "expunge")


@dataclass
class Span:
    """When something was done; `end` is NEVER when nobody knows whether it was."""

    start: int
    end: int
    sets: bool = False  # a flag


@dataclass
class Life:
    """Of a message in a mailbox."""

    id: str
    born: int  # it is there from then on, as was answered; NEVER: nobody was answered
    flags: frozenset[str] | None  # as it was born; None: those of what it was copied from
    changes: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))  # by flag
    takes: list[Span] = field(default_factory=list)  # what may have taken it away
    gone: int = NEVER  # it was told to be gone, then

    def may_be(self, flag: str, start: int, end: int) -> set[bool]:
        """What a reader may find between those times."""
        spans = self.changes.get(flag, [])
        latest = max((span.start for span in spans if span.end < start), default=None)
        found = {span.sets for span in spans
                 if span.start < end and (latest is None or span.end >= latest)}  # fmt: skip
        if latest is None:
            found |= {flag in self.flags} if self.flags is not None else {True, False}
        return found

    def may_be_deleted(self, by: int) -> bool:
        if self.flags is None or "\\Deleted" in self.flags:
            return True
        return any(span.sets and span.start < by for span in self.changes.get("\\Deleted", []))


class Box:
    def __init__(self) -> None:
        self.lives: dict[int, Life] = {}  # by UID
        self.past: dict[int, str] = {}  # UIDs that were, of all rounds; messages
        self.sweeps: list[Span] = []  # EXPUNGE and CLOSE: what was \Deleted
        self.asked: dict[str, list[int]] = defaultdict(list)  # copies of unknown outcome: starts, by message
        self.claimed: dict[str, list[int]] = defaultdict(list)  # their UIDs, as they were seen
        self.uid_next = Floor()
        self.validity = 0


class CrowdChecker(Checker):
    def __init__(self) -> None:
        super().__init__()
        self.boxes: dict[str, Box] = defaultdict(Box)
        self.first: Event = {}
        self.renewed = 0  # UIDs

    def take(self, events: Iterable[Event]) -> None:
        """Changes first: what a reader may find depends on all that were under way."""
        events = sorted(events, key=lambda event: int(event["start"]))
        changes = [event for event in events if event["op"] in CHANGES]
        for event in events:
            self.event = event
            if event["op"] == "counters":
                self.boxes[event["box"]].uid_next.add(event["end"], event["uid_next"])
            elif event["op"] in BEARS and event["outcome"] == ACKNOWLEDGED:
                self.bear(event)
        for event in [*changes, *(event for event in events if event["op"] not in CHANGES)]:
            self.counts[event["op"]][event["outcome"]] += 1
            self.event = event
            getattr(self, f"on_{event['op']}")(event)

    # Changes

    def span(self, sets: bool = False) -> Span:
        """When the event was done. A refusal may come after half of it."""
        known = self.event["outcome"] == ACKNOWLEDGED
        return Span(self.event["start"], self.event["end"] if known else NEVER, sets)

    def bear(self, event: Event) -> None:
        """New messages, under the UIDs that were told. Copies are found in the second walk, when all
        that may be copied is known."""
        if event["op"] == "append":
            self.born(event["box"], event["uid"], event["id"], frozenset(event["flags"]))
            return
        for uid, new in event["pairs"].items():
            life = self.boxes[event["box"]].lives.get(uid)
            self.born(event["target"], new, life.id if life else "", None)

    def born(self, box: str, uid: int, name: str, flags: frozenset[str] | None) -> None:
        known, event = self.boxes[box], self.event
        if (was := known.past.setdefault(uid, name)) != name and was and name:
            self.broken("uid-reused", f"{box} UID {uid} was {was}, now {name}", name)
        known.lives[uid] = Life(name, event["end"], flags)
        self.is_above(box, uid, event["start"], name)
        known.uid_next.add(event["end"], uid + 1)

    def is_above(self, box: str, uid: int, start: int, name: str) -> None:
        if uid < (least := self.boxes[box].uid_next.at(start)):
            self.broken("uid-order", f"{name} got UID {uid} in {box}, UIDNEXT was {least} before", name)

    def on_append(self, event: Event) -> None:
        if event["outcome"] == UNKNOWN:
            self.boxes[event["box"]].asked[event["id"]].append(event["start"])

    def on_copy(self, event: Event) -> None:
        if event["outcome"] != UNKNOWN:
            return
        for uid in event["uids"]:
            if life := self.boxes[event["box"]].lives.get(uid):
                self.boxes[event["target"]].asked[life.id].append(event["start"])

    def on_move(self, event: Event) -> None:
        self.on_copy(event)
        taken = event["pairs"] if event["outcome"] == ACKNOWLEDGED else event["uids"]
        if event["outcome"] != REFUSED:
            self.taken(event["box"], taken, told=event.get("pairs", []))

    def taken(self, box: str, uids: Iterable[int], told: Iterable[int]) -> None:
        lives = self.boxes[box].lives
        for uid in uids:
            if uid in lives:
                lives[uid].takes.append(self.span())
        for uid in told:
            if uid in lives:
                lives[uid].gone = min(lives[uid].gone, self.event["end"])

    def on_expunge(self, event: Event) -> None:
        if event["outcome"] == REFUSED:
            return
        if event["uids"] is None:
            self.boxes[event["box"]].sweeps.append(self.span())
        told = event.get("told", [])
        self.taken(event["box"], event["uids"] if event["uids"] is not None else told, told)

    def on_store(self, event: Event) -> None:
        mode, named = event["mode"], frozenset(event["flags"])
        lives, failed = self.boxes[event["box"]].lives, event.get("failed", [])
        for uid in event["uids"]:
            if uid in lives and uid not in failed:
                for flag in ALL_FLAGS if mode == "=" else named:
                    lives[uid].changes[flag].append(self.span(mode != "-" and flag in named))

    # What was seen

    def on_told(self, event: Event) -> None:
        for rule, why in event["wrong"]:
            self.broken(rule, f"{event['box']}: {why}", event["box"])

    def on_counters(self, event: Event) -> None:
        """Each client compares what it was told itself; of what others were told only what was
        answered counts, which is on both disks."""
        box, start = self.boxes[event["box"]], event["start"]
        if event["uid_validity"] != (box.validity or event["uid_validity"]):
            self.broken("validity-changed", f"{event['box']}: {box.validity}, now {event['uid_validity']}")
        box.validity = event["uid_validity"]
        answered = max((uid + 1 for uid, life in box.lives.items() if life.born < start), default=0)
        if event["uid_next"] < answered:
            self.broken("uidnext-down", f"{event['box']}: {event['uid_next']}, {answered} before")

    def on_seen(self, event: Event) -> None:
        name, start, end = event["box"], event["start"], event["end"]
        box, there = self.boxes[name], {row[0] for row in event["rows"]}
        for uid, which, flags, _ in event["rows"]:
            self.is_it(name, uid, which, there)
            life = box.lives.get(uid)
            if life is None:
                continue
            if life.gone < start:
                self.broken("resurrected", f"{which} in {name}: UID {uid} was told to be gone", which)
            self.look_at_flags(f"{which} in {name}: UID {uid}", life, frozenset(flags), which)
        for uid, life in box.lives.items():
            if uid in there or life.born >= start or any(span.start < end for span in life.takes):
                continue
            by = [span.end for span in box.sweeps if span.start < end]
            if not by or not life.may_be_deleted(min(max(by), end)):
                self.broken("lost", f"{life.id} in {name}: UID {uid} is not there", life.id)

    def is_it(self, name: str, uid: int, which: str, there: set[int]) -> None:
        box = self.boxes[name]
        was = box.past.setdefault(uid, which)
        if not was:  # a copy of a message that nobody had seen
            box.past[uid] = was = which
            box.lives[uid].id = which
        if was != which:
            self.broken("uid-reused", f"{name} UID {uid} was {was}, now {which}", which)
        if uid not in box.lives:
            self.claims(name, uid, which, there)

    def claims(self, name: str, uid: int, which: str, there: set[int]) -> None:
        """Nobody was told this UID: it is of a change whose outcome is unknown. When a node died with
        it and came back, it may have got another one."""
        box, event = self.boxes[name], self.event
        claimed = box.claimed[which]
        if uid not in claimed:
            claimed.append(uid)
        both = [other for other in claimed if other in there]
        if len(both) > len(box.asked[which]):
            self.broken("doubled", f"{which} in {name}: UIDs {both}", which)
            return
        self.renewed += len(both) < len(claimed)
        self.is_above(name, uid, min(box.asked[which], default=event["start"]), which)
        box.lives[uid] = Life(which, NEVER, None)

    def look_at_flags(self, what: str, life: Life, flags: frozenset[str], about: str) -> None:
        start, end = self.event["start"], self.event["end"]
        for flag in ALL_FLAGS:
            if (flag in flags) not in life.may_be(flag, start, end):
                rule = "flag-returned" if flag in flags else "flag-lost"
                self.broken(rule, f"{what}: {flag} of {sorted(flags)}", about)

    # At the end of a round

    def on_observe(self, event: Event) -> None:
        self.first = event
        for box in event["boxes"]:
            rows = [[row["uid"], row["id"], row["flags"], row["modseq"]] for row in box["rows"]]
            if not self.boxes[box["name"]].validity:
                self.begin(box)
            self.on_seen(event | {"box": box["name"], "rows": rows})
            self.compare_counters(box)
            self.compare_delta(box, str(event["node"]))
            self.settle(box)
        self.compare_quota(event)

    def begin(self, box: dict[str, Any]) -> None:
        """Whatever the first observation finds was there before."""
        self.boxes[box["name"]].validity = box["uid_validity"]
        for row in box["rows"]:
            self.boxes[box["name"]].asked[row["id"]].append(self.event["start"])

    def settle(self, box: dict[str, Any]) -> None:
        """What is there is known; nothing is under way."""
        known = self.boxes[box["name"]]
        known.lives = {row["uid"]: Life(row["id"], self.event["end"], frozenset(row["flags"]))
                       for row in box["rows"]}  # fmt: skip
        known.sweeps.clear()
        known.asked.clear()
        known.claimed.clear()
        known.uid_next.add(self.event["end"], box["uid_next"])
        known.uid_next.settle(self.event["end"])

    def on_compare(self, event: Event) -> None:
        first = {box["name"]: box for box in self.first["boxes"]}
        second = {box["name"]: box for box in event["boxes"]}
        for name in sorted(first.keys() | second.keys()):
            for what in differences(first.get(name), second.get(name)):
                self.broken("nodes-differ", what, name)
            if name in second:
                self.compare_delta(second[name], str(event["node"]))
