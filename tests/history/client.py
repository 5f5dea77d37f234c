"""What all simulated clients share: a place, a log, chance from a seed, and a life of one round."""

import random
import ssl
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from history import record
from history.wire import Lost, Stuck, Wire

BACK_OFF = 0.05  # seconds between attempts to connect


@dataclass
class Place:
    """The node that a client talks to."""

    name: str
    host: str
    ports: dict[str, Any]
    tls: ssl.SSLContext | None = None  # for protocols with a password; None: it is on loopback

    def connect(self, protocol: str) -> Wire:
        if self.tls and protocol in ("imap", "pop3"):
            return Wire(self.host, self.ports[f"{protocol}s"], self.tls)
        return Wire(self.host, self.ports[protocol])


@dataclass
class Account:
    user: str
    password: str
    owners: list[str] = field(default_factory=list)  # clients that share what is delivered to it
    makers: list[str] = field(default_factory=list)  # those that only have what they append
    crowd: int = 0  # messages in INBOX when it was last observed

    def owner(self, message: str) -> str:
        """The one client that changes it: who appended it, or who has its share of what comes. Two
        that share a message are named with a "+"."""
        maker = message.split(".")[0]
        if maker in self.owners or maker in self.makers:
            return maker
        return self.owners[sum(message.encode()) % len(self.owners)]

    def owns(self, client: str, message: str) -> bool:
        return client in self.owner(message).split("+")

    def shares(self, message: str) -> bool:
        return "+" in self.owner(message)


@dataclass
class Phase:
    """Of a round with two nodes, as its clients are told: "linked", "apart" (each node that lives
    has noticed), "merging"."""

    name: str = "linked"
    epoch: int = 0  # another one: UIDs may have changed
    dead: str = ""  # node

    def enter(self, name: str) -> None:
        self.name = name
        self.epoch += 1


class Client:
    def __init__(self, name: str, place: Place, folder: Path) -> None:
        self.name, self.place = name, place
        self.log = record.Log(folder, name, place.name)
        self.phase = Phase()
        self.chance = random.Random(name)
        self.over = threading.Event()
        self.problems: list[str] = []
        self.made = 0
        self.round = 0

    def begin(self, seed: str, round: int, over: threading.Event) -> None:
        self.chance = random.Random(f"{seed}/{round}/{self.name}")
        self.round, self.over = round, over

    def new_id(self) -> str:
        self.made += 1
        return f"{self.name}.{self.round}.{self.made}"

    def live(self) -> None:
        """Works until the round is over; whenever the connection dies it makes a new one."""
        while not self.over.is_set():
            try:
                self.session()
            except Stuck as wrong:
                self.problems.append(f"{self.name}: stuck: {wrong}")
            except Lost:
                time.sleep(BACK_OFF)
            except Exception as wrong:  # of this program, or an answer that makes no sense
                self.problems.append(f"{self.name}: {type(wrong).__name__}: {wrong}")
                time.sleep(BACK_OFF)

    def session(self) -> None:
        """One connection, until the round is over; raises Lost."""
        raise NotImplementedError

    def learn(self, observed: record.Event) -> None:
        """What its account held while nobody changed anything: what was unknown is known now."""
