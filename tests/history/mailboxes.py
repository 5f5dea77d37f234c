"""Which mailboxes an account may have, by MAILBOXID, and under which names."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from history.floor import Floor

Names = set[str | None]  # None: not there


@dataclass
class Mailbox:
    names: Names
    validity: int | None = None
    uid_next: Floor = field(default_factory=Floor)
    modseq: Floor = field(default_factory=Floor)
    previous: dict[int, list[str]] = field(default_factory=dict)  # last observed: flags by UID


class Tree:
    def __init__(self) -> None:
        self.boxes: dict[str, Mailbox] = {}
        self.maybe_created: list[str] = []
        self.refused: list[str] = []
        self.is_known = False  # whatever the first observation finds was there before

    def created(self, box: str | None, name: str, outcome: str) -> None:
        if outcome == "refused":
            self.refused.append(name)
        elif box is None:
            self.maybe_created.append(name)
        else:
            self.boxes[box] = Mailbox({name} if outcome == "acknowledged" else {name, None})

    def changed(self, box: str, to: str | None, outcome: str) -> None:
        """Renamed, or deleted (None)."""
        if box in self.boxes and outcome != "refused":
            names: Names = {to}
            self.boxes[box].names = names if outcome == "acknowledged" else (
                self.boxes[box].names | names)  # fmt: skip

    def gone(self, box: str) -> bool:
        return box in self.boxes and self.boxes[box].names == {None}

    def observed(self, seen: dict[str, str]) -> Iterator[tuple[str, str]]:
        """All mailboxes that are there, by id; gives broken rules, then takes it for true."""
        for box, mailbox in self.boxes.items():
            name = seen.get(box)
            if name not in mailbox.names:
                yield self._broken(box, mailbox.names, name)
            mailbox.names = {name}
        for box, name in seen.items():
            if box in self.boxes:
                continue
            if name in self.maybe_created:
                self.maybe_created.remove(name)
            elif self.is_known:
                why = "CREATE was refused" if name in self.refused else "nobody created it"
                yield "mailbox-returned", f"{name!r} ({box}) is there: {why}"
            self.boxes[box] = Mailbox({name})
        self.maybe_created.clear()
        self.refused.clear()
        self.is_known = True

    @staticmethod
    def _broken(box: str, names: Names, name: str | None) -> tuple[str, str]:
        known = " or ".join(sorted(repr(other) for other in names if other)) or "none"
        if name is None:
            return "mailbox-lost", f"{known} ({box}) is gone"
        if names == {None}:
            return "mailbox-returned", f"{name!r} ({box}) was deleted and is there"
        return "rename-undone", f"{box} is named {name!r}, not {known}"
