"""A disk that is full or fails, as clients and the operator see it (docs/durability.md)."""

import errno
import os
import signal
import subprocess
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
import samples
import shape as shapes
import smtp_client
from faults import CREATE, FULL, SHORT, SYNC, TRUNCATE, WRITE, Faults
from imap_client import Imap
from pop3_client import Pop3
from shape import PATIENCE, Node, Shape, User
from smtp_client import administer
from test_damage import rookery
from test_node import page

LARGE = samples.PLAIN + b"more than is kept in memory\r\n" * 40000


def store_of(shape: Shape) -> Path:
    return shape.folder / "a" / "data" / "store" / "mail"


def numbers(node: Node, user: User) -> list[int]:
    """Which of samples.numbered() are in INBOX, whole; in order, each as often as it is there."""
    client = Imap(node, user)
    client.ok("SELECT INBOX")
    found = []
    for items in client.ok("FETCH 1:* BODY.PEEK[]").fetched().values():
        body = items["BODY[]"]
        number = int(body.partition(b"Subject: number ")[2].partition(b"\r\n")[0])
        assert body.endswith(samples.numbered(number))
        found.append(number)
    client.close()
    return found


def assert_clean(shape: Shape) -> None:
    report = administer(shape, "store", "check")
    assert report["damage"] == 0, report


def role_pids(shape: Shape) -> list[int]:
    supervisor = int((shape.folder / "a" / "pid").read_text())
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    return [int(pid) for pid in children.read_text().split()]


def store_failed(node: Node) -> bool:
    """Health and figures agree about it."""
    status, words = health(node)
    failed = 'rookery_store_failed{role="store"} 1' in page(node, "/metrics")[1]
    assert failed == (status == 503) == ("store takes no more mail" in words), words
    assert "mx ready" in words
    return failed


def health(node: Node) -> tuple[int, str]:
    try:
        return page(node, "/health")
    except urllib.error.HTTPError as bad:
        return bad.code, bad.read().decode()


def deliveries(shape: Shape, number: int) -> Iterator[smtp_client.Reply]:
    """One message by LMTP, SMTP and submission each."""
    node, user, sender = shape.nodes[0], shape.users[0], shape.users[1]
    for at, client in enumerate(
        (smtp_client.lmtp(node), smtp_client.mx(node), smtp_client.submission(node, sender))
    ):
        with client:
            client.begin(user.name, sender=sender.name.encode())
            yield client.data(samples.numbered(number + at))


def test_a_full_disk_fails_for_a_while_and_loses_nothing(
    faulty_shape: Shape, faults: Faults
) -> None:
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    client = Imap(node, user)
    for number in range(3):
        client.append("INBOX", samples.numbered(number))
    client.ok("CREATE There")
    client.ok("SELECT INBOX")
    client.ok("STORE 3 +FLAGS (\\Deleted)")
    changes = ("STORE 1 +FLAGS (\\Flagged)", "COPY 1 There", "MOVE 1 There", "CREATE New",
               "RENAME There Elsewhere", "DELETE There", "EXPUNGE")  # fmt: skip

    faults.fail(shape.folder / "a" / "data", FULL)
    assert client.no("APPEND INBOX {}", samples.numbered(9)).code == "UNAVAILABLE"
    for change in changes:
        assert client.no(change).code == "UNAVAILABLE", change
    for reply in deliveries(shape, 10):
        assert reply.code in (451, 452) and reply.status.startswith("4."), reply
    with Pop3(node, user) as popper:
        popper.ok("DELE 1")
        popper.err("QUIT", "SYS/TEMP")
    with pytest.raises(AssertionError, match="space"):
        administer(shape, "user", "add", "new@example.test", text="secret\n")
    assert faults.hits >= 12
    # Reading goes on, also for who was not there yet.
    for reader in (client, Imap(node, user)):
        reader.ok("SELECT INBOX")
        assert len(reader.ok("FETCH 1:3 BODY.PEEK[]").fetched()) == 3
        assert reader.ok("UID SEARCH SUBJECT number").untagged
    with Pop3(node, user) as popper:
        assert popper.message("RETR 2").endswith(samples.numbered(1))
    Imap(node, shape.users[3]).ok("SELECT INBOX")
    assert store_failed(node)

    faults.heal()
    client.ok("STORE 1 +FLAGS (\\Flagged)")
    assert not store_failed(node)
    client.append("INBOX", samples.numbered(20))
    for reply in deliveries(shape, 21):
        assert reply.code == 250, reply
    client.ok("EXPUNGE")
    client.ok("CREATE New")
    with Pop3(node, user) as popper:
        popper.ok("DELE 1")
        popper.ok("QUIT")
    administer(shape, "user", "add", "new@example.test", text="secret\n")
    node.do("kill")
    node.do("start")
    assert numbers(node, user) == [1, 20, 21, 22, 23]
    assert_clean(shape)


