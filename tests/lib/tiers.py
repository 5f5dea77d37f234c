"""Shapes of many machines under load: senders that go on, and what of theirs is in the mailboxes."""

import imaplib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import shape as shapes
from failover import Sender
from shape import PATIENCE, Node, Shape, User


@contextmanager
def started(kind: str, folder: Path, users: int, front: str | None = None) -> Iterator[Shape]:
    shapes.open_to_roles(folder)
    shape = shapes.up(kind, folder / "s", users, front)
    try:
        yield shape
    finally:
        shapes.down(folder / "s")


def node(shape: Shape, name: str) -> Node:
    return next(node for node in shape.nodes if node.name == name)


def subjects(at: Node, user: User) -> Counter[str]:
    """Of all messages in the inbox."""
    client = at.open_imap(user)
    try:
        client.select("INBOX", readonly=True)
        _, answers = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        texts = [part[1].decode() for part in answers if isinstance(part, tuple)]
        return Counter(text.partition(": ")[2].strip() for text in texts)
    finally:
        client.shutdown()


def await_all(at: Node, user: User, names: list[str]) -> Counter[str]:
    """Once each of these is there."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            found = subjects(at, user)
        except (OSError, EOFError, imaplib.IMAP4.error):
            found = Counter()
        missing = [name for name in names if not found[name]]
        if not missing:
            return found
        assert time.monotonic() < end, f"{len(missing)} of {len(names)} are missing at {at.name}: {missing[:5]}"
        time.sleep(0.1)


@contextmanager
def sending(*senders: Sender) -> Iterator[None]:
    """Each has delivered something before and behind what is done meanwhile."""
    for sender in senders:
        sender.start()
    try:
        for sender in senders:
            sender.await_more()
        yield
        for sender in senders:
            sender.await_more()
    finally:
        for sender in senders:
            sender.stop()
