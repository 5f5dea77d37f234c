"""A crowd in one mailbox, behind a load balancer that gives each connection the other node."""

import time
from pathlib import Path
from typing import Any

from history.client import Account, Place
from history.crowd import CrowdChecker
from history.load import Load, place_of
from history.record import Event
from history.roamer import Roamer
from history.wire import Lost

ROAMERS = 6
SETTLE = 0.3  # seconds until the node has read what a dead connection had sent


class CrowdLoad(Load):
    accounts: list[Account]

    def __init__(self, described: dict[str, Any], folder: Path, user: int) -> None:
        self.front = place_of(described, described["front"] | {"name": "front", "namespace": ""})
        assert self.front.tls
        self.front.tls.check_hostname = False  # the nodes' certificates have their own
        self.checker = CrowdChecker()
        super().__init__(described | {"users": [described["users"][user]]}, folder, ROAMERS)

    def hire(self, folder: Path, clients: int) -> None:
        (account,) = self.accounts
        for number in range(1, clients + 1):
            self.clients.append(Roamer(f"roamer{number}", self.front, folder, account))

    def check(self, events: list[Event]) -> tuple[list[Event], list[str]]:
        """What they were told, and what is there now at both nodes: what was read, and what can't be."""
        self.checker.take(events)
        try:
            seen = self.observe(self.places[0]) + self.compare(self.places[1])
        except Lost as lost:
            return [], [f"can't be read: {lost}"]
        self.checker.take(seen)
        return seen, []

    def compare(self, place: Place) -> list[Event]:
        observers = [self.observers[account.user, place.name] for account in self.accounts]
        return [observer.observe(account, place, "compare")
                for observer, account in zip(observers, self.accounts, strict=True)]  # fmt: skip

    def messages(self) -> int:
        return sum(len(box.lives) for box in self.checker.boxes.values())


def work(load: CrowdLoad, seed: str, seconds: float) -> list[str]:
    """With nothing that happens meanwhile: what went wrong."""
    load.check([])
    load.begin(seed, 1)
    time.sleep(seconds)
    wrong = load.end()
    time.sleep(SETTLE)
    _, faults = load.check(load.take())
    return wrong + faults + [str(broken) for broken in load.checker.found]
