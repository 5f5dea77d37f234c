"""Clients that are broken or mean: they are told so, others are served meanwhile, memory stays bounded.

How fast others are served meanwhile is measured by script/bench --only hostile.
"""

import base64
import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import samples
from imap_client import Imap
from shape import PATIENCE, SANITIZED, Node, Shape, User, down, open_to_roles, up
from smtp_client import lmtp, mx

MANY = 200
KIB_PER_SLOW_READER = 180  # what is queued, and what one command may write on top of it
KIB_HELD = 32 * 1024  # of what was made for slow readers, all of them
KIB_APPENDING = 128 * 1024  # of messages that clients are sending, all of them
KIB_PER_SILENT = 5
KIB_AFTERWARDS = 96 * 1024  # caches, and what the heaps keep until surplus workers have ended
BROKEN = re.compile(r"Sanitizer|runtime error:|must\(|panic")
HUGE = 10 * 1024**3
LINE = b"x" * 998 + b"\r\n"  # of 1,000 bytes


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    folder = tmp_path_factory.mktemp("hostile")
    open_to_roles(folder)
    started = up("one", folder / "one", 8)
    yield started
    down(folder / "one")
    log = started.logs()[0].read_text(errors="replace")  # also what was found when it stopped
    assert not BROKEN.search(log), log[-2000:]


@dataclass(frozen=True)
class AtFirst:
    """Before any attack."""

    kib: int
    descriptors: int


@pytest.fixture(scope="module", autouse=True)
def at_first(attacked: Shape) -> AtFirst:
    is_served(attacked.nodes[0], attacked.users[1])
    return AtFirst(memory_kib(attacked), descriptors(attacked))


@pytest.fixture
def node(attacked: Shape) -> Node:
    return attacked.nodes[0]


@pytest.fixture
def user(attacked: Shape) -> User:
    return attacked.users[0]


@pytest.fixture
def quiet(attacked: Shape) -> User:
    """Whom nobody attacks."""
    return attacked.users[1]


def store_pid(shape: Shape) -> int:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if "role" in words and "store" in words and any(str(shape.folder) in word for word in words):
                return int(entry.name)
    raise AssertionError("the store is not there")


