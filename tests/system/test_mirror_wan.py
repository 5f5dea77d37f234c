"""Two nodes with a long way between them: 100 ms there and back, and one frame in a hundred is lost."""

import base64
import os
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import shape as shapes
from imap_client import Imap
from mirror import Mirror
from shape import Node

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs network namespaces")
ROUND_TRIP = 0.1
LARGE = 12_000_000
SECONDS = 6  # three times the silence after which a node is taken for dead


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    shapes.open_to_roles(tmp_path)
    mirror = Mirror(shapes.up("mirror", tmp_path / "m", 4))
    mirror.wire("--delay", f"{ROUND_TRIP / 2 * 1000:g}ms", "--loss", "1")
    yield mirror
    shapes.down(tmp_path / "m")


def mail(subject: str, size: int = 10_000) -> bytes:
    return f"Subject: {subject}\r\n\r\n".encode() + b"x" * size + b"\r\n"


def timed(client: Imap, *commands: str) -> float:
    """Seconds of the fastest."""
    took = []
    for command in commands:
        begun = time.monotonic()
        client.ok(command)
        took.append(time.monotonic() - begun)
    return min(took)


def inbox(node: Node, mirror: Mirror) -> Imap:
    client = Imap(node, mirror.shape.users[0], tls=True)
    client.ok("SELECT INBOX")
    return client


def test_two_nodes_stay_linked_and_replicate(mirror: Mirror) -> None:
    m, user = mirror, mirror.shape.users[0]
    linked = [m.status(node)["since"] for node in (m.a, m.b)]
    sent, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        m.a.send([user], mail(f"n{sent}"))
        sent += 1
    assert [m.status(node)["since"] for node in (m.a, m.b)] == linked
    here, there = inbox(m.a, m), inbox(m.b, m)
    rows = [client.ok("FETCH 1:* (UID FLAGS)").fetched() for client in (here, there)]
    assert rows[0] == rows[1] and len(rows[0]) == sent
    m.assert_equal()


def test_they_meet_and_merge(mirror: Mirror) -> None:
    m, user = mirror, mirror.shape.users[0]
    m.a.do("partition")
    for node in (m.a, m.b):
        m.await_state(node, "alone")
        for number in range(20):
            node.send([user], mail(f"{node.name}{number}", size=50_000))
    m.a.do("heal")
    m.assert_equal()
    assert len(inbox(m.b, m).ok("FETCH 1:* (UID)").fetched()) == 40


def test_only_what_writes_waits_for_the_way(mirror: Mirror) -> None:
    m, user = mirror, mirror.shape.users[0]
    m.a.send([user], mail("x"))
    client = inbox(m.a, m)
    client.ok("STORE 1 +FLAGS (\\Seen)")  # the lease is here now
    reads = ["FETCH 1 (BODY.PEEK[])", "SEARCH SEEN", "LIST \"\" *", "NOOP"]
    assert timed(client, *reads * 3) < ROUND_TRIP / 4
    writes = timed(client, *["STORE 1 +FLAGS (\\Flagged)", "STORE 1 -FLAGS (\\Flagged)"] * 3)
    assert ROUND_TRIP <= writes < 2 * ROUND_TRIP


def test_the_wire_can_be_as_it_was(mirror: Mirror) -> None:
    m, user = mirror, mirror.shape.users[0]
    m.wire("clean")
    m.await_sync()
    m.a.send([user], mail("x"))
    client = inbox(m.a, m)
    assert timed(client, *["STORE 1 +FLAGS (\\Flagged)", "STORE 1 -FLAGS (\\Flagged)"] * 3) < ROUND_TRIP


def await_round_trip(mirror: Mirror, least: float, most: float) -> None:
    """As many PINGs as are looked at: until then a round trip of the wire as it was before counts. In ms."""
    end = time.monotonic() + 30
    while not all(least <= mirror.status(node)["round_trip_ms"] < most for node in (mirror.a, mirror.b)):
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_large_message_under_way_holds_up_nobody(mirror: Mirror) -> None:
    m, (quiet, busy, *_) = mirror, mirror.shape.users
    m.a.send([quiet], mail("first"))
    large = b"Subject: large\r\n\r\n" + base64.encodebytes(os.urandom(LARGE)).replace(b"\n", b"\r\n")
    sender = Thread(target=m.a.send, args=([busy], large))
    sender.start()
    took = []
    while sender.is_alive():
        begun = time.monotonic()
        m.a.send([quiet], mail(f"n{len(took)}"))
        took.append(time.monotonic() - begun)
    sender.join()
    assert len(took) > 4, "the large message is too small"
    assert sorted(took)[len(took) // 2] < 6 * ROUND_TRIP, took
    m.assert_equal()


def test_what_is_far_away_is_sent_compressed_unless_told_otherwise(mirror: Mirror) -> None:
    m, user = mirror, mirror.shape.users[0]
    await_round_trip(m, 1000 * ROUND_TRIP, 1500 * ROUND_TRIP)
    before = [m.status(node) for node in (m.a, m.b)]
    for number in range(20):
        m.a.send([user], mail(f"n{number}"))
    told = [m.status(node) for node in (m.a, m.b)]
    assert all(status["compresses"] for status in before + told)
    assert told[0]["sent_bytes"] < told[0]["sent_bytes_before_compression"] / 2
    assert told[1]["received_bytes"] < told[1]["received_bytes_before_compression"] / 2
    m.configure(m.a, "compress no;")
    m.await_sync()
    m.a.send([user], mail("plain"))
    status = m.status(m.a)
    assert not status["compresses"]
    assert status["sent_bytes"] == status["sent_bytes_before_compression"] > 10_000
    m.wire("clean")
    m.await_sync()
    await_round_trip(m, 0, 5)
    assert not any(m.status(node)["compresses"] for node in (m.a, m.b))
    m.assert_equal()
