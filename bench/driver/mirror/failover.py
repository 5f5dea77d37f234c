"""The node that serves is killed (SIGKILL) behind one address: how long its clients are without service.

Clients that failed try again at once, and wait for an answer for a second at most. What is told is the longest
of all clients and all kills: from one success to the next for those that send mail and those that write and
read by IMAP; from the kill on for those in IDLE, who are back when they heard what changed since (QRESYNC).
"""

import contextlib
import imaplib
import json
import re
import smtplib
import ssl
import threading
import time
from abc import ABC, abstractmethod
from typing import Any

from load import Load
from rookery import TwoRookeries
from target import DOMAIN, PASSWORD

FRONTS = {"haproxy": "HAProxy", "keepalived": "keepalived"}
READ_BY_SLEEPERS, USERS = 0, 9  # all others have a user of their own
SLEEPERS, OTHERS = 20, 4
MESSAGES = 256  # of which sleepers know
ATTEMPT_SECONDS = 1
WAIT_SECONDS = 30
USUAL_SECONDS = 1.5  # before a kill
MAIL = "Subject: x\r\n\r\n" + ("x" * 78 + "\r\n") * 128
CODE = re.compile(rb"\[(UIDVALIDITY|HIGHESTMODSEQ) (\d+)\]")


class Client(threading.Thread, ABC):
    """Has success again and again, at these times."""

    def __init__(self, front: dict[str, Any], tls: ssl.SSLContext, user: int) -> None:
        super().__init__(daemon=True)
        self.front, self.tls = front, tls
        self.user = f"user{user:04}@{DOMAIN}"
        self.times: list[float] = []
        self.stopping = False

    @abstractmethod
    def attempt(self) -> None: ...

    def run(self) -> None:
        while not self.stopping:
            with contextlib.suppress(OSError, smtplib.SMTPException, imaplib.IMAP4.error):
                self.attempt()
            time.sleep(0.01)

    def open_imap(self) -> imaplib.IMAP4_SSL:
        client = imaplib.IMAP4_SSL(self.front["host"], self.front["imaps"], ssl_context=self.tls,
                                   timeout=ATTEMPT_SECONDS)  # fmt: skip
        client.login(self.user, PASSWORD)
        return client

    def is_back(self, killed: float) -> bool:
        """Has had success with what was begun after the kill."""
        return bool(self.times) and self.times[-1] > killed

    def without(self, killed: float) -> float:
        pairs = zip(self.times, self.times[1:], strict=False)
        return max(after - before for before, after in pairs if after > killed)


class Sender(Client):
    def attempt(self) -> None:
        with smtplib.SMTP(self.front["host"], self.front["smtp"], timeout=ATTEMPT_SECONDS) as client:
            client.sendmail("a@elsewhere.test", [self.user], MAIL)
        self.times.append(time.monotonic())


class Writer(Client):
    """Each time a connection, a login, and a message that is written and read."""

    def attempt(self) -> None:
        with self.open_imap() as client:
            for status, _ in (client.append("INBOX", "", "", MAIL.encode()), client.select("INBOX"),
                              client.fetch("*", "(BODY.PEEK[])")):  # fmt: skip
                if status != "OK":
                    return
        self.times.append(time.monotonic())


class Sleeper(Client):
    """In IDLE until the connection ends."""

    told = 0  # of messages that it knew, when it came back
    known: dict[bytes, bytes] = {}  # of its mailbox

    def attempt(self) -> None:
        client = self.open_imap()
        self._say(client, b"ENABLE QRESYNC")
        since = b" (QRESYNC (%(UIDVALIDITY)b %(HIGHESTMODSEQ)b))" % self.known if self.known else b""
        lines = self._say(client, b"SELECT INBOX" + since)
        now = dict(code.groups() for line in lines if (code := CODE.search(line)))
        if self.known:
            same = now[b"UIDVALIDITY"] == self.known[b"UIDVALIDITY"]
            self.told += sum(b" FETCH " in line for line in lines) if same else MESSAGES
        self.known = now
        client.send(b"i IDLE\r\n")
        self.times.append(time.monotonic())
        client.sock.settimeout(None)
        while client.readline():
            pass

    def _say(self, client: imaplib.IMAP4_SSL, command: bytes) -> list[bytes]:
        client.send(b"x " + command + b"\r\n")
        lines: list[bytes] = []
        while not lines or not lines[-1].startswith(b"x "):
            lines.append(client.readline())
            if not lines[-1]:
                raise ConnectionError("closed")
        return lines

    def without(self, killed: float) -> float:
        return next(at for at in self.times if at > killed) - killed


def _await_all(clients: list[Client], begun: float) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while left := [type(client).__name__ for client in clients if not client.is_back(begun)]:
        if time.monotonic() > end:
            raise RuntimeError(f"after {WAIT_SECONDS} s not served yet: {left}")
        time.sleep(0.02)


def _kill_one(pair: TwoRookeries, clients: list[Client]) -> float:
    """The one that serves; when. All have service again when this returns."""
    counts = [pair.metrics(number)["connections"] for number in range(2)]
    number = counts.index(max(counts))
    killed = time.monotonic()
    pair.kill(number)
    _await_all(clients, killed)
    time.sleep(0.5)
    pair.start_node(number)
    pair.await_equal()
    return killed


def run(pair: TwoRookeries, load: Load, kills: int) -> dict[str, float]:
    load.run(pair.places[0], "lmtp", "lmtp", conns=1, msgs=MESSAGES, size=1, users=1)
    described = json.loads((pair.folder / "shape.json").read_text())
    front, tls = described["front"], ssl.create_default_context(cafile=described["ca"])
    tls.check_hostname = False
    sleepers = [Sleeper(front, tls, READ_BY_SLEEPERS) for _ in range(SLEEPERS)]
    senders = [Sender(front, tls, 1 + number) for number in range(OTHERS)]
    writers = [Writer(front, tls, 1 + OTHERS + number) for number in range(OTHERS)]
    clients: list[Client] = [*sleepers, *senders, *writers]
    begun = time.monotonic()
    for client in clients:
        client.start()
    _await_all(clients, begun)
    longest: dict[str, float] = {}
    for _ in range(kills):
        time.sleep(USUAL_SECONDS)
        killed = _kill_one(pair, clients)
        for name, some in (("deliveries", senders), ("IMAP", writers), ("readers in IDLE", sleepers)):
            figure = f"{name}, s without service"
            longest[figure] = max(longest.get(figure, 0), *(client.without(killed) for client in some))
    for client in clients:
        client.stopping = True
    return longest | {"messages told anew": sum(sleeper.told for sleeper in sleepers)}