def memory_kib(shape: Shape) -> int:
    text = Path(f"/proc/{store_pid(shape)}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
    assert found
    return int(found[1])


def settled_kib(attacked: Shape, before: int, bound: int) -> int:
    """What it has grown by, once work that is under way is done: a busy machine takes a while."""
    end = time.monotonic() + 5
    while (grown := memory_kib(attacked) - before) >= bound and time.monotonic() < end:
        time.sleep(0.1)
    return grown


def descriptors(shape: Shape) -> int:
    return len(os.listdir(f"/proc/{store_pid(shape)}/fd"))


def connect(node: Node, port: int, number: int) -> socket.socket:
    """From an address of its own, as an attacker with many has it; with a small window."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(30)
    sock.bind((f"127.9.{number // 200}.{number % 200 + 1}", 0))
    sock.connect((node.host, port))
    return sock


def is_served(node: Node, user: User) -> None:
    """A delivery, and a client that reads it."""
    with lmtp(node) as client:
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
    client = Imap(node, user)
    count = client.ok("SELECT INBOX").one("EXISTS")[0]
    assert client.ok(f"FETCH {count} (FLAGS ENVELOPE BODY.PEEK[])").fetched()
    client.ok("NOOP")
    client.ok("LOGOUT")


def deliver(node: Node, user: User, message: bytes) -> int:
    with lmtp(node) as client:
        client.begin(user.name)
        return client.data(message).code


def big_mailbox(node: Node, user: User, count: int) -> None:
    client = Imap(node, user)
    if client.command("CREATE Big").status == "OK":
        for _ in range(count):
            client.append("Big", b"Subject: big\r\n\r\n" + LINE * 1000)


def begin_to_read(node: Node, user: User, number: int) -> socket.socket:
    sock = connect(node, node.imap, number)
    sock.sendall(f"a LOGIN {user.name} {user.password}\r\nb SELECT Big\r\n".encode()
                 + b"c FETCH 1:* (BODY.PEEK[] BODY.PEEK[TEXT] BODYSTRUCTURE)\r\n")  # fmt: skip
    return sock


def until_it_comes(sock: socket.socket) -> bytes:
    """What came, up to where the first FETCH answer has begun."""
    found = b""
    while b" FETCH (" not in found:
        more = sock.recv(100)
        assert more, found
        found += more
    return found


def test_slow_readers_hold_little_memory_and_no_worker(
    attacked: Shape, node: Node, user: User, quiet: User
) -> None:
    big_mailbox(node, user, 20)
    is_served(node, quiet)
    before, open_before = memory_kib(attacked), descriptors(attacked)
    readers = [begin_to_read(node, user, number) for number in range(MANY)]
    for reader in readers:
        until_it_comes(reader)
    for _ in range(3):
        for reader in readers:
            assert reader.recv(1)
        is_served(node, quiet)
    grown = memory_kib(attacked) - before
    print(f"{grown / MANY:.0f} KiB a slow reader")
    for reader in readers:
        reader.close()
    if not SANITIZED:
        assert grown < MANY * KIB_PER_SLOW_READER, f"{grown / MANY:.0f} KiB each"
    wait_until(lambda: descriptors(attacked) <= open_before + 10)


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def ask(node: Node, user: User, number: int, item: str) -> socket.socket:
    sock = connect(node, node.imap, number)
    login = f"a LOGIN {user.name} {user.password}\r\nb SELECT Made\r\nc FETCH 1:* ({item})\r\n"
    sock.sendall(login.encode())
    return sock


def rest_of_fetch(sock: socket.socket, begin: bytes) -> bytes:
    """The FETCH answers, without what came before; closes it."""
    found = bytearray(begin)
    while b"\r\nc OK" not in found[-100:]:
        more = sock.recv(1 << 20)
        assert more, bytes(found[-100:])
        found += more
    sock.close()
    return bytes(found[found.index(b" FETCH (") :])


def test_what_is_made_for_slow_readers_is_made_again_when_it_is_too_much_for_all(
    attacked: Shape, node: Node, quiet: User
) -> None:
    user = attacked.users[4]
    items = ["BINARY.PEEK[1]", "FLAGS ENVELOPE", "BODYSTRUCTURE UID", "BODY", "BODY.PEEK[HEADER.FIELDS (X)]"]
    client = Imap(node, user)
    client.ok("CREATE Made")
    encoded = base64.encodebytes(bytes(range(256)) * 12_000).replace(b"\n", b"\r\n")
    client.append("Made", b"Subject: long\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encoded)
    client.append("Made", MONSTERS["one header"].replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 500_000 + b"\r\n\r\n"))
    client.append("Made", MONSTERS["parts"])
    right = [rest_of_fetch(ask(node, user, 0, item), b"") for item in items]
    assert min(map(len, right)) > 400_000  # each is much, in one message at least
    is_served(node, quiet)
    before = memory_kib(attacked)
    readers = [ask(node, user, number, items[number % len(items)]) for number in range(MANY)]
    begun = [until_it_comes(reader) for reader in readers]
    is_served(node, quiet)
    grown = settled_kib(attacked, before, MANY * KIB_PER_SLOW_READER + KIB_HELD)
    print(f"{grown / MANY:.0f} KiB a slow reader")
    for number in range(MANY - 2 * len(items), MANY):
        assert rest_of_fetch(readers[number], begun[number]) == right[number % len(items)], items[number % 5]
    for reader in readers:
        reader.close()
    if not SANITIZED:
        assert grown < MANY * KIB_PER_SLOW_READER + KIB_HELD, f"{grown / MANY:.0f} KiB each"


def test_silent_connections_cost_others_nothing(attacked: Shape, node: Node, quiet: User) -> None:
    is_served(node, quiet)
    before = memory_kib(attacked)
    silent = [connect(node, port, number)
              for number in range(MANY) for port in (node.imap, node.imaps, node.pop3)]  # fmt: skip
    is_served(node, quiet)
    grown = memory_kib(attacked) - before
    for sock in silent:
        sock.close()
    if not SANITIZED:
        assert grown < len(silent) * KIB_PER_SILENT, f"{grown / len(silent):.0f} KiB each"


@pytest.mark.parametrize("mark", ["", "+"])
def test_a_literal_of_ten_gibibytes_is_refused(node: Node, user: User, quiet: User, mark: str) -> None:
    client = Imap(node, user)
    client.send(b"a APPEND INBOX {%d%s}\r\n" % (HUGE, mark.encode()))
    with contextlib.suppress(OSError):
        for _ in range(200):
            client.send(LINE * 100)
    answer = client._line()
    assert b"TOOBIG" in answer or b"LIMIT" in answer, answer
    is_served(node, quiet)


@pytest.mark.parametrize(
    "command",
    [
        b"a LOGIN {10737418240}\r\n",
        b"a LOGIN {10737418240+}\r\n",
        b"a LOGIN " + b"x" * 2_000_000,
        b"a LOGIN" + (b" {4000+}\r\n" + b"x" * 4000) * 5,
    ],
    ids=["literal", "literal that does not wait", "line without end", "many literals"],
)
def test_what_comes_before_a_login_is_small(node: Node, command: bytes, quiet: User) -> None:
    client = Imap(node)
    with contextlib.suppress(OSError):
        client.send(command)
    answer = client._line()
    assert answer.startswith((b"* BYE", b"a BAD", b"a NO")), answer
    is_served(node, quiet)


def test_messages_on_their_way_in_share_a_sum_of_memory(
    attacked: Shape, node: Node, user: User, quiet: User
) -> None:
    """Parts of a MULTIAPPEND, each below what goes to a file."""
    before, open_before = memory_kib(attacked), descriptors(attacked)
    part = b" {120000+}\r\n" + LINE * 120
    socks = [connect(node, node.imap, number) for number in range(20)]
    answers = []
    for sock in socks:
        sock.sendall(f"a LOGIN {user.name} {user.password}\r\nb APPEND INBOX".encode() + part * 100)
    for sock in socks:
        sock.sendall(b" {5}\r\n")  # an answer says that the rest was read
        got = b""
        while b"+ OK" not in got and b"b NO" not in got:
            got += sock.recv(1000)
        answers.append(b"b NO [LIMIT]" in got)
    grown = memory_kib(attacked) - before
    assert any(answers) and not all(answers), answers
    is_served(node, quiet)
    Imap(node, quiet).append("INBOX", samples.PLAIN)
    assert descriptors(attacked) < open_before + 2 * len(socks)
    for sock in socks:
        sock.close()
    if not SANITIZED:
        assert grown < KIB_APPENDING + len(socks) * KIB_PER_SLOW_READER, grown


def test_a_message_of_ten_gibibytes_is_refused_before_it_comes(node: Node, user: User) -> None:
    with mx(node) as client:
        assert client.command(b"MAIL FROM:<a@b.test> SIZE=%d" % HUGE).code == 552
    with mx(node) as client:
        client.begin(user.name)
        assert client.command(b"BDAT %d" % HUGE).code == 552


def test_a_message_without_end_is_cut(node: Node, user: User, quiet: User) -> None:
    with mx(node) as client:
        client.begin(user.name)
        assert client.command(b"DATA").code == 354
        with pytest.raises(OSError):  # long before all of it
            for _ in range(400):
                client.send(LINE * 1000)
    is_served(node, quiet)


def nested(depth: int, kind: bytes) -> bytes:
    if kind == b"message":
        return b"Subject: m\r\nContent-Type: message/rfc822\r\n\r\n" * depth + b"Subject: last\r\n\r\nend\r\n"
    head = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(depth))
    return b"Subject: m\r\n" + head + b"\r\nend\r\n"


MONSTERS = {
    "headers": b"".join(b"X-%d: y\r\n" % i for i in range(100_000)) + b"\r\nbody\r\n",
    "one header": b"Subject: " + b"word " * 400_000 + b"\r\n\r\nbody\r\n",
    "multiparts": nested(10_000, b"multipart"),
    "messages": nested(10_000, b"message"),
    "addresses": b"To: " + b",\r\n ".join(b"a%d@b.test" % i for i in range(100_000)) + b"\r\n\r\nbody\r\n",
    "parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 50_000 + b"--b--\r\n",
    "references": b"References: " + b" ".join(b"<%d@b>" % i for i in range(100_000)) + b"\r\n\r\nbody\r\n",
    "a line": b"Subject: l\r\n\r\n" + b"x" * 20_000_000 + b"\r\n",
}


@pytest.mark.parametrize("monster", MONSTERS)
def test_a_monster_is_taken_and_shown(
    node: Node, attacked: Shape, quiet: User, monster: str
) -> None:
    user = attacked.users[3]
    assert deliver(node, user, MONSTERS[monster]) == 250
    is_served(node, quiet)
    client = Imap(node, user)
    count = client.ok("SELECT INBOX").one("EXISTS")[0]
    shown = client.ok(f"FETCH {count} (RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (TO)])")
    assert shown.fetched()
    assert client.ok(f"SEARCH {count} TEXT nothingofthekind").status == "OK"
    is_served(node, quiet)


def test_connections_that_reset_at_once_leave_nothing_behind(
    attacked: Shape, node: Node, quiet: User
) -> None:
    open_before = descriptors(attacked)
    for number in range(MANY * 3):
        sock = connect(node, (node.imap, node.imaps, node.pop3s)[number % 3], number % MANY)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
    is_served(node, quiet)
    wait_until(lambda: descriptors(attacked) <= open_before + 10)


def test_handshakes_that_never_end_hold_nobody_up(node: Node, quiet: User) -> None:
    half = []
    for number in range(MANY):
        sock = connect(node, node.imaps, number)
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # a ClientHello's beginning
        half.append(sock)
    is_served(node, quiet)
    for sock in half:
        sock.close()


def test_the_node_is_well_after_all_of_it(
    attacked: Shape, node: Node, quiet: User, at_first: AtFirst
) -> None:
    is_served(node, quiet)
    health = subprocess.run(["curl", "-s", f"http://127.0.0.1:{node.metrics}/health"], capture_output=True)
    assert health.stdout == b"store ready\nmx ready\n"
    log = attacked.logs()[0].read_text(errors="replace")
    assert "role ended" not in log
    wait_until(lambda: descriptors(attacked) <= at_first.descriptors + 10)
    if not SANITIZED:
        print(f"{memory_kib(attacked) - at_first.kib} KiB more than at first")
        wait_until(lambda: memory_kib(attacked) - at_first.kib < KIB_AFTERWARDS)
