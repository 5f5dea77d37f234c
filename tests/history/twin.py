"""An IMAP client of two nodes. It has a twin at the other node, and a share of its account that both
change: some of what is delivered, and mailboxes below "both/".

When its node is dead it goes to the other one, or waits. Of what both change it leaves alone what
nobody could judge: while the nodes are being merged, and mailboxes that its twin may have renamed.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from history import record
from history.client import Account, Place
from history.imap import Answer, Literal
from history.model import BOTH, Copy
from history.reader import Reader

NAMES = [f"{BOTH}{name}" for name in ("a", "b", "c", "d", "e", "f", "a/x", "b/y")]
FEW = 25  # messages of a mailbox that twins disagree about
TREE_CHANGES = 6  # of those that both make, in a round


class Twin(Reader):
    thinks = 0.01  # seconds at most, before a command

    def __init__(self, name: str, home: Place, other: Place, folder: Path, account: Account):
        super().__init__(name, home, folder, account)
        self.home, self.other = home, other
        self.roams = False

    def begin(self, seed: str, round: int, over: threading.Event) -> None:
        super().begin(seed, round, over)
        self.place, self.roams, self.tree_changes = self.home, self.chance.random() < 0.7, 0

    def learn(self, observed: record.Event) -> None:
        super().learn(observed)
        self.known = dict.fromkeys(self.model.boxes, (self.phase.epoch, self.home.name))

    def session(self) -> None:
        if self.phase.name != "merging":  # then it stays where it knows what it did
            is_away = self.phase.dead == self.home.name and self.roams
            self.place = self.other if is_away else self.home
        self.log.node = self.place.name
        super().session()

    # UIDs may have changed since two nodes were merged, and at the other one

    def knows(self, box: str) -> bool:
        if not self.disagrees():
            self.over.wait(self.chance.random() * self.thinks)
        return super().knows(box) and self.known.get(box) == self.here()

    def choose_box(self) -> str:
        if self.phase.name == "merging":
            for box in self.both():
                self.model.forget_box(box)
        inbox = [box for box, name in self.model.boxes.items() if name == "INBOX"]
        choice = self.chance.random() if self.disagrees() else 1.0
        if choice < 0.5:
            return inbox[0]
        return self.chance.choice(self.both() or inbox) if choice < 0.8 else super().choose_box()

    def here(self) -> tuple[int, str]:
        return self.phase.epoch, self.place.name

    def look_around(self, box: str) -> None:
        here = self.here()
        if self.known.get(box) == here and self.phase.name != "merging":
            super().look_around(box)
        else:
            self.look_again(box)
            self.known[box] = here

    def look_again(self, box: str) -> None:
        """Under which UIDs its messages are."""
        start, merging = record.now(), self.phase.name == "merging"
        known = {copy.id: uid for uid, copy in self.model.copies[box].items()}
        found = [row for row in self.fetch("1:*") if self.account.owns(self.name, row.id)]
        if merging:
            found = [row for row in found if row.id in known]
        self.model.copies[box] = {row.uid: Copy(row.id, set(row.flags)) for row in found}
        if self.model.boxes[box] == "INBOX" and not merging:
            self.model.highest_seen = max((row.uid for row in found), default=0)
        missing = known.keys() - {row.id for row in found}
        sure = missing - self.model.doubtful_ids if not merging else set()
        asked = {known[name]: name for name in sure if not self.account.shares(name)}
        told = [row for row in found if row.id not in self.model.doubtful_ids]
        self.note_fetch(start, box, asked, told)

    def run(self, op: str, ids: list[str], touched: list[str], *parts: str | Literal,
            **fields: object) -> Answer | None:  # fmt: skip
        merging = self.phase.name == "merging"
        answer = super().run(op, ids, touched, *parts, **fields)
        if merging and op in ("store", "expunge"):  # by a UID that is another one now, maybe
            self.model.doubt(ids, [])
        return answer

    # What both change

    def disagrees(self) -> bool:
        """Its twin can't see what it does now, and does the same."""
        return self.phase.name == "apart" and not self.phase.dead

    def weights(self, crowded: bool) -> dict[Callable[[str], None], int]:
        if not self.disagrees():
            return super().weights(crowded)
        return {self.store: 60, self.move: 3, self.copy: 4, self.append: 10, self.expunge: 3}

    def expunges_at_most(self) -> int:
        return 2 if self.disagrees() else super().expunges_at_most()

    def tree_share(self) -> float:
        return 0.6 if self.disagrees() else super().tree_share()

    def pick(self, box: str, most: int) -> list[int]:
        copies, merging = self.model.copies[box], self.phase.name == "merging"
        shared = [uid for uid, copy in copies.items() if self.account.shares(copy.id)
                  and copy.id not in self.model.doubtful_ids]  # fmt: skip
        if shared and self.disagrees() and self.chance.random() < 0.8:
            few = sorted(shared)[:FEW]
            return sorted(self.chance.sample(few, min(len(few), most)))
        return [uid for uid in super().pick(box, most) if not (merging and uid in shared)]

    def read(self, box: str) -> None:
        if self.phase.name != "merging":
            super().read(box)

    def may_put(self, name: str, target: str, op: str, box: str) -> bool:
        """What both own goes to this one's mailboxes only; mailboxes that may become one, as both
        got one name, don't get one message twice."""
        if not super().may_put(name, target, op, box):
            return False
        place = self.model.boxes[target]
        if self.account.shares(name):
            return not self.model.is_shared(place)
        if not place.startswith(BOTH):
            return True
        there = [other for other, called in self.model.boxes.items()
                 if called.startswith(BOTH) and not (op == "move" and other == box)]  # fmt: skip
        return all(super(Twin, self).may_put(name, other, op, box) for other in there)

    def is_alone_in(self, box: str) -> bool:
        copies = self.model.copies[box].values()
        return super().is_alone_in(box) and not any(self.account.shares(c.id) for c in copies)

    def change_tree(self) -> None:
        if self.disagrees() and self.tree_changes < TREE_CHANGES:
            self.tree_changes += 1
            self.change_what_both_have()
        else:
            super().change_tree()

    def both(self) -> list[str]:
        return [box for box, name in self.model.boxes.items() if name.startswith(BOTH)]

    def change_what_both_have(self) -> None:
        boxes = self.both()
        free = [name for name in NAMES if self.model.is_free(name)]
        way = self.chance.choice(("create", "rename", "rename", "delete"))
        if way == "create" and free:
            self.create(self.chance.choice(free))
        elif way == "rename" and boxes:
            self.rename(self.chance.choice(boxes), free)
        elif way == "delete" and boxes:
            self.delete(self.chance.choice(boxes))
