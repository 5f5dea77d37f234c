"""A server that is measured."""

import socket
import time
from abc import ABC, abstractmethod
from pathlib import Path

from account import Account

DOMAIN = "example.test"
PASSWORD = "secret"


class Target(ABC):
    name: str
    durability: str  # what is on the disk before a delivery is answered
    is_fast = False
    workloads: tuple[str, ...] | None = None  # None: all
    is_ours = False
    idle_max = 1 << 30  # connections, for servers whose memory would not hold more

    def __init__(self, folder: Path, users: int) -> None:
        self.folder = folder / self.name
        self.users = users
        self.ports: dict[str, int] = {}  # empty: it was never started
        self.account = Account(self.name)

    @classmethod
    def takes_part(cls, workload: str, ours_only: bool) -> bool:
        return cls.is_ours if ours_only else cls.workloads is None or workload in cls.workloads

    @abstractmethod
    def start(self) -> None:
        """Serves when it returns. Users user0000@… with PASSWORD."""

    @abstractmethod
    def stop(self) -> None: ...

    def queued(self) -> int:
        """Messages that were taken by SMTP and are in no mailbox yet."""
        return 0

    def drain(self) -> None:
        end = time.monotonic() + 120
        while self.queued():
            if time.monotonic() > end:
                raise RuntimeError(f"{self.name}: the queue does not drain")
            time.sleep(0.05)

    def close(self) -> None:
        self.stop()
        self.account.close()


def wait_for_port(port: int, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise RuntimeError(f"port {port} did not open") from None
            time.sleep(0.05)
