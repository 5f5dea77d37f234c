"""Clients that send: SMTP and LMTP, to one recipient or several."""

from pathlib import Path

from history import messages, record
from history.client import Account, Client, Place
from history.smtp import Smtp

CROWDED = 400  # messages in INBOX, from which on less is sent to it


class Sender(Client):
    def __init__(
        self, name: str, place: Place, folder: Path, accounts: list[Account], lmtp: bool
    ) -> None:
        super().__init__(name, place, folder)
        self.accounts, self.lmtp = accounts, lmtp

    def session(self) -> None:
        smtp = Smtp(self.place.connect("lmtp" if self.lmtp else "smtp"), self.lmtp)
        try:
            for _ in range(self.chance.randrange(1, 200)):
                if self.over.is_set():
                    break
                self.send_one(smtp)
        finally:
            smtp.close()

    def send_one(self, smtp: Smtp) -> None:
        count = self.chance.choice([1, 1, 2, len(self.accounts)])
        to = self.chance.sample(self.accounts, min(count, len(self.accounts)))
        name = self.new_id()
        message = messages.make(name, self.chance)
        start = record.now()
        try:
            smtp.send("history@elsewhere.test", [account.user for account in to], message)
        finally:
            for account in to:
                self.log.write("deliver", start, self.outcome(smtp, account.user), id=name,
                               account=account.user, sha=messages.digest(message))  # fmt: skip
        crowd = max(account.crowd for account in to)
        self.over.wait(self.chance.random() * (0.2 if crowd > CROWDED else 0.03))

    def outcome(self, smtp: Smtp, user: str) -> str:
        code = smtp.answers.get(user)
        if code is None:
            return record.UNKNOWN if smtp.asked else record.REFUSED
        if code // 100 == 2:
            return record.ACKNOWLEDGED
        # A front end that lost the store while it waited says 4xx, and does not know either.
        return record.UNKNOWN if code // 100 == 4 and not self.lmtp else record.REFUSED