def test_a_message_is_read_though_the_full_disk_takes_no_seen_flag(
    faulty_shape: Shape, faults: Faults
) -> None:
    client = Imap(faulty_shape.nodes[0], faulty_shape.users[0])
    client.append("INBOX", samples.PLAIN)
    client.ok("SELECT INBOX")
    faults.fail(faulty_shape.folder / "a" / "data", FULL)
    fetched = client.ok("FETCH 1 (FLAGS BODY[])").fetched()[1]
    assert fetched["BODY[]"] == samples.PLAIN and "\\Seen" not in fetched["FLAGS"]
    faults.heal()
    assert "\\Seen" in client.ok("FETCH 1 (FLAGS BODY[])").fetched()[1]["FLAGS"]


def test_a_write_that_ends_short_goes_on(faulty_shape: Shape, faults: Faults) -> None:
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    faults.fail(shape.folder / "a" / "data", WRITE, SHORT)
    client = Imap(node, user)
    for number in range(3):
        client.append("INBOX", samples.numbered(number))
    for reply in deliveries(shape, 3):
        assert reply.code == 250, reply
    client.ok("CREATE There")
    client.append("There", LARGE)
    rookery(shape, "backup", str(shape.folder / "copy"))  # flushes the key index
    assert faults.hits >= 20
    assert not store_failed(node)
    node.do("kill")
    node.do("start")
    assert numbers(node, user) == list(range(6))
    client = Imap(node, user)
    client.ok("SELECT There")
    assert client.ok("FETCH 1 BODY.PEEK[]").fetched()[1]["BODY[]"] == LARGE
    assert_clean(shape)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The node's data on a file system of its own."""
    data = tmp_path / "one" / "a" / "data"
    data.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "small", str(data)]
    if os.getuid() != 0 or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("needs the right to mount")
    yield data
    subprocess.run(["umount", "-l", str(data)], check=True)


def test_a_file_system_without_a_free_block(small_disk: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    shape = shapes.up("one", tmp_path / "one", 1)
    try:
        node, user = shape.nodes[0], shape.users[0]
        client = Imap(node, user)
        client.append("INBOX", samples.numbered(0))
        with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError):
            while True:
                filler.write(bytes(4096))
        taken, number = [0], 1
        while True:  # what was allocated ahead is used up first
            answer = client.command("APPEND INBOX {}", samples.numbered(number) + b"x" * 50000)
            if answer.status != "OK":
                break
            taken.append(number)
            number += 1
            assert number < 1000
        assert answer.code == "UNAVAILABLE" and "space" in answer.text
        client.ok("SELECT INBOX")
        client.ok("FETCH 1:* BODY.PEEK[]")
        (small_disk / "filler").unlink()
        client.append("INBOX", samples.numbered(number))
        node.do("stop")
        node.do("start")
        client = Imap(node, user)
        client.ok("SELECT INBOX")
        assert len(client.ok("FETCH 1:* BODY.PEEK[]").fetched()) == len(taken) + 1
        assert_clean(shape)
    finally:
        shapes.down(tmp_path / "one")


