"""An IMAP client that changes the flags of a few messages, and the names of a few mailboxes, all the
time: so that at any moment a change is under way, and what it was about is changed again soon."""

from collections.abc import Callable

from history.record import Event
from history.twin import Twin

FEW = 4  # messages in INBOX


class Toggler(Twin):
    thinks = 0.003

    def learn(self, observed: Event) -> None:
        super().learn(observed)
        for box in self.both():  # which others change
            self.model.forget_box(box)

    def disagrees(self) -> bool:
        return False  # it has no twin

    def choose_box(self) -> str:
        inbox = [box for box, name in self.model.boxes.items() if name == "INBOX"]
        return inbox[0] if self.chance.random() < 0.8 else super().choose_box()

    def weights(self, crowded: bool) -> dict[Callable[[str], None], int]:
        known = sum(len(copies) for copies in self.model.copies.values())
        return {self.append: 20 if known < FEW else 1, self.store: 100, self.read: 5}

    def tree_share(self) -> float:
        return 0.3
