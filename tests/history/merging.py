"""What becomes of a message or a mailbox that two nodes changed apart from each other, by the rules
of docs/mirror.md."""

from collections.abc import Iterator
from itertools import product

from history.mailboxes import Name
from history.states import State
from history.worlds import Copy, Flags, World, find

FIRST, SECOND = 1, 2  # parts of a state
Deleted = dict[int, set[str]]  # mailboxes that may be, by part
RULES = ("per-flag", "later")  # "later": of two sets of flags one holds, as there is no rule yet


def flags(was: Flags, one: Flags, other: Flags, rule: str) -> set[Flags]:
    """Each flag by itself: what a side changed holds."""
    changed = (one ^ was) | (other ^ was)
    merged = {was ^ changed}
    if rule == "later" and was not in (one, other) and one != other:
        merged |= {one, other}
    return merged


def arrived(state: State[World], box: str) -> dict[int, Copy]:
    """The copies that have come since they parted, by part. One that went and came back is another
    one."""
    was = find(state[0], box)
    sides = {number: each for number in (1, 2) if (each := find(state[number], box))}
    return {number: each for number, each in sides.items()
            if was is None or was.uid not in (None, each.uid)}  # fmt: skip


def is_moved(was: Copy, now: Copy) -> bool:
    """Maybe away and back."""
    return was.box != now.box or was.uid not in (None, now.uid)


def both_have(was: Copy | None, one: Copy, other: Copy, rule: str) -> list[Copy | None]:
    """Something at both sides: it is at one place, and each flag is as somebody wants it."""
    base = was or one
    moved = [each for each in (one, other) if is_moved(base, each)]
    uid = one.uid if one.uid == other.uid and not moved else None
    found = sorted(flags(base.flags, one.flags, other.flags, rule), key=sorted)
    boxes = sorted({each.box for each in moved or [one]})
    return [Copy(box, uid, each) for box in boxes for each in found]


def one_has(was: Copy | None, there: Copy, deleted: set[str]) -> list[Copy | None]:
    """Something at one side only: it is new, or the other side expunged it. What was deleted there
    with its mailbox may have been moved out of that here."""
    lives = Copy(there.box, None, there.flags)  # its UID may be one that the other side gave out
    if was is None:
        return [lives]
    return [None, lives] if is_moved(was, there) and was.box in deleted else [None]


def copies(state: State[World], thing: str, rule: str, deleted: Deleted) -> list[Copy | None]:
    """What may become of one thing."""
    was, one, other = (find_thing(part, thing) for part in state)
    if one and other:
        return both_have(was, one, other, rule)
    if one:
        return one_has(was, one, deleted[SECOND])
    return one_has(was, other, deleted[FIRST]) if other else [None]


def find_thing(world: World, thing: str) -> Copy | None:
    return next((copy for copy in world if copy.thing == thing), None)


def world(state: State[World], rule: str, deleted: Deleted) -> Iterator[World]:
    """All that may come of it."""
    things = sorted({each.thing for part in state for each in part})
    choices = [copies(state, thing, rule, deleted) for thing in things]
    for chosen in product(*choices):
        yield frozenset(each for each in chosen if each)


def is_deleted(state: State[Name]) -> bool:
    """A mailbox, at one of the sides."""
    was, one, other = state
    return was is not None and (one is None) != (other is None)


def name(state: State[Name]) -> set[Name]:
    """Of a mailbox."""
    was, one, other = state
    if was is None or one == other:
        return {one or other}
    if one is None or other is None:
        return {None, one or other}  # it comes back with what arrived there, if anything did
    if was in (one, other):
        return {other if one == was else one}
    return {one, other}  # the later one
