"""Rows that rot on one node's disk: never served as an empty mailbox, and healed by the other node."""

import contextlib
import json
import os
import smtplib
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import shape as shapes
from imap_client import Imap
from mirror import Mirror
from shape import Node, User, wait_for_mail

MESSAGES, MANY = 5, 60


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    shapes.open_to_roles(tmp_path)
    shape = shapes.up("mirror", tmp_path / "m", 4)
    yield Mirror(shape)
    shapes.down(tmp_path / "m")


def mail(subject: str) -> bytes:
    return f"Subject: {subject}\r\nMessage-ID: <{subject}@test>\r\n\r\nbody of {subject}\r\n".encode()


def keys_of(m: Mirror, node: Node) -> Path:
    return m.shape.folder / node.name / "data" / "store" / "mail" / "keys"


def rot(folder: Path, mark: bytes) -> None:
    """A letter of each row that has the mark."""
    hits = 0
    for file in folder.glob("*.sst"):
        data = file.read_bytes()
        with file.open("r+b") as out:
            at = -1
            while (at := data.find(mark, at + 1)) >= 0:
                out.seek(at)
                out.write(bytes([data[at] ^ 1]))
                hits += 1
    assert hits


def rot_block(folder: Path, number: int) -> None:
    """A byte of that block of every file that has so many; the first one says how far the index is."""
    hits = 0
    for file in folder.glob("*.sst"):
        at = 4096 * number + 2000
        if at < file.stat().st_size - 4096:
            with file.open("r+b") as out:
                out.seek(at)
                byte = out.read(1)[0]
                out.seek(at)
                out.write(bytes([byte ^ 1]))
            hits += 1
    assert hits


def seen(node: Node, user: User) -> int | None:
    """Messages in the INBOX; None: the node says that it can't tell, for now."""
    with contextlib.suppress(OSError, EOFError):
        client = Imap(node, tls=True)
        for command in (f'LOGIN "{user.name}" "{user.password}"', "SELECT INBOX"):
            done = client.command(command)
            if done.status != "OK":
                client.close()
                assert done.code in ("UNAVAILABLE", "CORRUPTION"), (done.code, done.text)
                return None
        client.close()
        return int(done.one("EXISTS")[0])
    return None


def is_known(node: Node, user: User) -> bool:
    """Never "no such user": the code that RCPT gets is 250 or 4xx."""
    with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected):
        with smtplib.SMTP(node.host, node.smtp, timeout=shapes.PATIENCE) as client:
            client.ehlo()
            client.mail("x@elsewhere.test")
            return client.rcpt(user.name)[0] < 500
    return True


def await_healed(m: Mirror, node: Node, users: list[User]) -> int:
    """Meanwhile nobody sees less than there is; how often somebody was told to wait."""
    refused, end = 0, time.monotonic() + shapes.PATIENCE
    while True:
        for user in users:
            messages = seen(node, user)
            assert messages in (None, MESSAGES), user.name
            assert is_known(node, user)
            refused += messages is None
        status = m.status(node)
        healed = status["accounts_healed"] + status["scrub_bodies_healed"]
        if healed and "rows_unreadable" not in status and status["state"] == "in sync":
            return refused
        assert time.monotonic() < end, status
        time.sleep(0.02)


def await_equal(m: Mirror) -> None:
    """Bodies of which nobody knows where they lie are fetched one by one."""
    end = time.monotonic() + shapes.PATIENCE
    while True:
        try:
            return m.assert_equal()
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize(("name", "block"), [("a", 0), ("b", 0), ("a", 1), ("b", 2), ("a", 3), ("b", 3)])
def test_rows_that_can_not_be_read_come_from_the_other_node(mirror: Mirror, name: str, block: int) -> None:
    m, users = mirror, mirror.shape.users
    for node in (m.a, m.b) if block else ():  # else clients meet what can't be read
        m.configure(node, "scrub 1s;")
    m.await_sync()
    node = m.a if name == "a" else m.b
    other = m.b if name == "a" else m.a
    for user in users:
        for number in range(MESSAGES):
            m.a.send([user], mail(f"n{number}"))
    for number in range(MANY):  # in other mailboxes: keys for some blocks more
        client = Imap(m.a, users[0], tls=True) if number == 0 else client
        client.append("Archive", mail(f"m{number}"))
    node.do("stop")
    if block:
        rot_block(keys_of(m, node), block)
    else:
        rot(keys_of(m, node), b"INBOX")
    starting = Thread(target=node.do, args=("start",))
    starting.start()
    with contextlib.suppress(AssertionError):  # the command opens the store itself before the server does
        await_healed(m, node, users)
    starting.join()
    await_healed(m, node, users)
    for user in users:
        assert seen(node, user) == seen(other, user) == MESSAGES
    await_equal(m)
    node.do("stop")
    node.do("start")
    m.assert_equal()
    assert "rows_unreadable" not in m.status(node)
    for user in users:
        m.b.send([user], mail("after"))
        wait_for_mail(m.a, user, MESSAGES + 1)


def test_what_is_written_meanwhile_at_the_other_node_stays(mirror: Mirror) -> None:
    m, users = mirror, mirror.shape.users
    for user in users:
        for number in range(MESSAGES - 1):
            m.a.send([user], mail(f"n{number}"))
    m.b.do("stop")
    for user in users:
        m.a.send([user], mail("meanwhile"))
        client = Imap(m.a, user, tls=True)
        client.ok("SELECT INBOX")
        client.ok("STORE 1 +FLAGS (\\Flagged)")
        client.close()
    rot(keys_of(m, m.b), b"INBOX")
    m.b.do("start")
    await_healed(m, m.b, users)
    m.assert_equal()
    for user in users:
        client = Imap(m.b, user, tls=True)
        client.ok("SELECT INBOX")
        flags = client.ok("FETCH 1:* (FLAGS)").fetched()
        assert [number for number, items in flags.items() if "\\Flagged" in items["FLAGS"]] == [1]


def test_an_index_that_does_not_open_says_so_and_the_node_can_be_replaced(mirror: Mirror) -> None:
    m, user = mirror, mirror.shape.users[0]
    for number in range(MESSAGES):
        m.b.send([user], mail(f"n{number}"))
    m.b.do("stop")
    for file in keys_of(m, m.b).glob("*.sst"):
        os.truncate(file, file.stat().st_size - 100)
    done = m.run(m.b, "store", "check")
    assert done.returncode != 0 and "key index" in done.stdout + done.stderr
    m.a.send([user], mail("meanwhile"))
    m.b.do("wipe")
    key = m.command(m.a, "mirror", "replace")["key"]
    m.b.do("start")
    first = json.loads((m.shape.folder / "a" / "node.json").read_text())["mirror"]
    m.command(m.b, "mirror", "pair", first, key)
    m.assert_equal()
    assert seen(m.b, user) == MESSAGES + 1
