"""The mixed load: a dozen clients over a few accounts, in rounds, on the nodes of a shape."""

import ssl
import threading
from itertools import cycle
from pathlib import Path
from typing import Any

from history.client import Account, Client, Place
from history.observe import Observer
from history.popper import Popper
from history.reader import Reader
from history.record import Event
from history.senders import Sender

ACCOUNTS = 4
SMALLEST = 6  # clients
MARGIN = 90  # seconds for a client to end, of which its connection's patience is most


class Load:
    def __init__(self, described: dict[str, Any], folder: Path, clients: int) -> None:
        self.places = [place_of(described, node) for node in described["nodes"]]
        self.accounts = [Account(u["name"], u["password"]) for u in described["users"][:ACCOUNTS]]
        self.clients: list[Client] = []
        self.hire(folder, clients)
        self.observers = {
            (account.user, place.name): Observer(f"observer{number}{place.name}", place, folder)
            for number, account in enumerate(self.accounts)
            for place in self.places
        }

    def hire(self, folder: Path, clients: int) -> None:
        places, accounts = cycle(self.places), cycle(self.accounts)
        for number in range(1, 3):
            for kind in ("smtp", "lmtp"):
                sender = Sender(
                    f"{kind}{number}", next(places), folder, self.accounts, kind == "lmtp"
                )
                self.clients.append(sender)
        first = self.accounts[0]
        self.clients.append(Popper("pop1", next(places), folder, first))
        first.owners.append("pop1")
        for number in range(1, max(clients, SMALLEST) - len(self.clients) + 1):
            account = next(accounts)
            account.owners.append(f"imap{number}")
            self.clients.append(Reader(f"imap{number}", next(places), folder, account))

    def begin(self, seed: str, round: int) -> None:
        self.over = threading.Event()
        self.threads = [threading.Thread(target=c.live, daemon=True) for c in self.clients]
        for client in self.clients:
            client.begin(seed, round, self.over)
        for thread in self.threads:
            thread.start()

    def end(self) -> list[str]:
        """Returns when no client works any more, with what went wrong."""
        self.over.set()
        problems = []
        for client, thread in zip(self.clients, self.threads, strict=True):
            thread.join(MARGIN)
            if thread.is_alive():
                problems.append(f"{client.name}: does not end")
            problems += client.problems
            client.problems = []
        return problems

    def take(self) -> list[Event]:
        return [event for client in self.clients for event in client.log.take()]

    def observe(self, place: Place) -> list[Event]:
        """All accounts by one node; the clients know what is there then."""
        events = []
        for account in self.accounts:
            observer = self.observers[account.user, place.name]
            event = observer.observe(account, place)
            events += observer.log.take()
            for client in self.clients:
                if getattr(client, "account", None) is account:
                    client.learn(event)
        return events


def place_of(described: dict[str, Any], node: dict[str, Any]) -> Place:
    tls = ssl.create_default_context(cafile=described["ca"]) if "namespace" in node else None
    return Place(node["name"], node["host"], node, tls)
