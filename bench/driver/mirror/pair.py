"""What is measured: two servers that keep each other equal, and one of the same kind that stands alone."""

import time
from abc import ABC, abstractmethod
from pathlib import Path

from account import Account
from network import Place

SYNC_SECONDS = 120


class Server(ABC):
    """One node or two, `places`, whose processes are accounted for together."""

    def __init__(self, name: str, folder: Path, users: int) -> None:
        self.folder = folder
        self.users = users
        self.account = Account(name)
        self.places: list[Place] = []

    @abstractmethod
    def start(self) -> None:
        """Serves when it returns, and two are equal."""

    @abstractmethod
    def stop(self) -> None: ...

    def drain(self) -> None:
        """Returns when both have everything."""

    def counters(self) -> dict[str, float]:
        """What it counts itself, since its start; for figures an operation."""
        return {}

    def close(self) -> None:
        self.stop()
        self.account.close()


class Pair(Server):
    @abstractmethod
    def cut(self) -> None:
        """The wire between the two; both keep their clients."""

    @abstractmethod
    def mend(self) -> None: ...

    @abstractmethod
    def is_equal(self) -> bool: ...

    def after_mend(self) -> None:
        """What an operator has to do."""

    def await_equal(self, pause: float = 0.02) -> float:
        """time.monotonic() when both were."""
        end = time.monotonic() + SYNC_SECONDS
        while not self.is_equal():
            if time.monotonic() > end:
                raise RuntimeError(f"the two are not equal after {SYNC_SECONDS} s")
            time.sleep(pause)
        return time.monotonic()
