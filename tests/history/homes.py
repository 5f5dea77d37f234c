"""Clients of users who live at one of two nodes and are on the move: each connection tries either node, so
that a node that lets somebody in who lives at the other one is found, and mail is tried again until it is
taken."""

import base64
import hashlib
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING

from history import messages, record
from history.client import BACK_OFF, Account, Client, Place
from history.load import Load
from history.observe import Observer
from history.popper import Popper
from history.reader import Reader
from history.smtp import Smtp
from history.watcher import Watcher
from history.wire import LocalWire, Lost, Wire

if TYPE_CHECKING:
    from backends import Backend

ANSWERED_WITHIN = 5 * 10**9  # nanoseconds behind the end of a round, for mail that nobody has said yes or no to


class Home(Place):
    """Where a user is served. Counters that were seen at one node hold at the other one."""

    def __init__(self, nodes: list["Backend"], seed: str) -> None:
        super().__init__("home", "127.0.0.1", {})
        self.nodes, self.chance = nodes, random.Random(seed)
        self.lives = nodes[0]
        self.is_known = True  # he is not on his way: no need to try

    def connect(self, protocol: str) -> Wire:
        node = self.lives if self.is_known else self.chance.choice(self.nodes)
        if protocol == "lmtp":
            return LocalWire(node.place / "lmtp")
        return Wire(self.host, node.port if protocol == "imap" else node.pop3)

    def other(self) -> "Backend":
        return next(node for node in self.nodes if node is not self.lives)


class Deliverer(Client):
    """As an mx: a message has an id, by which the store knows it when an answer was lost (XDELIVERY)."""

    def __init__(self, name: str, place: Place, folder: Path, account: Account) -> None:
        super().__init__(name, place, folder)
        self.receiver = account
        self.tries = 0  # that were answered by 4xx, or by nobody

    def session(self) -> None:
        name = self.new_id()
        message = messages.make(name, self.chance)
        start, outcome = record.now(), self.deliver(name, message)
        self.log.write("deliver", start, outcome, id=name, account=self.receiver.user,
                       sha=messages.digest(message))  # fmt: skip
        self.over.wait(self.chance.random() * 0.03)

    def deliver(self, name: str, message: bytes) -> str:
        in_doubt, end = False, 0
        while True:
            smtp: Smtp | None = None
            try:
                smtp = Smtp(self.place.connect("lmtp"), lmtp=True)
                code = self.attempt(smtp, name, message, in_doubt)
                if code // 100 == 2:
                    return record.ACKNOWLEDGED
                if code // 100 != 4:
                    self.problems.append(f"{self.name}: {name}: {code}")
                    return record.REFUSED
            except Lost:
                in_doubt |= smtp is not None and getattr(smtp, "asked", False)
            finally:
                if smtp:
                    smtp.close()
            self.tries += 1
            if self.over.is_set():
                end = end or record.now() + ANSWERED_WITHIN
                if not in_doubt:
                    return record.REFUSED
                if record.now() > end:
                    return record.UNKNOWN
            time.sleep(BACK_OFF / 2)

    def attempt(self, smtp: Smtp, name: str, message: bytes, again: bool) -> int:
        digest = hashlib.sha256(f"{name} {self.receiver.user}".encode()).digest()[:16]
        delivery = base64.b32encode(digest).decode().rstrip("=").lower()
        more = f" XDELIVERY={delivery}{',again' if again else ''}"
        smtp.send("history@elsewhere.test", [self.receiver.user], message, more)
        return smtp.answers.get(self.receiver.user, 0)


class HomesLoad(Load):
    def __init__(self, accounts: list[Account], homes: list[Home], folder: Path) -> None:
        self.accounts, self.homes = accounts, homes
        self.clients: list[Client] = []
        for number, (account, home) in enumerate(zip(accounts, homes, strict=True), 1):
            self.hire_for(number, account, home, folder)
        self.observers = {
            (account.user, home.name): Observer(f"observer{number}", home, folder)
            for number, (account, home) in enumerate(zip(accounts, homes, strict=True), 1)
        }

    def hire_for(self, number: int, account: Account, home: Home, folder: Path) -> None:
        self.clients.append(Deliverer(f"lmtp{number}", home, folder, account))
        self.clients.append(Watcher(f"watcher{number}", home, folder, account))
        self.clients.append(Reader(f"imap{number}", home, folder, account))
        account.owners.append(f"imap{number}")
        if number == 1:
            self.clients.append(Popper("pop1", home, folder, account))
            account.owners.append("pop1")

    def observe_user(self, number: int) -> list[record.Event]:
        """Where he lives."""
        account, home = self.accounts[number], self.homes[number]
        observer = self.observers[account.user, home.name]
        event = observer.observe(account, home)
        for client in self.clients:
            if getattr(client, "account", None) is account:
                client.learn(event)
        return observer.log.take()
