"""How long after a delivery was answered readers in IDLE hear of it, at the same node and at the other one."""

import selectors
import socket
import statistics
import threading
import time
from dataclasses import dataclass, field

from network import Place
from pair import Pair
from target import DOMAIN, PASSWORD

USERS = 10
WAIT_SECONDS = 20
BODY = b"Subject: lag\r\n\r\n" + (b"x" * 78 + b"\r\n") * 128


def _name(user: int) -> str:
    return f"user{user:04}@{DOMAIN}"


@dataclass
class Reader:
    """In IDLE, in the inbox of one user."""

    user: int
    sock: socket.socket
    exists: int = 0
    rest: bytes = b""
    seen: list[float] = field(default_factory=list)  # when each message behind those that were there was

    @classmethod
    def open(cls, place: Place, user: int) -> "Reader":
        reader = cls(user, place.connect("imap"))
        reader.ask(f"a LOGIN {_name(user)} {PASSWORD}", b"a ")
        reader.ask("a SELECT INBOX", b"a ")
        reader.ask("b IDLE", b"+")
        reader.seen.clear()
        reader.sock.setblocking(False)
        return reader

    def ask(self, command: str, last: bytes) -> None:
        self.sock.sendall(command.encode() + b"\r\n")
        while not any(line.startswith(last) for line in self.take()):
            pass

    def take(self) -> list[bytes]:
        """Lines that came."""
        got = self.sock.recv(1 << 16)
        now = time.monotonic()
        if not got:
            raise RuntimeError("a reader's connection was closed")
        *lines, self.rest = (self.rest + got).split(b"\n")
        for line in lines:
            words = line.split()
            if len(words) == 3 and words[2] == b"EXISTS":
                self.seen += [now] * (int(words[1]) - self.exists)
                self.exists = int(words[1])
        return lines


class Sender(threading.Thread):
    """Delivers at a steady rate, to one user after the other."""

    def __init__(self, place: Place, rate: int, seconds: float) -> None:
        super().__init__(daemon=True)
        self.sock = place.connect("lmtp")
        self.file = self.sock.makefile("rb")
        self.rate, self.count = rate, round(rate * seconds)
        self.answered: list[list[float]] = [[] for _ in range(USERS)]
        self.took: list[float] = []
        self._answer()
        self._say(b"LHLO bench\r\n")

    def _answer(self) -> None:
        while (line := self.file.readline())[3:4] == b"-":
            pass
        if line[:1] not in (b"2", b"3"):
            raise RuntimeError(f"LMTP: {line!r}")

    def _say(self, words: bytes) -> None:
        self.sock.sendall(words)
        self._answer()

    def run(self) -> None:
        begun = time.monotonic()
        for number in range(self.count):
            time.sleep(max(begun + number / self.rate - time.monotonic(), 0))
            user = number % USERS
            self._say(b"MAIL FROM:<a@elsewhere.test>\r\n")
            self._say(b"RCPT TO:<%s>\r\n" % _name(user).encode())
            self._say(b"DATA\r\n")
            sent = time.monotonic()
            self._say(BODY + b".\r\n")
            now = time.monotonic()
            self.answered[user].append(now)
            self.took.append(now - sent)
        self.sock.close()


def _listen(readers: list[Reader], sender: Sender) -> None:
    """Until all have seen everything, or no more is to be hoped for."""
    end = 0.0
    with selectors.DefaultSelector() as ready:
        for reader in readers:
            ready.register(reader.sock, selectors.EVENT_READ, reader)
        while True:
            for key, _ in ready.select(0.2):
                key.data.take()
            if sender.is_alive():
                end = time.monotonic() + WAIT_SECONDS
            elif time.monotonic() > end or all(len(r.seen) >= len(sender.answered[r.user]) for r in readers):
                return


def _lags(readers: list[Reader], sender: Sender) -> list[float]:
    """Milliseconds; below 0 when a reader heard of it first."""
    return [1000 * (seen - answered)
            for reader in readers
            for seen, answered in zip(reader.seen, sender.answered[reader.user], strict=False)]  # fmt: skip


def run(pair: Pair, rate: int, seconds: float) -> dict[str, float]:
    near, far = pair.places
    here = [Reader.open(near, user) for user in range(USERS)]
    there = [Reader.open(far, user) for user in range(USERS)]
    sender = Sender(near, rate, seconds)
    sender.start()
    _listen(here + there, sender)
    figures: dict[str, float] = {}
    for where, readers in (("other", there), ("same", here)):
        lags = _lags(readers, sender)
        if len(lags) < USERS:
            raise RuntimeError("nothing was seen")
        figures[f"seen at the {where} node: p50 ms"] = statistics.median(lags)
        figures[f"seen at the {where} node: p99 ms"] = statistics.quantiles(lags, n=100)[98]
        if len(lags) < sender.count:
            figures[f"never seen at the {where} node"] = sender.count - len(lags)
    figures["answered after: p50 ms"] = 1000 * statistics.median(sender.took)
    for reader in here + there:
        reader.sock.close()
    return figures
