"""A long way between the two nodes: 50 ms each way, and one frame in a hundred is lost.

Lag as on a short way; and IMAP commands at the node that has the account's lease, one after the other, on the same
pair without and with the long way: those that read must not know of it. Then deliveries, compressed (which the nodes
decide by themselves) and not, each with two of the kernel's algorithms: one that looks at what arrives (BBR) and one
that takes a lost frame for a full wire (CUBIC). Their bodies are plain text of 34 words at random, by
bench/load/message.c, which zstd makes four times shorter; real mail of text gets two to three times shorter.
"""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

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
PACKINGS = ["compressed", "plain"]
CONGESTIONS = ["bbr", SLOWEST := "cubic"]
ALGORITHMS = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


@dataclass
class Size:
    commands: int = 200  # of each sort
    lag_seconds: float = 20
    deliveries: int = 2048
    slow_deliveries: int = 512  # where it takes long
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


def _deliver(pair: TwoRookeries, load: Load, messages: int, writers: int) -> dict[str, float]:
    before, begun = pair.wire_bytes(), time.monotonic()
    said = load.run(pair.places[0], "lmtp", "lmtp", conns=writers, msgs=messages // writers, size=10,
                    users=pair.users)  # fmt: skip
    took = time.monotonic() - begun
    pair.await_equal()
    return {"deliveries/s": int(said["deliveries"]) / took,
            "MB on the wire, 1,000 deliveries": (pair.wire_bytes() - before) / int(said["deliveries"]) / 1000,
            "deliveries refused": int(said["errors"])}  # fmt: skip


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
    congestions = [name for name in CONGESTIONS if name in ALGORITHMS.read_text().split()]
    refused = 0.0
    for number, packing in enumerate(PACKINGS):
        if number > 0:
            pair.compress("no")
        for congestion in congestions:
            pair.control_congestion(congestion)
            pair.expect_compression(number == 0)
            count = size.slow_deliveries if congestion == SLOWEST else size.deliveries
            found = _deliver(pair, load, count, size.writers)
            refused += found.pop("deliveries refused")
            figures |= {f"{packing}, {congestion}: {figure}": value for figure, value in found.items()}
    figures["deliveries refused"] = refused
    pair.slow(0, 0)
    pair.compress("auto")
    return figures
