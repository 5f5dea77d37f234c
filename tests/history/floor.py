"""A counter that may only grow, as many clients saw it: what it was at least, at any time."""

from bisect import bisect_right
from collections.abc import Iterable


class Floor:
    def __init__(self) -> None:
        self.times: list[int] = []  # ascending, and so are the values
        self.values: list[int] = []

    def at(self, time: int) -> int:
        """What had been seen by then."""
        index = bisect_right(self.times, time)
        return self.values[index - 1] if index else 0

    def add(self, time: int, value: int) -> None:
        if value <= self.at(time):
            return
        index = bisect_right(self.times, time)
        end = index
        while end < len(self.values) and self.values[end] <= value:
            end += 1
        self.times[index:end] = [time]
        self.values[index:end] = [value]

    def settle(self, time: int) -> None:
        """Nothing older will be asked for."""
        index = bisect_right(self.times, time)
        if index > 1:
            del self.times[: index - 1], self.values[: index - 1]


class Floors:
    """Of one counter, by who saw it: a node, or a client that goes from one node to the other."""

    def __init__(self) -> None:
        self.of: dict[str, Floor] = {}

    def at(self, who: Iterable[str], time: int) -> int:
        return max((self.of[name].at(time) for name in who if name in self.of), default=0)

    def add(self, who: Iterable[str], time: int, value: int) -> None:
        for name in who:
            self.of.setdefault(name, Floor()).add(time, value)

    def settle(self, time: int) -> None:
        for floor in self.of.values():
            floor.settle(time)
