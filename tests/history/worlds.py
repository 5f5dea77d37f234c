"""What may be there of one message in one account: the possible worlds.

A world is a set of copies (box, uid or None when not told, flags); there is at most one copy in a
mailbox. A change with an unknown outcome doubles the worlds; what is seen leaves those that agree.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from history.states import TOGETHER, Reach, State, part_ways, step

Flags = frozenset[str]
NONE: Flags = frozenset()
ANY = "*"  # in place of a flag: whichever


@dataclass(frozen=True)
class Copy:
    """`thing` stays the same wherever it is moved; copies of one message are several things."""

    box: str
    uid: int | None
    flags: Flags
    thing: str = ""


NUMBERS = count(1)  # of things


World = frozenset[Copy]
EMPTY: World = frozenset()


@dataclass
class Stamp:
    """The MODSEQ of a copy, and whether a change was asked for since it was seen."""

    seen: int | None = None
    exact: int | None = None  # told with the last change
    changed: bool = False
    maybe: bool = False


@dataclass
class Message:
    sha: str = ""
    appended: bool = False  # nothing may be put in front of it
    states: set[State[World]] = field(default_factory=lambda: {(EMPTY,)})
    been_in: set[str] = field(default_factory=set)
    refused_in: set[str] = field(default_factory=set)
    lowest_uid: dict[str, int] = field(default_factory=dict)  # by box: what arrives is above
    stamps: dict[str, Stamp] = field(default_factory=dict)
    moved: tuple[str, str] | None = None  # the last change was a MOVE of unknown outcome
    blurred: set[str] = field(default_factory=set)  # flags that two changed at one time

    def copies(self, box: str, part: int = 0) -> list[Copy | None]:
        """The copy there, as it is in each state."""
        return [find(state[part], box) for state in self.states]

    def copy_in(self, box: str, part: int = 0) -> bool:
        return any(self.copies(box, part))

    def boxes(self) -> set[str]:
        return {copy.box for state in self.states for world in state for copy in world}

    def change(self, change: Callable[[World], World], outcome: str, reach: Reach) -> None:
        self.states = step(self.states, change, outcome, reach)

    def place(self, box: str, uid: int | None, flags: Flags, outcome: str,
              reach: Reach = TOGETHER) -> None:  # fmt: skip
        if outcome == "refused":
            self.refused_in.add(box)
            return
        self.been_in.add(box)
        self.stamps[box] = Stamp()
        copy = {Copy(box, uid, flags, f"{next(NUMBERS)}")}
        self.change(lambda world: without(world, box) | copy, outcome, reach)

    def remove(self, box: str, outcome: str, reach: Reach = TOGETHER) -> None:
        self.change(lambda world: without(world, box), outcome, reach)

    def transfer(self, box: str, target: str, uid: int | None, keep: bool, outcome: str,
                 reach: Reach = TOGETHER) -> None:  # fmt: skip
        """COPY or MOVE: flags go along."""
        if outcome == "refused":
            self.refused_in.add(target)
            return
        self.been_in.add(target)
        self.stamps[target] = Stamp()

        new = f"{next(NUMBERS)}"

        def change(world: World) -> World:
            there = {Copy(target, uid, copy.flags, new if keep else copy.thing)
                     for copy in world if copy.box == box}  # fmt: skip
            rest = without(world, target) if there else world
            return (rest if keep else without(rest, box)) | there

        self.change(change, outcome, reach)
        self.moved = (box, target) if outcome == "unknown" and not keep else None

    def set_flags(self, box: str, mode: str, flags: Flags, outcome: str,
                  reach: Reach = TOGETHER) -> bool:  # fmt: skip
        """Whether it changed something in every world."""
        parts = frozenset.union(*reach)
        before = [find(s[number], box) for s in self.states for number in parts]
        all_differ = all(with_flags(c, mode, flags) != c for c in before if c is not None)

        def change(world: World) -> World:
            return frozenset(with_flags(c, mode, flags) if c.box == box else c for c in world)

        self.change(change, outcome, reach)
        return all_differ

    def part_ways(self) -> None:
        self.states = part_ways(self.states)

    def settle(self) -> None:
        """It was seen where it is: how it came there does not matter any more."""
        self.states = {tuple(frozenset(replace(copy, thing=copy.box) for copy in world)
                             for world in state) for state in self.states}  # fmt: skip


def find(world: World, box: str) -> Copy | None:
    return next((copy for copy in world if copy.box == box), None)


def without(world: World, box: str) -> World:
    return frozenset(copy for copy in world if copy.box != box)


def with_flags(copy: Copy, mode: str, flags: Flags) -> Copy:
    return replace(copy, flags=copy.flags | flags if mode == "+" else copy.flags - flags)


@dataclass(frozen=True)
class Look:
    """How a mailbox is looked into: which part of a state is seen. While two nodes are merged what
    one of them got since they parted may have a new UID already."""

    part: int = 0
    merging: bool = False

    def agrees(self, message: Message, state: State[World], box: str, seen: Copy | None) -> bool:
        expected = find(state[self.part], box)
        if expected is None or seen is None:
            return expected is seen
        same = expected.uid in (None, seen.uid) or (
            self.merging and seen.uid is not None and seen.uid > expected.uid)  # fmt: skip
        return same and not unlike(message, expected.flags, seen.flags)


def unlike(message: Message, one: Flags, other: Flags) -> Flags:
    """The flags in which they differ."""
    return NONE if ANY in message.blurred else (one ^ other) - message.blurred


def narrow(
    message: Message, box: str, seen: Copy | None, look: Look = Look()
) -> tuple[str, str] | None:
    """One mailbox was looked into: keeps the worlds that agree; else the broken rule and why. What
    was seen is taken for true then, at the other node too where the copy is the same."""
    good = {state for state in message.states if look.agrees(message, state, box, seen)}
    found = None if good else broken(message, box, seen, look.part)

    def take(state: State[World]) -> State[World]:
        old = find(state[look.part], box)
        return tuple(
            without(world, box) | ({same_thing(seen, find(world, box))} if seen else set())
            if number == look.part or (good and old and find(world, box) == old)
            else world
            for number, world in enumerate(state)
        )

    message.states = {take(state) for state in good or message.states}
    if seen:
        message.been_in.add(box)
    return found


def same_thing(seen: Copy, known: Copy | None) -> Copy:
    return replace(seen, thing=known.thing if known else f"{next(NUMBERS)}")


def broken(message: Message, box: str, seen: Copy | None, part: int) -> tuple[str, str]:
    """Why no world agrees with what was seen in the mailbox."""
    expected = message.copies(box, part)
    copies = [copy for copy in expected if copy is not None]
    if seen is None:
        return torn(message, box) or ("lost", "an acknowledged message is gone")
    if not copies:
        if place := torn(message, box):
            return place
        if box in message.been_in:
            return "resurrected", "an expunged message is back"
        if box in message.refused_in:
            return "refused-done", "a refused message is there"
        return "doubled", "a copy that nobody made"
    same = [copy for copy in copies if copy.uid in (None, seen.uid)]
    if not same:
        return "uid-changed", f"UID {copies[0].uid} was told, it is {seen.uid}"
    if missing := frozenset.intersection(*(copy.flags for copy in same)) - seen.flags:
        return "flag-lost", f"acknowledged {sorted(missing)}, not there"
    if extra := seen.flags - frozenset.union(*(copy.flags for copy in same)):
        return "flag-returned", f"{sorted(extra)} is there, nobody set it or it was taken away"
    if len(copies) < len(expected) or len(message.states) > 1:
        return "torn", f"flags {sorted(seen.flags)} are half of what was asked for"
    return "flag-lost", f"flags are {sorted(seen.flags)}"


def torn(message: Message, box: str) -> tuple[str, str] | None:
    """A MOVE of unknown outcome: it is here or there, never both or neither."""
    if message.moved and box in message.moved:
        return "torn", "a MOVE that ended half: both or neither"
    return None