@pytest.mark.parametrize(
    ("kinds", "calls"), [(WRITE, 1), (SYNC, 1), (SYNC | TRUNCATE, -1)], ids=["write", "sync", "cut"]
)
def test_a_failed_write_or_sync_is_final_until_a_restart(
    faulty_shape: Shape, faults: Faults, kinds: int, calls: int
) -> None:
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    client = Imap(node, user)
    for number in range(3):
        client.append("INBOX", samples.numbered(number))
    faults.fail(store_of(shape) / "segments", kinds, errno.EIO, calls)
    assert client.no("APPEND INBOX {}", samples.numbered(3)).code == "UNAVAILABLE"
    assert faults.hits >= 1
    faults.heal()  # the disk is good again, but nobody knows what it holds
    assert client.no("APPEND INBOX {}", samples.numbered(4)).code == "UNAVAILABLE"
    for reply in deliveries(shape, 5):
        assert reply.code in (451, 452), reply
    assert numbers(node, user) == [0, 1, 2]
    assert store_failed(node)
    assert smtp_client.log_lines(shape, "store turns read-only until restart")
    node.do("stop")
    node.do("start")
    assert not store_failed(node)
    there = numbers(node, user)
    assert there[:3] == [0, 1, 2] and there[3:] in ([], [3]), there
    Imap(node, user).append("INBOX", samples.numbered(30))
    assert numbers(node, user) == [*there, 30]
    assert_clean(shape)


@pytest.mark.parametrize(
    ("kinds", "number", "calls"),
    [(SYNC, errno.EIO, 1), (WRITE, errno.ENOSPC, 5)],
    ids=["failed sync", "full"],
)
def test_of_many_deliveries_at_once_each_acknowledged_one_is_there_once(
    faulty_shape: Shape, faults: Faults, kinds: int, number: int, calls: int
) -> None:
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    answers: dict[int, int] = {}
    failing = threading.Event()

    def deliver(sender: int) -> None:
        with smtp_client.lmtp(node) as client:
            for at in range(40):
                client.begin(user.name)
                answers[sender * 40 + at] = client.data(samples.numbered(sender * 40 + at)).code
                if at == 10:
                    failing.wait()

    threads = [threading.Thread(target=deliver, args=(sender,)) for sender in range(6)]
    for thread in threads:
        thread.start()
    while len(answers) < 30:
        time.sleep(0.001)
    faults.fail(store_of(shape) / "segments", kinds, number, calls)
    failing.set()
    for thread in threads:
        thread.join()
    assert len(answers) == 240 and set(answers.values()) == {250, 451}
    assert faults.hits == calls
    taken = {at for at, code in answers.items() if code == 250}
    assert store_failed(node) == (kinds == SYNC)
    assert sorted(numbers(node, user)) == sorted(taken)
    node.do("kill")
    node.do("start")
    there = numbers(node, user)
    assert taken <= set(there) and len(there) == len(set(there))
    assert_clean(shape)


INDEX_FAULTS = {
    "full": ("", FULL, errno.ENOSPC),
    "table": ("", CREATE | WRITE, errno.EIO),
    "sync": ("", SYNC, errno.EIO),
    "manifest": ("/MANIFEST", WRITE, errno.EIO),
}


@pytest.mark.parametrize("name", INDEX_FAULTS)
def test_a_key_index_that_can_not_flush_refuses_and_loses_nothing(
    faulty_shape: Shape, faults: Faults, name: str
) -> None:
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    below, kinds, number = INDEX_FAULTS[name]
    client = Imap(node, user)
    for at in range(3):
        client.append("INBOX", samples.numbered(at))
    faults.fail(Path(f"{store_of(shape)}/keys{below}"), kinds, number)
    # A backup flushes the index.
    refused = rookery(shape, "backup", str(shape.folder / "copy"))
    assert refused.returncode != 0 and "key index" in refused.stdout + refused.stderr
    assert {path.name for path in store_of(shape).parent.iterdir()} == {"mail", "spool"}
    assert faults.hits >= 1
    for _ in range(3):
        assert client.no("APPEND INBOX {}", samples.numbered(50)).code == "UNAVAILABLE"
    assert store_failed(node)
    assert numbers(node, user) == [0, 1, 2]
    faults.heal()
    if number == errno.ENOSPC:  # goes on by itself
        end = time.monotonic() + PATIENCE
        while client.command("APPEND INBOX {}", samples.numbered(3)).status != "OK":
            assert time.monotonic() < end
            time.sleep(0.05)
        assert not store_failed(node)
    else:
        node.do("stop")
        node.do("start")
        client = Imap(node, user)
        client.append("INBOX", samples.numbered(3))
    node.do("kill")
    node.do("start")
    assert numbers(node, user) == [0, 1, 2, 3]
    assert_clean(shape)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["full", "bad"])
