"""The checker for two nodes that are each other's mirror, and are apart for a while in a round.

While they are, each has its own truth: what one took the other has not seen, and what was under way
when they parted may be at one of them or at both. Then the two become one by the rules of merging.
Beside the rules of checker.py:

    nodes-differ      the two nodes don't hold the same
    joined-wrong      of two mailboxes with one name the younger one stayed

Changed by two clients at one time, or at one side while the other side was being merged, the order
of a message's flags is nobody's to know: those flags are not looked at until the next observation.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from history import merging
from history.checker import Checker
from history.mailboxes import Tree
from history.record import ACKNOWLEDGED, UNKNOWN, Event
from history.states import TOGETHER, Reach
from history.worlds import ANY, Copy, Look, Message, Stamp, without

WAS, FIRST, SECOND = 0, 1, 2
ALL = frozenset({WAS, FIRST, SECOND})
ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
TOLD = 5  # differences of one mailbox
READS = ("fetch", "counters")


@dataclass
class Window:
    """Times: until `cut` the nodes were linked, from `parted` on they heard nothing of each other;
    from `heal` on they might merge, at `together` all was merged, and by `known` every client had
    looked again under which UIDs its messages are."""

    cut: int
    parted: int
    dead: str | None
    heal: int
    together: int
    known: int
    is_over: bool = False

    def apart(self, event: Event) -> bool:
        return not self.is_over and bool(event["end"] >= self.cut)

    def merging(self, event: Event) -> bool:
        return bool(event["end"] > self.heal and event["start"] < self.known)

    def inside(self, event: Event) -> bool:
        return bool(event["start"] > self.parted and event["end"] < self.heal)


def window_of(events: list[Event]) -> Window | None:
    apart = next((event for event in events if event["op"] == "apart"), None)
    together = next((event for event in events if event["op"] == "together"), None)
    if not apart or not together:
        return None
    return Window(apart["start"], apart["end"], apart["dead"], together["start"], together["end"],
                  together["known"])  # fmt: skip


class PairChecker(Checker):
    def __init__(self, nodes: tuple[str, str] = ("a", "b"), rule: str = "per-flag") -> None:
        super().__init__()
        self.both, self.rule = list(nodes), rule
        self.window: Window | None = None
        # of a part of the history, by account and message
        self.clients: dict[tuple[str, str], set[str]] = {}  # that change it
        self.touches: dict[tuple[str, str], list[tuple[Event, set[str] | None]]] = {}
        self.new: dict[tuple[str, str, str], int | None] = {}  # UIDs before a merge, by mailbox also
        self.deleted: set[str] = set()  # mailboxes, at one side
        self.merged = self.renewed = 0  # copies that were new to one side; of which got another UID
        self.observed: dict[str, Event] = {}

    def take(self, events: Iterable[Event]) -> None:
        events = list(events)
        if any(event["op"] not in ("observe", "compare") for event in events):
            self.begin_part(events)  # else it is the end of the part before
        super().take(events)

    def begin_part(self, events: list[Event]) -> None:
        self.clients, self.touches, self.deleted = defaultdict(set), defaultdict(list), set()
        for event in events:
            for _, name in event.get("messages", []):
                self.clients[event["account"], name].add(event["client"])
        self.window = window_of(events)
        if self.window:
            for known in (*self.live.values(), *self.trees.values()):
                known.part_ways()

    # Where a change gets to, and where something is seen

    @property
    def is_apart(self) -> bool:
        return self.window is not None and self.window.apart(self.event)

    @property
    def is_merging(self) -> bool:
        return self.window is not None and self.window.merging(self.event)

    @property
    def is_by_pop3(self) -> bool:
        return bool(self.event["op"] == "expunge" and self.event["box"] is None)

    def part(self, other: bool = False) -> int:
        index = self.both.index(self.event["node"])
        return (FIRST, SECOND)[index ^ other]

    def message(self, name: str) -> Message:
        is_new = (self.event["account"], name) not in self.live
        message = super().message(name)
        if is_new and self.window and not self.window.is_over:
            message.part_ways()
        return message

    def reach(self) -> Reach:
        event, window = self.event, self.window
        if window is None or window.is_over:
            return TOGETHER
        acknowledged = event["outcome"] == ACKNOWLEDGED
        here, there = frozenset({self.part()}), frozenset({self.part(other=True)})
        if event["end"] < window.cut or (acknowledged and event["node"] == window.dead
                                         and event["start"] < window.parted):  # fmt: skip
            return (ALL,)
        if event["start"] > window.parted:  # by POP3 also what has just come from the other node
            return (here, ALL) if self.is_merging and self.is_by_pop3 else (here,)
        return (here, ALL) if acknowledged else (here, there, ALL)

    def view(self) -> Look:
        if self.window is None or self.window.is_over:
            return Look()
        return Look(self.part(), merging=self.is_merging)

    def nodes(self) -> list[str]:
        return [self.event["node"]] if self.is_apart else self.both

    def sees(self) -> list[str]:
        if self.event["op"] in READS:
            return [self.event["node"], f"client {self.event['client']}"]
        if self.event["op"] == "observe":
            return [*self.both, f"client {self.event['client']}"]
        return [self.event["node"]]

    def grows(self) -> list[str]:
        """What is seen may be on one disk only, for a moment; what is answered is on both."""
        return self.sees() if self.event["op"] in READS else self.nodes()

    def outcome(self, name: str, box: str) -> str:
        """By a UID that the merge changes, maybe just now, nothing is found; by POP3 it is."""
        outcome = super().outcome(name, box)
        if self.is_by_pop3:
            return outcome
        if outcome == ACKNOWLEDGED and self.is_merging and self.is_new(name, box):
            return UNKNOWN
        return outcome

    def may_miss(self, name: str, box: str) -> bool:
        return self.changed_by_two(name) or (self.is_merging and self.is_new(name, box))

    def is_new(self, name: str, box: str) -> bool:
        """Whether the copy has come since the nodes parted."""
        if self.window and self.window.is_over:
            return (self.event["account"], name, box) in self.new
        return any(merging.arrived(state, box) for state in self.message(name).states)

    # Clients that change one message at one time

    def changed_by_two(self, name: str) -> bool:
        return len(self.clients[self.event["account"], name]) > 1

    def touch(self, name: str, flags: set[str] | None) -> None:
        """`flags` None: they are carried along."""
        if not self.changed_by_two(name):
            return
        known = self.touches[self.event["account"], name]
        for event, others in known:
            if event["client"] == self.event["client"] or self.is_after(event):
                continue
            if flags is not None or others is not None:
                common = flags & others if flags is not None and others is not None else (
                    flags or others or set())  # fmt: skip
                self.message(name).blurred |= common
        known.append((self.event, flags))

    def is_after(self, before: Event) -> bool:
        """Whether it is known which of the two events came first, or each has its own side."""
        event, window = self.event, self.window
        here = before["node"] == event["node"]
        ordered = before["end"] <= event["start"]
        if window is None or here or before["end"] < window.cut or event["start"] > window.together:
            return bool(ordered)
        return window.inside(before) and window.inside(event)

    def on_store(self, event: Event) -> None:
        for _, name in event["messages"]:
            self.touch(name, set(event["flags"]))
        super().on_store(event)

    def _transfer(self, event: Event, keep: bool) -> None:
        for _, name in event["messages"]:
            self.touch(name, None)
        super()._transfer(event, keep)
        for uid, name in event["messages"]:
            if uid in event.get("pairs", {}):
                self.trust(name, event["target"], event["pairs"][uid])

    def trust(self, name: str, box: str, uid: int) -> None:
        """It was told to be there. Where that can't be, another client took it away at that time."""
        message = self.message(name)
        if self.changed_by_two(name) and not message.copy_in(box, self.view().part):
            message.place(box, uid, frozenset(), ACKNOWLEDGED, self.reach())
            message.blurred.add(ANY)

    # Meeting again

    def on_apart(self, event: Event) -> None:
        pass

    def on_together(self, event: Event) -> None:
        assert self.window
        for (account, name), message in self.live.items():
            self.merge(account, name, message, deleted_boxes(self.trees[account]))
        for tree in self.trees.values():
            tree.parts = 1
            for box, mailbox in tree.boxes.items():
                if all(merging.is_deleted(state) for state in mailbox.states):
                    self.deleted.add(box)
                mailbox.states = {(name,) for s in mailbox.states for name in merging.name(s)}
                for floors in (mailbox.uid_next, mailbox.modseq):
                    floors.add(self.both, event["end"], floors.at(self.both, event["start"]))
        self.window.is_over = True

    def merge(self, account: str, name: str, message: Message,
              deleted: merging.Deleted) -> None:  # fmt: skip
        """What came while they were apart appears above what the other side had announced."""
        for box in message.boxes():
            if all(merging.arrived(state, box) for state in message.states):
                self.appears(account, name, message, box)
        message.states = {(world,) for state in message.states
                          for world in merging.world(state, self.rule, deleted)}  # fmt: skip

    def appears(self, account: str, name: str, message: Message, box: str) -> None:
        assert self.window
        uid_next = self.trees[account].boxes[box].uid_next
        for part, copy in merging.arrived(next(iter(message.states)), box).items():
            announced = uid_next.at([self.both[SECOND - part]], self.window.heal)
            message.lowest_uid[box] = max(message.lowest_uid.get(box, 0), announced)
            self.new[account, name, box] = copy.uid

    # What was seen

    def on_fetch(self, event: Event) -> None:
        super().on_fetch(event)
        for uid, name in event["others"]:
            self.names_it(event["box"], uid, name)

    def look(self, name: str, box: str, copy: Copy | None) -> None:
        if copy is None and self.is_merging and self.is_new(name, box):
            return
        super().look(name, box, copy)

    def on_observe(self, event: Event) -> None:
        self.observed[event["account"]] = event
        super().on_observe(event)
        for box in self.trees[event["account"]].boxes.values():
            box.validity_may_grow = False
        for box in event["boxes"]:
            for row in box["rows"]:
                told = self.new.pop((event["account"], row["id"], box["box"]), None)
                self.merged += told is not None
                self.renewed += told not in (None, row["uid"])

    def compare_stamp(self, stamp: Stamp, modseq: int) -> tuple[str, str] | None:
        """Merging gives new MODSEQs, also to messages that one side had not changed."""
        if self.window is None:
            return super().compare_stamp(stamp, modseq)
        least = max(stamp.exact or 0, (stamp.seen or 0) + stamp.changed)
        if modseq < least:
            return "modseq-stale", f"MODSEQ {modseq}, at least {least} was told"
        return None

    def compare_trees(self, tree: Tree, names: dict[str, str]) -> None:
        if self.window:
            for box in tree.boxes.keys() - names.keys():
                self.join(tree, box, names)
        rows = {box["box"]: box["rows"] for box in self.event["boxes"]}
        super().compare_trees(tree, names)
        for box in self.deleted & rows.keys():
            self.begins_anew(tree, box)
            if not rows[box]:
                what = f"{names[box]!r} ({box}) was deleted, nothing arrived there, it is there"
                self.broken("mailbox-returned", what, box)

    def join(self, tree: Tree, gone: str, names: dict[str, str]) -> None:
        """A mailbox that is not there may have become one with another that got the same name."""
        mailbox, account = tree.boxes[gone], self.event["account"]
        inside = {name: message for (owner, name), message in self.live.items()
                  if owner == account and message.copy_in(gone)}  # fmt: skip
        others = [box for box, name in names.items() if box in tree.boxes
                  and name in mailbox.names() & tree.boxes[box].names()]  # fmt: skip
        if not others or (None in mailbox.names() and not inside):
            return
        rows = {box["box"]: {row["id"] for row in box["rows"]} for box in self.event["boxes"]}
        box = max(others, key=lambda other: len(rows[other] & inside.keys()))
        is_sure = None not in mailbox.names() or any(all(m.copies(gone)) for m in inside.values())
        if is_sure and all(id_key(other) > id_key(gone) for other in others):
            self.broken("joined-wrong", f"{names[box]!r}: {box} is younger than {gone}", box)
        mailbox.states = {(None,)}
        for message in inside.values():
            kept = set() if is_sure else {(without(state[0], gone),) for state in message.states}
            message.states = {(moved(state[0], gone, box),) for state in message.states} | kept
            message.been_in.add(box)
        self.begins_anew(tree, box)

    def begins_anew(self, tree: Tree, box: str) -> None:
        """UIDs may mean something else there; then UIDVALIDITY grows."""
        tree.boxes[box].validity_may_grow = True
        for (account, _), message in self.live.items():
            if account == self.event["account"]:
                message.lowest_uid.pop(box, None)

    def on_compare(self, event: Event) -> None:
        """The same account at the other node."""
        first = {box["box"]: box for box in self.observed[event["account"]]["boxes"]}
        second = {box["box"]: box for box in event["boxes"]}
        for box in sorted(first.keys() | second.keys()):
            for what in differences(first.get(box), second.get(box)):
                self.broken("nodes-differ", what, box)
            if box in first and box in second:
                self.compare_delta(second[box], str(event["node"]))
        if event["quota"] != self.observed[event["account"]]["quota"]:
            self.broken("nodes-differ", f"quota {event['quota']}")


