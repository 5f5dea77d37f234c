"""Two nodes behind one address, by HAProxy and by keepalived, set up by the files in deploy/."""

import contextlib
import os
import re
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import shape as shapes
from failover import Reader, Sender
from imap_client import Imap
from mirror import Mirror
from shape import Node, User, fetch, wait_for_mail

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs network namespaces")
FRONTS = ["haproxy", "keepalived"]
READERS = 3
MESSAGES = 6
WRITERS = 8
CONNECTIONS = re.compile(r'^rookery_connections\{role="store"\} (\d+)$', re.M)


@contextlib.contextmanager
def started(folder: Path, front: str | None) -> Iterator[Mirror]:
    shapes.open_to_roles(folder)
    yield Mirror(shapes.up("mirror", folder / "m", 4, front))
    shapes.down(folder / "m")


@pytest.fixture(params=FRONTS)
def mirror(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Mirror]:
    with started(tmp_path, request.param) as mirror:
        yield mirror


@pytest.fixture
def haproxied(tmp_path: Path) -> Iterator[Mirror]:
    with started(tmp_path, "haproxy") as mirror:
        yield mirror


@pytest.fixture
def floating(tmp_path: Path) -> Iterator[Mirror]:
    with started(tmp_path, "keepalived") as mirror:
        yield mirror


def front_of(m: Mirror) -> Node:
    assert m.shape.front
    return m.shape.front


def serving(m: Mirror) -> Node:
    """The node that clients who are in IDLE now have."""
    counts = {node: int(CONNECTIONS.findall(m.metrics(node))[0]) for node in (m.a, m.b)}
    return max(counts, key=lambda node: counts[node])


def other(m: Mirror, node: Node) -> Node:
    return m.b if node is m.a else m.a


def has_address(node: Node, address: str) -> bool:
    words = ["ip", "-n", node.namespace, "-brief", "address"]
    return address in subprocess.run(words, capture_output=True, text=True, check=True).stdout


def client_card(node: Node, state: str) -> None:
    subprocess.run(["ip", "-n", node.namespace, "link", "set", "clients", state], check=True)


def await_address(m: Mirror, node: Node) -> None:
    """Until it alone has the floating one."""
    address, end = front_of(m).host, time.monotonic() + shapes.PATIENCE
    while not has_address(node, address) or has_address(other(m, node), address):
        assert time.monotonic() < end, f"{node.name} does not have the address"
        time.sleep(0.05)


def readers(m: Mirror, already: int = 0) -> list[Reader]:
    """In IDLE, of an inbox with a few messages, of which some are there."""
    user = m.shape.users[0]
    for number in range(already, MESSAGES):
        front_of(m).send([user], f"Subject: n{number}\r\n\r\nx\r\n".encode())
    found = [Reader(front_of(m), user) for _ in range(READERS)]
    for reader in found:
        assert sorted(reader.flags) == list(range(1, MESSAGES + 1))
        reader.idle()
    return found


def test_the_address_serves_each_protocol(mirror: Mirror) -> None:
    front = front_of(mirror)
    greetings = {"smtp": b"220 ", "submission": b"220 ", "submissions": b"220 ", "lmtp": b"220 ",
                 "imap": b"* OK", "imaps": b"* OK", "pop3": b"+OK ", "pop3s": b"+OK "}  # fmt: skip
    for protocol, greeting in greetings.items():
        port = getattr(front, protocol)
        with socket.create_connection((front.host, port), timeout=shapes.PATIENCE) as client:
            if protocol.endswith("s"):
                client = front.tls().wrap_socket(client, server_hostname="localhost")
            assert client.recv(4) == greeting, protocol


def test_readers_of_a_node_that_dies_are_told_only_what_changed(mirror: Mirror) -> None:
    m, user = mirror, mirror.shape.users[0]
    came_back = readers(m)
    dead = serving(m)
    dead.do("kill")
    for reader in came_back:
        reader.await_end()
    first = came_back.pop()
    told = first.come_back()
    assert not told.flags and not told.vanished
    first.client.ok("UID STORE 2 +FLAGS (\\Flagged)")
    first.client.ok("UID STORE 3 +FLAGS (\\Deleted)")
    first.client.ok("UID EXPUNGE 3")
    new = first.client.append("INBOX", b"Subject: new\r\n\r\nx\r\n")
    assert new > MESSAGES
    for reader in came_back:
        told = reader.come_back()
        assert told.uid_validity == reader.uid_validity
        assert told.flags == {2: {"\\Flagged"}, new: set()}
        assert told.vanished == [3]
        reader.idle()
    dead.do("start")
    m.assert_equal()
    # one that has met the other again since says the same
    late = Reader(dead, user)
    assert late.flags == came_back[0].flags
    assert late.uid_validity == came_back[0].uid_validity


