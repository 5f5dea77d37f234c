"""The load of two nodes: every account is written through both at once, each way there is."""

from pathlib import Path
from typing import Any

from history.client import Phase
from history.imap import Imap
from history.load import Load
from history.model import BOTH
from history.popper import Popper
from history.senders import Sender
from history.toggler import Toggler
from history.twin import Twin
from history.watcher import Watcher


class PairLoad(Load):
    phase: Phase

    def __init__(self, described: dict[str, Any], folder: Path) -> None:
        super().__init__(described, folder, 0)

    def hire(self, folder: Path, clients: int) -> None:
        self.phase = Phase()
        for number, place in enumerate(self.places, 1):
            for kind in ("smtp", "lmtp"):
                name = f"{kind}{number}"
                self.clients.append(Sender(name, place, folder, self.accounts, kind == "lmtp"))
            account = self.accounts[number]
            account.owners.append(f"pop{number}")
            self.clients.append(Popper(f"pop{number}", place, folder, account))
        for number, account in enumerate(self.accounts):
            twins = [f"imap{2 * number + 1}", f"imap{2 * number + 2}"]
            account.owners += [*twins, "+".join(twins), "+".join(twins)]
            for twin, home, other in zip(twins, self.places, reversed(self.places), strict=True):
                self.clients.append(Twin(twin, home, other, folder, account))
            place = self.places[number % 2]
            self.clients.append(Watcher(f"watcher{number + 1}", place, folder, account))
            toggler = f"toggler{number + 1}"
            account.makers.append(toggler)
            self.clients.append(Toggler(toggler, place, place, folder, account))
        for client in self.clients:
            client.phase = self.phase

    def prepare(self) -> None:
        """Mailboxes that both twins change."""
        for account in self.accounts:
            imap = Imap(self.places[0].connect("imap"), account.user, account.password)
            for name in ("a", "b", "c", "a/x"):
                imap.must(f'CREATE "{BOTH}{name}"')
            imap.close()

    def compare(self) -> list[Any]:
        """All accounts by the second node."""
        place = self.places[1]
        return [self.observers[account.user, place.name].observe(account, place, "compare")
                for account in self.accounts]  # fmt: skip
