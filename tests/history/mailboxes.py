"""Which mailboxes an account may have, by MAILBOXID, and under which names."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from history.floor import Floors
from history.states import TOGETHER, Reach, State, part_ways, step

Name = str | None  # None: not there


@dataclass
class Mailbox:
    states: set[State[Name]]
    validity: int | None = None
    validity_may_grow: bool = False
    uid_next: Floors = field(default_factory=Floors)
    modseq: Floors = field(default_factory=Floors)
    # last observed, by node: flags by UID
    previous: dict[str, dict[int, list[str]]] = field(default_factory=dict)

    def names(self, part: int = 0) -> set[Name]:
        return {state[part] for state in self.states}


class Tree:
    def __init__(self) -> None:
        self.boxes: dict[str, Mailbox] = {}
        self.parts = 1  # of a state
        self.maybe_created: list[str] = []
        self.refused: list[str] = []
        self.is_known = False  # whatever the first observation finds was there before

    def created(self, box: str | None, name: str, outcome: str, reach: Reach = TOGETHER) -> None:
        if outcome == "refused":
            self.refused.append(name)
        elif box is None:
            self.maybe_created.append(name)
        else:
            nowhere: set[State[Name]] = {(None,) * self.parts}
            self.boxes[box] = Mailbox(step(nowhere, lambda _: name, outcome, reach))

    def changed(self, box: str, to: Name, outcome: str, reach: Reach = TOGETHER) -> None:
        """Renamed, or deleted (None)."""
        if box in self.boxes:
            mailbox = self.boxes[box]
            mailbox.states = step(mailbox.states, lambda _: to, outcome, reach)

    def part_ways(self) -> None:
        self.parts = 3
        for mailbox in self.boxes.values():
            mailbox.states = part_ways(mailbox.states)

    def observed(self, seen: dict[str, str]) -> Iterator[tuple[str, str, str]]:
        """All mailboxes that are there, by id; gives the mailbox, the rule that is broken there and
        why; then takes what is seen for true."""
        for box, mailbox in self.boxes.items():
            name = seen.get(box)
            if name not in mailbox.names():
                yield (box, *self._broken(box, mailbox.names(), name))
            mailbox.states = {(name,)}
        for box, name in seen.items():
            if box in self.boxes:
                continue
            if name in self.maybe_created:
                self.maybe_created.remove(name)
            elif self.is_known:
                why = "CREATE was refused" if name in self.refused else "nobody created it"
                yield box, "mailbox-returned", f"{name!r} ({box}) is there: {why}"
            self.boxes[box] = Mailbox({(name,)})
        self.boxes = {box: known for box, known in self.boxes.items() if box in seen}
        self.maybe_created.clear()
        self.refused.clear()
        self.is_known = True

    @staticmethod
    def _broken(box: str, names: set[Name], name: Name) -> tuple[str, str]:
        known = " or ".join(sorted(repr(other) for other in names if other)) or "none"
        if name is None:
            return "mailbox-lost", f"{known} ({box}) is gone"
        if names == {None}:
            return "mailbox-returned", f"{name!r} ({box}) was deleted and is there"
        return "rename-undone", f"{box} is named {name!r}, not {known}"
