"""What becomes of a message or a mailbox that two nodes changed apart from each other, by the rules
of docs/mirror.md; a MOVE is a copy, and an expunge."""

from collections.abc import Iterator
from itertools import product

from history.mailboxes import Name
from history.states import State
from history.worlds import Copy, Flags, World, find

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


def copies(state: State[World], box: str, rule: str) -> list[Copy | None]:
    """What may be in the mailbox."""
    was, one, other = (find(part, box) for part in state)
    for new in arrived(state, box).values():
        return [Copy(box, None, new.flags)]  # its UID may be one that the other side gave out
    if not (was and one and other):
        return [None]  # expunge wins
    uid = one.uid if one.uid == other.uid else None
    found = sorted(flags(was.flags, one.flags, other.flags, rule), key=sorted)
    return [Copy(box, uid, each) for each in found]


def world(state: State[World], rule: str) -> Iterator[World]:
    """All that may come of it."""
    boxes = sorted({each.box for part in state for each in part})
    choices = [copies(state, box, rule) for box in boxes]
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
