"""Clients that fill the mx's queue: from outside to mailboxes here, and users who send elsewhere."""

from pathlib import Path

from history import messages, record
from history.client import BACK_OFF, Account, Place
from history.senders import Sender
from history.smtp import Smtp

ELSEWHERE = ("one.test", "two.test")
PAUSE = 0.01  # seconds between messages, at most


class QueueSender(Sender):
    """Each message has a sender or recipients of its own, so that the log's lines tell them apart."""

    def __init__(self, name: str, place: Place, folder: Path, accounts: list[Account], user: Account | None) -> None:
        super().__init__(name, place, folder, accounts, lmtp=False)
        self.user = user  # None: it comes from outside

    def session(self) -> None:
        smtp = Smtp(self.place.connect("submission" if self.user else "smtp"), lmtp=False)
        try:
            if self.user:
                smtp.log_in(self.user.user, self.user.password)
            while not self.over.is_set():
                self.send_one(smtp)
        finally:
            smtp.close()

    def send_one(self, smtp: Smtp) -> None:
        name = self.new_id()
        sender, to = self.envelope(name)
        message = messages.make(name, self.chance)
        start = record.now()
        try:
            smtp.send(sender, to, message)
        finally:
            outcomes = [self.outcome(smtp, address) for address in to]
            for address, outcome in zip(to, outcomes, strict=True):
                self.log.write("deliver", start, outcome, id=name, account=address, sender=sender,
                               sha=messages.digest(message))  # fmt: skip
        refused = all(outcome != record.ACKNOWLEDGED for outcome in outcomes)
        self.over.wait(BACK_OFF if refused else self.chance.random() * PAUSE)

    def envelope(self, name: str) -> tuple[str, list[str]]:
        here = [account.user for account in self.chance.sample(self.accounts, self.chance.choice([1, 1, 2]))]
        if not self.user:
            return f"{name}@elsewhere.test", here
        domains = self.chance.sample(ELSEWHERE, self.chance.choice([1, 1, 2]))
        away = [f"{name}.{number}@{domain}" for domain in domains for number in range(self.chance.choice([1, 1, 3]))]
        return self.user.user, away + (here if self.chance.random() < 0.2 else [])