def test_a_compaction_of_the_key_index_that_fails_loses_nothing(
    faulty_shape: Shape, faults: Faults, number: int
) -> None:
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    client = Imap(node, user)
    for at in range(4):  # as many flushes make a compaction
        if at == 3:  # its table comes after that of the flush
            faults.fail(store_of(shape) / "keys", CREATE, number, skip=1)
        client.append("INBOX", samples.numbered(at))
        rookery(shape, "backup", str(shape.folder / f"copy{at}"))
    end = time.monotonic() + PATIENCE
    while faults.hits == 0:
        assert time.monotonic() < end
        time.sleep(0.01)
    if number == errno.EIO:
        at = 3
        while client.command("APPEND INBOX {}", samples.numbered(at + 1)).status == "OK":
            at += 1
            assert time.monotonic() < end
        assert store_failed(node)
        faults.heal()
        node.do("stop")
        node.do("start")
        client = Imap(node, user)
    faults.heal()
    client.append("INBOX", samples.numbered(at + 1))
    assert not store_failed(node)
    assert numbers(node, user) == list(range(at + 2))
    assert_clean(shape)


def test_a_role_that_dies_on_a_full_disk_serves_again_when_there_is_room(
    faulty_shape: Shape, faults: Faults
) -> None:
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    Imap(node, user).append("INBOX", samples.numbered(0))
    faults.fail(shape.folder / "a" / "data", FULL)
    for pid in role_pids(shape):
        if b"store" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while not smtp_client.log_lines(shape, "role can't start", "No space left on device"):
        assert time.monotonic() < end
        time.sleep(0.02)
    with smtp_client.mx(node) as sender:
        sender.send(b"MAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<%s>\r\n" % user.name.encode())
        assert sender.replies(2) in ([250, 451], [451, 503])
    assert health(node)[0] == 503
    faults.heal()
    while health(node)[0] != 200:
        assert time.monotonic() < end
        time.sleep(0.02)
    Imap(node, user).append("INBOX", samples.numbered(1))
    assert numbers(node, user) == [0, 1]
    assert_clean(shape)


def test_a_log_that_can_not_be_written_stops_nothing(faulty_shape: Shape, faults: Faults) -> None:
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    faults.fail(shape.logs()[0], WRITE)
    for reply in deliveries(shape, 0):
        assert reply.code == 250, reply
    assert numbers(node, user) == [0, 1, 2]
    assert faults.hits >= 4
    faults.heal()
    Imap(node, user).close()
    assert smtp_client.log_lines(shape, "event=login", "protocol=imap")


def open_files(shape: Shape) -> int:
    """Of all roles, without connections."""
    folders = [Path(f"/proc/{pid}/fd") for pid in role_pids(shape)]
    links = [os.readlink(link) for folder in folders for link in folder.iterdir()]
    return sum(link.startswith("/") for link in links)


def test_a_large_message_that_finds_no_room_is_refused_and_leaves_nothing(
    faulty_shape: Shape, faults: Faults
) -> None:
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    client = Imap(node, user)
    with smtp_client.mx(node) as sender, smtp_client.lmtp(node) as local:
        sender.begin(user.name)
        assert sender.data(LARGE).code == 250
        before = open_files(shape)
        for kinds in (CREATE, WRITE):
            for role in ("mx", "store"):
                faults.fail(shape.folder / "a" / "data" / role / "spool", kinds)
                talker = sender if role == "mx" else local
                for _ in range(3):
                    talker.begin(user.name)
                    reply = talker.data(LARGE)
                    assert reply.code == 452 and reply.status == "4.3.1", reply
                if role == "store":
                    for _ in range(3):
                        assert client.no("APPEND INBOX {}", LARGE).code == "UNAVAILABLE"
                assert faults.hits >= 3
        faults.heal()
        assert open_files(shape) == before
        for talker in (sender, local):
            talker.begin(user.name)
            assert talker.data(LARGE).code == 250
    client.append("INBOX", LARGE)
    client.ok("SELECT INBOX")
    fetched = client.ok("FETCH 1:* BODY.PEEK[]").fetched()
    assert len(fetched) == 4
    assert all(items["BODY[]"].endswith(LARGE) for items in fetched.values())
