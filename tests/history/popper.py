"""A POP3 client: takes some of its messages out of INBOX; sometimes it leaves without QUIT."""

from pathlib import Path

from history import messages, record
from history.client import Account, Client, Place
from history.pop3 import Pop3
from history.wire import Lost


class Popper(Client):
    def __init__(self, name: str, place: Place, folder: Path, account: Account) -> None:
        super().__init__(name, place, folder)
        self.account = account
        self.left_alone: set[str] = set()  # their fate is unknown until the next observation

    def learn(self, observed: record.Event) -> None:
        self.left_alone.clear()

    def session(self) -> None:
        account = self.account
        pop = Pop3(self.place.connect("pop3"), account.user, account.password)
        try:
            chosen = self.mark(pop)
            self.leave(pop, chosen)
        finally:
            pop.close()
        self.over.wait(self.chance.random() * 0.2)

    def mark(self, pop: Pop3) -> list[str]:
        numbers = list(range(1, pop.count() + 1))
        chosen: list[str] = []
        for number in self.chance.sample(numbers, min(len(numbers), 40)):
            header = pop.header(number)
            name = messages.identify(header + b"\r\n")[0] if header else ""
            if name and self.account.owner(name) == self.name and name not in self.left_alone:
                if pop.ask(f"DELE {number}").startswith(b"+OK"):
                    chosen.append(name)
            if len(chosen) == 15:
                break
        return chosen

    def leave(self, pop: Pop3, chosen: list[str]) -> None:
        start, outcome = record.now(), record.REFUSED
        try:
            if self.chance.random() < 0.8:
                outcome = record.UNKNOWN
                if pop.ask("QUIT").startswith(b"+OK"):
                    outcome = record.ACKNOWLEDGED
        except Lost:
            self.left_alone.update(chosen)
            raise
        finally:
            if chosen:
                self.log.write("expunge", start, outcome, account=self.account.user, box=None,
                               messages=[[None, name] for name in chosen])  # fmt: skip
