"""What may be there of one message in one account: the possible worlds.

A world is a set of copies (box, uid or None when not told, flags); there is at most one copy in a
mailbox. A change with an unknown outcome doubles the worlds; what is seen leaves those that agree.
"""

from dataclasses import dataclass, field

Flags = frozenset[str]


@dataclass(frozen=True)
class Copy:
    box: str
    uid: int | None
    flags: Flags


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
    worlds: set[World] = field(default_factory=lambda: {EMPTY})
    been_in: set[str] = field(default_factory=set)
    refused_in: set[str] = field(default_factory=set)
    lowest_uid: dict[str, int] = field(default_factory=dict)  # by box: what arrives is above
    stamps: dict[str, Stamp] = field(default_factory=dict)
    moved: tuple[str, str] | None = None  # the last change was a MOVE of unknown outcome

    def copy_in(self, box: str) -> list[Copy]:
        """The copy there, as it is in each world that has one."""
        return [copy for world in self.worlds for copy in world if copy.box == box]

    def maybe(self, changed: set[World], outcome: str) -> None:
        """The worlds after a change, by how it ended."""
        if outcome == "acknowledged":
            self.worlds = changed
        elif outcome == "unknown":
            self.worlds = self.worlds | changed

    def place(self, box: str, uid: int | None, flags: Flags, outcome: str) -> None:
        if outcome == "refused":
            self.refused_in.add(box)
            return
        self.been_in.add(box)
        self.stamps[box] = Stamp()
        copy = {Copy(box, uid, flags)}
        self.maybe({without(world, box) | copy for world in self.worlds}, outcome)

    def remove(self, box: str, outcome: str) -> None:
        self.maybe({without(world, box) for world in self.worlds}, outcome)

    def transfer(self, box: str, target: str, uid: int | None, keep: bool, outcome: str) -> None:
        """COPY or MOVE: flags go along."""
        if outcome == "refused":
            self.refused_in.add(target)
            return
        self.been_in.add(target)
        self.stamps[target] = Stamp()
        changed = set()
        for world in self.worlds:
            there = {Copy(target, uid, copy.flags) for copy in world if copy.box == box}
            rest = without(world, target) if there else world
            changed.add((rest if keep else without(rest, box)) | there)
        self.maybe(changed, outcome)
        self.moved = (box, target) if outcome == "unknown" and not keep else None

    def set_flags(self, box: str, mode: str, flags: Flags, outcome: str) -> bool:
        """Whether it changed something in every world."""
        changed, all_differ = set(), True
        for world in self.worlds:
            new = set()
            for copy in world:
                if copy.box == box:
                    after = copy.flags | flags if mode == "+" else copy.flags - flags
                    all_differ &= after != copy.flags
                    copy = Copy(box, copy.uid, after)
                new.add(copy)
            changed.add(frozenset(new))
        self.maybe(changed, outcome)
        return all_differ

    def forget_box(self, box: str) -> None:
        """The mailbox is gone, and what was in it."""
        self.worlds = {without(world, box) for world in self.worlds}


def without(world: World, box: str) -> World:
    return frozenset(copy for copy in world if copy.box != box)


def agrees(expected: Copy | None, seen: Copy | None) -> bool:
    if expected is None or seen is None:
        return expected is seen
    return expected.uid in (None, seen.uid) and expected.flags == seen.flags


def narrow(message: Message, box: str, seen: Copy | None) -> tuple[str, str] | None:
    """One mailbox was looked into: keeps the worlds that agree; else the broken rule and why. What
    was seen is taken for true then."""
    here = {world: next((c for c in world if c.box == box), None) for world in message.worlds}
    good = {world for world, copy in here.items() if agrees(copy, seen)}
    found = None if good else broken(message, box, list(here.values()), seen)
    kept = good or message.worlds
    message.worlds = {without(world, box) | ({seen} if seen else set()) for world in kept}
    return found


def broken(
    message: Message, box: str, expected: list[Copy | None], seen: Copy | None
) -> tuple[str, str]:
    """Why no world agrees with what was seen in the mailbox."""
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
    if len(copies) < len(expected) or len(message.worlds) > 1:
        return "torn", f"flags {sorted(seen.flags)} are half of what was asked for"
    return "flag-lost", f"flags are {sorted(seen.flags)}"


def torn(message: Message, box: str) -> tuple[str, str] | None:
    """A MOVE of unknown outcome: it is here or there, never both or neither."""
    if message.moved and box in message.moved:
        return "torn", "a MOVE that ended half: both or neither"
    return None
