"""Passwords don't stay in the memory of a role once the login is over: each is looked for in all of it."""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from imap_client import Imap
from pop3_client import Pop3
from shape import SANITIZED, Node, Shape, User
from smtp_client import administer, plain, submission

MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw\S+ \S+ \S+ \S+ *(.*)")
WAYS: dict[str, Callable[[Node, User], object]] = {
    "IMAP LOGIN, quoted": lambda node, user: Imap(node, user),
    "IMAP LOGIN, over TLS": lambda node, user: login_by_literal(Imap(node, tls=True), user),
    "IMAP AUTHENTICATE, initial": lambda node, user: authenticate(Imap(node), user, True),
    "IMAP AUTHENTICATE": lambda node, user: authenticate(Imap(node), user, False),
    "POP3 PASS": lambda node, user: Pop3(node, user),
    "submission, initial": lambda node, user: submission(node, user),
    "submission": lambda node, user: submit(node, user),
}


def login_by_literal(client: Imap, user: User) -> Imap:
    client.ok("LOGIN {} {}", user.name.encode(), user.password.encode())
    return client


def authenticate(client: Imap, user: User, initial: bool) -> Imap:
    tag = client.begin(b"AUTHENTICATE PLAIN" + (b" " + plain(user) if initial else b""))
    if not initial:
        client.continuation()
        client.send(plain(user) + b"\r\n")
    assert client.finish(tag).status == "OK"
    return client


def submit(node: Node, user: User) -> object:
    client = submission(node)
    assert client.command(b"AUTH PLAIN").code == 334
    assert client.command(plain(user)).code == 235
    return client


def roles(shape: Shape) -> dict[str, int]:
    """Their process ids."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (NotADirectoryError, FileNotFoundError, ProcessLookupError):
            continue
        if "role" in words and any(str(shape.folder) in word for word in words):
            found[words[words.index("role") + 1]] = int(entry.name)
    return found


def writable_memory(pid: int) -> Iterator[bytes]:
    with open(f"/proc/{pid}/mem", "rb") as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            if found := MAPPING.match(line):
                begin, end = int(found[1], 16), int(found[2], 16)
                memory.seek(begin)
                try:
                    yield memory.read(end - begin)
                except OSError:  # gone meanwhile
                    continue


@pytest.mark.skipif(SANITIZED, reason="freed memory is kept there")
@pytest.mark.skipif(os.getuid() != 0, reason="only root may look into the roles")
def test_no_password_stays_in_memory(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], User(own_shape.users[0].name, secrets.token_hex(12))
    node.do("stop")
    administer(own_shape, "user", "password", user.name, text=f"{user.password}\n")
    node.do("start")
    name, password = user.name.encode(), user.password.encode()
    pids = roles(own_shape)
    for way, log_in in WAYS.items():
        client = log_in(node, user)
        for role, pid in pids.items():
            memory = list(writable_memory(pid))
            if role == "store":
                assert any(name in piece for piece in memory), "the search finds what is there"
            for needle in (password, plain(user)):
                assert not any(needle in piece for piece in memory), f"{way}: {role}"
        del client
