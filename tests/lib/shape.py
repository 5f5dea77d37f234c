"""A running cluster shape: its nodes, its users, and clients to talk to them."""

import imaplib
import json
import os
import poplib
import smtplib
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SHAPE = Path(__file__).resolve().parents[2] / "script" / "shape"
PATIENCE = 30  # seconds, for whatever a test waits for
# ASan's own memory, and its leak checker that traces the process, are not what users run
SANITIZED = "asan" in os.environ.get("ROOKERY", "")


@dataclass(frozen=True)
class User:
    name: str
    password: str


class Node:
    """One node, or what leads to one; its ports are attributes: node.imap, node.smtp, …; None where it
    has none."""

    def __init__(self, described: dict[str, Any], ca: Path) -> None:
        self.described = described
        self.host: str = described["host"]
        self.ca = ca

    def __getattr__(self, name: str) -> Any:
        try:
            return self.described[name]
        except KeyError:
            raise AttributeError(name) from None

    def do(self, verb: str) -> None:
        """start, stop, kill, wipe, partition, heal, unplug, plug"""
        subprocess.run(["sh", "-c", self.described[verb]], check=True, timeout=120)

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca))
        context.check_hostname = True
        return context

    def open_imap(self, user: User | None = None) -> imaplib.IMAP4:
        client = imaplib.IMAP4_SSL(self.host, self.imaps, ssl_context=self.tls(), timeout=PATIENCE)
        if user:
            client.login(user.name, user.password)
        return client

    def open_pop3(self, user: User) -> poplib.POP3:
        client = poplib.POP3(self.host, self.pop3, timeout=PATIENCE)
        client.user(user.name)
        client.pass_(user.password)
        return client

    def send(self, to: list[User], message: bytes, sender: str = "someone@elsewhere.test") -> None:
        with smtplib.SMTP(self.host, self.smtp, timeout=PATIENCE) as client:
            client.sendmail(sender, [user.name for user in to], message)


class Shape:
    def __init__(self, text: str) -> None:
        described = json.loads(text)
        self.folder = Path(described["dir"])
        self.ca = Path(described["ca"])
        self.nodes = [Node(node, self.ca) for node in described["nodes"]]
        front = described.get("front")
        self.front = Node(front, self.ca) if front else None
        self.users = [User(**user) for user in described["users"]]
        self._fresh: Iterator[User] = iter(self.users)

    def rookery(self, *words: str) -> Any:
        """The result of a command at the first node."""
        place = self.folder / self.nodes[0].name
        program = json.loads((place / "node.json").read_text())["program"]
        command = [program, "--config", str(place / "rookery.conf"), "--json", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done
        return json.loads(done.stdout)

    def fresh_user(self) -> User:
        """One that no other test has had."""
        return next(self._fresh)

    def logs(self) -> list[Path]:
        return [self.folder / node.name / "log" for node in self.nodes]


def open_to_roles(folder: Path) -> None:
    """As root, roles run as users of their own, who must get to their folders below this one."""
    for place in (folder, *folder.parents):
        if os.getuid() == 0 and not place.stat().st_mode & 0o001:
            place.chmod(place.stat().st_mode | 0o011)


def up(shape: str, folder: Path, users: int, front: str | None = None) -> Shape:
    words = [str(SHAPE), "up", shape, "--dir", str(folder), "--users", str(users)]
    words += ["--front", front] if front else []
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    return Shape(done.stdout)


def down(folder: Path) -> None:
    subprocess.run([str(SHAPE), "down", "--dir", str(folder)], check=True, timeout=120)


def wait_for_mail(node: Node, user: User, count: int) -> imaplib.IMAP4:
    """A client with INBOX selected, once it holds that many messages."""
    end = time.monotonic() + PATIENCE
    client = None
    while client is None:
        try:
            client = node.open_imap(user)
        except ConnectionError:  # the store is on its way back
            assert time.monotonic() < end
            time.sleep(0.05)
    while True:
        _, answer = client.select("INBOX")
        if int(answer[0] or b"0") >= count:
            return client
        assert time.monotonic() < end, f"{user.name} has {answer[0]!r} messages, not {count}"
        time.sleep(0.05)


def fetch(client: imaplib.IMAP4, number: int) -> bytes:
    """The whole message, as it came over the wire."""
    _, answer = client.fetch(str(number), "(BODY.PEEK[])")
    assert answer and isinstance(answer[0], tuple), answer
    return bytes(answer[0][1])