@pytest.mark.parametrize("loss", ["kill", "unplug"])
def test_deliveries_go_on_when_a_machine_is_lost(mirror: Mirror, loss: str) -> None:
    m, user = mirror, mirror.shape.users[1]
    sleeping = readers(m)
    lost = serving(m)
    sender = Sender(front_of(m), user)
    sender.start()
    try:
        sender.await_more()
        lost.do(loss)
        sender.await_more()
        lost.do("start" if loss == "kill" else "plug")
        sender.await_more()
    finally:
        sender.stop()
    print(f"{max(sender.pauses):.2f} s without service")
    m.assert_equal()
    for node in (m.a, m.b):
        client = wait_for_mail(node, user, len(sender.acknowledged))
        found = Counter(
            fetch(client, number).partition(b"Subject: ")[2].split(b"\r\n")[0].decode()
            for number in range(1, int(client.select("INBOX")[1][0] or b"0") + 1)
        )
        assert all(found[name] == 1 for name in sender.acknowledged)
    assert len(sleeping) == READERS


def turns_red(m: Mirror, node: Node) -> None:
    """It is alone and refuses writes; the other one is green."""
    m.a.do("partition")
    m.await_state(node, "alone")
    assert m.health(node)[0] == 503
    assert m.health(other(m, node))[0] == 200


def test_haproxy_takes_clients_away_from_a_node_that_turns_red(haproxied: Mirror) -> None:
    m = haproxied
    readers(m)
    red = serving(m)
    m.configure(red, "ack both-or-tempfail;")
    m.await_sync()
    end = time.monotonic() + shapes.PATIENCE
    while serving(m) is not red:
        sleeping = readers(m, already=MESSAGES)
        assert time.monotonic() < end, "HAProxy does not use the node again"
    sleeping = readers(m, already=MESSAGES)  # some of the others may be at the other node
    turns_red(m, red)
    for reader in sleeping:
        reader.await_end()
        assert reader.come_back().uid_validity == reader.uid_validity
    sleeping[0].client.ok("UID STORE 1 +FLAGS (\\Seen)")


def test_the_floating_address_leaves_a_node_that_turns_red(floating: Mirror) -> None:
    m = floating
    red, green = m.a, m.b
    m.configure(red, "ack both-or-tempfail;")
    m.await_sync()
    client_card(green, "down")  # to have the address at the one that will turn red
    await_address(m, red)
    client_card(green, "up")
    turns_red(m, red)
    await_address(m, green)
    Reader(front_of(m), m.shape.users[0]).client.ok("UID STORE 1 +FLAGS (\\Seen)")


def test_the_node_that_went_on_stays_green_while_the_other_one_catches_up(tmp_path: Path) -> None:
    with started(tmp_path, None) as m:
        m.b.do("kill")
        for _ in range(100):
            m.a.send(m.shape.users, b"Subject: x\r\n\r\n" + b"x" * 100_000 + b"\r\n")
        done = threading.Event()
        answers: set[tuple[int, str]] = set()

        def watch() -> None:
            while not done.is_set():
                answers.add(m.health(m.a))

        watching = threading.Thread(target=watch)
        watching.start()
        m.b.do("start")
        m.await_sync()
        done.set()
        watching.join()
        assert {code for code, _ in answers} == {200}, answers


def test_nodes_behind_haproxy_know_their_clients(haproxied: Mirror) -> None:
    m, user = haproxied, haproxied.shape.users[0]
    front_of(m).send([user], b"Subject: x\r\n\r\nx\r\n")
    here = ".".join([*front_of(m).host.split(".")[:3], "1"])
    assert f"[{here}]".encode() in fetch(wait_for_mail(m.a, user, 1), 1)


def test_the_floating_address_stays_when_the_dead_node_comes_back(floating: Mirror) -> None:
    m = floating
    sleeping = readers(m)
    dead = serving(m)
    dead.do("kill")
    for reader in sleeping:
        reader.await_end()
        reader.come_back()
    dead.do("start")
    m.await_sync()
    time.sleep(3)  # longer than its keepalived takes to know
    await_address(m, other(m, dead))
    for reader in sleeping:
        reader.client.ok("NOOP")


def append_until_the_end(node: Node, user: User, name: str, acknowledged: list[str]) -> None:
    client = Imap(node, user, tls=True)
    with contextlib.suppress(OSError, EOFError):
        while True:
            subject = f"{name}.{len(acknowledged)}"
            message = f"Subject: {subject}\r\n\r\nx\r\n"
            if client.command(f"APPEND INBOX {{{len(message)}+}}\r\n{message}".encode()).status != "OK":
                return
            acknowledged.append(subject)


def test_what_a_node_acknowledges_while_it_is_stopped_the_other_one_has(tmp_path: Path) -> None:
    with started(tmp_path, None) as m:
        acknowledged: list[list[str]] = [[] for _ in range(WRITERS)]
        threads = [
            threading.Thread(target=append_until_the_end, args=(m.b, m.shape.users[number % 4], f"w{number}", told))
            for number, told in enumerate(acknowledged)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        m.b.do("stop")
        for thread in threads:
            thread.join()
        there: set[str] = set()
        for user in m.shape.users:
            client = Imap(m.a, user, tls=True)
            client.ok("SELECT INBOX")
            rows = client.ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])").fetched()
            there |= {next(iter(row.values())).decode().split()[1] for row in rows.values()}
        assert {name for told in acknowledged for name in told} - there == set()
