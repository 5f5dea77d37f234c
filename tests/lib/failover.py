"""Clients that reach a mirror by one address, and live on when the node that served them is gone."""

import smtplib
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from imap_client import Imap, uid_set
from shape import PATIENCE, Node, User

ATTEMPT_SECONDS = 2  # then a client tries again


@dataclass
class Told:
    """What a reader that came back heard of its mailbox."""

    uid_validity: str
    flags: dict[int, set[str]] = field(default_factory=dict)  # by UID: new ones, and those that changed
    vanished: list[int] = field(default_factory=list)


class Reader:
    """A mail program in IDLE. It keeps what it was told of INBOX, and asks for what changed (QRESYNC)."""

    def __init__(self, at: Node, user: User) -> None:
        self.at, self.user = at, user
        self._connect()
        answer = self.client.ok("SELECT INBOX")
        self.uid_validity = answer.code_value("UIDVALIDITY")
        self.change = answer.code_value("HIGHESTMODSEQ")
        found = self.client.ok("FETCH 1:* (UID FLAGS)").fetched()
        self.flags = {items["UID"]: {*items["FLAGS"]} - {"\\Recent"} for items in found.values()}

    def _connect(self) -> None:
        self.client = Imap(self.at, self.user, tls=True)
        self.client.ok("ENABLE QRESYNC")

    def idle(self) -> None:
        self.client.begin("IDLE")
        self.client.continuation()

    def await_end(self) -> None:
        """Until the server is gone."""
        self.client.closed()
        self.client.close()

    def come_back(self) -> Told:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self._connect()
                break
            except (OSError, EOFError):
                assert time.monotonic() < end, "nobody serves"
                time.sleep(0.02)
        answer = self.client.ok(f"SELECT INBOX (QRESYNC ({self.uid_validity} {self.change}))")
        told = Told(answer.code_value("UIDVALIDITY"))
        for items in answer.fetched().values():
            told.flags[items["UID"]] = {*items["FLAGS"]} - {"\\Recent"}
        for _, uids in answer.of("VANISHED"):
            told.vanished += uid_set(str(uids))
        self.flags.update(told.flags)
        for uid in told.vanished:
            self.flags.pop(uid, None)
        self.change = answer.code_value("HIGHESTMODSEQ")
        return told


class Sender(threading.Thread):
    """Delivers one message after the other until it is stopped, each under a name of its own, on a
    connection of its own."""

    def __init__(self, at: Node, user: User) -> None:
        super().__init__(daemon=True)
        self.at, self.user = at, user
        self.acknowledged: list[str] = []
        self.pauses: list[float] = []  # seconds from one acknowledgement to the next
        self.errors: Counter[str] = Counter()  # what came in place of an answer, or as one
        self.stopping = threading.Event()

    def run(self) -> None:
        number, last = 0, time.monotonic()
        while not self.stopping.is_set():
            number += 1
            name = f"sent{number}"
            try:
                self._deliver(name)
            except (OSError, smtplib.SMTPException) as wrong:
                self.errors[type(wrong).__name__] += 1
            else:
                self.acknowledged.append(name)
                now = time.monotonic()
                self.pauses.append(now - last)
                last = now
            time.sleep(0.02)

    def _deliver(self, name: str) -> None:
        with smtplib.SMTP(self.at.host, self.at.smtp, timeout=ATTEMPT_SECONDS) as client:
            client.sendmail("someone@elsewhere.test", [self.user.name], f"Subject: {name}\r\n\r\nx\r\n")

    def await_more(self) -> None:
        """Another one was delivered from begin to end."""
        before, end = len(self.acknowledged), time.monotonic() + PATIENCE
        while len(self.acknowledged) < before + 2:
            assert time.monotonic() < end, "nothing is delivered any more"
            time.sleep(0.02)

    def stop(self) -> None:
        self.stopping.set()
        self.join()
