"""Two nodes with a long way between them: 100 ms there and back, and one frame in a hundred is lost."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import shape as shapes
from imap_client import Imap
from mirror import Mirror
from shape import Node

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs network namespaces")
ROUND_TRIP = 0.1
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