def id_key(text: str) -> list[int]:
    """Ids begin with the time at which they were made."""
    return [ID_ALPHABET.index(letter) for letter in text]


def deleted_boxes(tree: Tree) -> merging.Deleted:
    """Mailboxes that may have been deleted since the two parted."""
    return {part: {box for box, mailbox in tree.boxes.items() for state in mailbox.states
                   if state[WAS] is not None and state[part] is None}
            for part in (FIRST, SECOND)}  # fmt: skip


def moved(world: frozenset[Copy], gone: str, box: str) -> frozenset[Copy]:
    return frozenset(Copy(box, None, c.flags) if c.box == gone else c for c in world)


def differences(first: dict[str, Any] | None, second: dict[str, Any] | None) -> list[str]:
    """Of one mailbox, for people."""
    if first is None or second is None:
        there = first or second or {}
        return [f"mailbox {there['name']!r} is at the {'first' if first else 'second'} only"]
    name = first["name"]
    found = [f"{name}: {key} is {first[key]!r} and {second[key]!r}" for key in first
             if key not in ("rows", "delta") and first[key] != second[key]]  # fmt: skip
    rows = [{row["uid"]: row for row in box["rows"]} for box in (first, second)]
    for uid in sorted(rows[0].keys() | rows[1].keys()):
        one, other = rows[0].get(uid), rows[1].get(uid)
        if one is None or other is None:
            there = one or other or {}
            where = "first" if one else "second"
            found.append(f"{name}: UID {uid} ({there['id']}) is at the {where} only")
        elif one != other:
            unlike = {key: (one[key], other[key]) for key in one if one[key] != other[key]}
            found.append(f"{name}: UID {uid} ({one['id']}): {unlike}")
    return found[:TOLD]
