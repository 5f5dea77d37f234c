"""What an IMAP client knows of its account: its own mailboxes, and its own messages in all.

What an unknown outcome touched is left alone until the next observation.
"""

import random
from dataclasses import dataclass, field

from history.record import Event

SHARED = ("INBOX", "Archive")  # mailboxes in which several clients have messages
BOTH = "both/"  # so begin the names of those that two clients make, rename and delete


@dataclass
class Copy:
    id: str
    flags: set[str] = field(default_factory=set)


class Model:
    def __init__(self, client: str) -> None:
        self.client = client
        self.pool = [f"{client}/{name}" for name in ("a", "b", "c d", "e", "a/x", "b/y", "e/f/g")]
        self.boxes: dict[str, str] = {}  # MAILBOXID: name
        self.copies: dict[str, dict[int, Copy]] = {}
        self.doubtful_ids: set[str] = set()
        self.doubtful_names: set[str] = set()
        self.highest_seen = 0  # UID in INBOX

    @staticmethod
    def is_shared(name: str) -> bool:
        return name in SHARED or name.startswith(BOTH)

    def learn(self, observed: Event, mine: set[str]) -> None:
        self.__init__(self.client)  # type: ignore[misc]
        for box in observed["boxes"]:
            shared = self.is_shared(box["name"])
            if not shared and not box["name"].startswith(f"{self.client}/"):
                continue
            self.add_box(box["box"], box["name"])
            for row in box["rows"]:
                if not shared or row["id"] in mine:
                    self.copies[box["box"]][row["uid"]] = Copy(row["id"], set(row["flags"]))
            if box["name"] == "INBOX":
                self.highest_seen = max((row["uid"] for row in box["rows"]), default=0)

    def add_box(self, box: str, name: str) -> None:
        self.boxes[box] = name
        self.copies[box] = {}

    def forget_box(self, box: str) -> None:
        """Also its name: something of that name may be there."""
        self.doubtful_names.add(self.boxes.pop(box))
        del self.copies[box]

    def own_boxes(self) -> list[str]:
        return [box for box, name in self.boxes.items() if not self.is_shared(name)]

    def doubt(self, names: list[str], boxes: list[str]) -> None:
        """After an unknown outcome: these messages and, if its own, these mailboxes."""
        self.doubtful_ids.update(names)
        for box in boxes:
            if box in self.boxes and self.boxes[box] not in SHARED:
                self.forget_box(box)

    def children(self, name: str) -> list[str]:
        return [box for box, other in self.boxes.items() if other.startswith(f"{name}/")]

    def has_doubtful_children(self, name: str) -> bool:
        return any(other.startswith(f"{name}/") for other in self.doubtful_names)

    def is_free(self, name: str) -> bool:
        """Neither it nor anything below it is or may be there."""
        used = [*self.boxes.values(), *self.doubtful_names]
        return not any(other == name or other.startswith(f"{name}/") for other in used)

    def pick(self, chance: random.Random, box: str, most: int) -> list[int]:
        """Some messages whose state is known."""
        sure = [uid for uid, copy in self.copies[box].items() if copy.id not in self.doubtful_ids]
        return sorted(chance.sample(sure, min(len(sure), chance.randint(1, most))))

    def held(self) -> int:
        return sum(len(copies) for copies in self.copies.values())
