"""What may be: a set of states, of which one is the true one.

While nodes agree a state has one part. While two are apart it has three: as it was when they
parted, at the first node, at the second. A change gets to some of the parts; when nobody knows to
which, there are several ways it may have gone.
"""

from collections.abc import Callable
from typing import TypeVar

from history.record import ACKNOWLEDGED, REFUSED

Part = TypeVar("Part")
State = tuple[Part, ...]
Reach = tuple[frozenset[int], ...]  # the parts that a change gets to, each way it may have gone

TOGETHER: Reach = (frozenset({0}),)


def step(states: set[State[Part]], change: Callable[[Part], Part], outcome: str,
         reach: Reach) -> set[State[Part]]:  # fmt: skip
    """The states after a change, by how it ended."""
    if outcome == REFUSED:
        return states
    after = {
        tuple(change(part) if number in parts else part for number, part in enumerate(state))
        for state in states
        for parts in reach
    }
    return after if outcome == ACKNOWLEDGED else states | after


def part_ways(states: set[State[Part]]) -> set[State[Part]]:
    """From here on the two nodes may differ."""
    return {state * 3 for state in states}
