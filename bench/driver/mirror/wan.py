"""A long way between the two nodes: 50 ms each way, and one frame in a hundred is lost.

Lag and deliveries as on a short way; and IMAP commands at the node that has the account's lease, one after the
other, on the same pair without and with the long way: those that read must not know of it.
"""

import statistics
import time
from dataclasses import dataclass

import lag
from load import Load
from network import Place
from rookery import TwoRookeries
from target import DOMAIN, PASSWORD

DELAY_MS, LOSS = 50, 1
USER = lag.USERS  # the next one
MESSAGES = 200
READS = [b"UID FETCH 1:* (FLAGS)", b"FETCH 1:20 (BODY.PEEK[])", b"SEARCH UNSEEN", b'LIST "" *', b"NOOP"]
WRITES = [b"STORE 1 +FLAGS (\\Flagged)", b"STORE 1 -FLAGS (\\Flagged)"]
LAG_RATE = 5


@dataclass
class Size:
    commands: int = 200  # of each sort
    lag_seconds: float = 20
    deliveries: int = 2048
    writers: int = 64


class Commands:
    """One IMAP client with INBOX selected."""

    def __init__(self, place: Place) -> None:
        self.sock = place.connect("imap")
        self.file = self.sock.makefile("rb")
        self.file.readline()
        self.milliseconds(b"LOGIN user%04d@%s %s" % (USER, DOMAIN.encode(), PASSWORD.encode()))
        self.milliseconds(b"SELECT INBOX")

    def milliseconds(self, command: bytes) -> float:
        begun = time.monotonic()
        self.sock.sendall(b"x " + command + b"\r\n")
        while not (line := self.file.readline()).startswith(b"x "):
            if not line:
                raise RuntimeError("the connection was closed")
        if not line.startswith(b"x OK"):
            raise RuntimeError(f"{command!r}: {line!r}")
        return 1000 * (time.monotonic() - begun)

    def times(self, commands: list[bytes], count: int) -> list[float]:
        return [self.milliseconds(commands[number % len(commands)]) for number in range(count)]


def _told(name: str, times: list[float]) -> dict[str, float]:
    return {f"{name}: p50 ms": statistics.median(times),
            f"{name}: p99 ms": statistics.quantiles(times, n=100)[98]}  # fmt: skip


def run(pair: TwoRookeries, load: Load, size: Size) -> dict[str, float]:
    near = pair.places[0]
    load.run(near, "lmtp", "lmtp", conns=1, msgs=MESSAGES, size=4, users=1, user_base=USER)
    client = Commands(near)
    client.times(WRITES, 2)  # the lease is at this node from now on
    figures = _told("IMAP that reads, short way", client.times(READS, size.commands))
    figures |= _told("IMAP that writes, short way", client.times(WRITES, size.commands))
    pair.slow(DELAY_MS, LOSS)
    figures |= _told("IMAP that reads", client.times(READS, size.commands))
    figures |= _told("IMAP that writes", client.times(WRITES, size.commands))
    figures |= lag.run(pair, LAG_RATE, size.lag_seconds)
    begun = time.monotonic()
    said = load.run(near, "lmtp", "lmtp", conns=size.writers, msgs=size.deliveries // size.writers, size=10,
                    users=pair.users)  # fmt: skip
    figures["deliveries/s"] = int(said["deliveries"]) / (time.monotonic() - begun)
    figures["deliveries refused"] = int(said["errors"])
    pair.await_equal()
    pair.slow(0, 0)
    return figures
