"""Shapes of many machines under load: senders that go on, and what of theirs is in the mailboxes."""

import imaplib
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import shape as shapes
from failover import ATTEMPT_SECONDS, Sender
from mirror import PROGRAM
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


def command(shape: Shape, name: str, *words: str) -> Any:
    config = str(shape.folder / name / "rookery.conf")
    done = subprocess.run([PROGRAM, "--config", config, "--json", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def await_sync(shape: Shape, *pair: str) -> None:
    """Both equal, row by row; their queues, too, where they have some."""
    end = time.monotonic() + PATIENCE
    while any(
        part["state"] != "in sync"
        for name in pair
        for status in [command(shape, name, "mirror", "status")]
        for part in [status, *([status["queue"]] if "queue" in status else [])]
    ):
        assert time.monotonic() < end, "not in sync"
        time.sleep(0.05)
    assert command(shape, pair[0], "mirror", "verify")["damage"] == 0


@contextmanager
def sending(*senders: "Sender | Visitor") -> Iterator[None]:
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


class Visitor(threading.Thread):
    """A mail program that stays: it stores one message after the other in his INBOX by IMAP, and connects
    again when its connection breaks."""

    def __init__(self, at: Node, user: User) -> None:
        super().__init__(daemon=True)
        self.at, self.user = at, user
        self.acknowledged: list[str] = []
        self.answers: list[float] = []  # when each came
        self.errors: Counter[str] = Counter()
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                client = imaplib.IMAP4_SSL(
                    self.at.host, self.at.imaps, ssl_context=self.at.tls(), timeout=ATTEMPT_SECONDS)  # fmt: skip
                try:
                    client.login(self.user.name, self.user.password)
                    self._stay(client)
                finally:
                    client.shutdown()
            except (OSError, EOFError, imaplib.IMAP4.error) as wrong:
                self.errors[kind(wrong)] += 1
                time.sleep(0.05)

    def _stay(self, client: imaplib.IMAP4) -> None:
        while not self.stopping.is_set():
            name = f"{self.user.name.partition('@')[0]}.{len(self.acknowledged)}.{sum(self.errors.values())}"
            status, _ = client.append("INBOX", None, None, f"Subject: {name}\r\n\r\nx\r\n".encode())
            if status != "OK":
                self.errors["NO to APPEND"] += 1
                return
            self.acknowledged.append(name)
            self.answers.append(time.monotonic())
            time.sleep(0.02)

    def await_more(self) -> None:
        before, end = len(self.acknowledged), time.monotonic() + PATIENCE
        while len(self.acknowledged) < before + 2:
            assert time.monotonic() < end, f"{self.user.name} is not served any more: {self.errors}"
            time.sleep(0.02)

    def pause(self) -> float:
        """The longest time from one answer to the next one."""
        return max((b - a for a, b in zip(self.answers, self.answers[1:], strict=False)), default=0.0)

    def stop(self) -> None:
        self.stopping.set()
        self.join()


def ended(client: imaplib.IMAP4) -> bool:
    try:
        client.noop()
    except (OSError, EOFError, imaplib.IMAP4.error):
        return True
    return False


def kind(wrong: BaseException) -> str:
    """In a word or two: what a client saw."""
    text = str(wrong)
    for word in ("UNAVAILABLE", "AUTHENTICATIONFAILED"):
        if word in text:
            return word
    said = "" if isinstance(wrong, OSError) else text.split(":")[-1].strip()[:60]
    return said or type(wrong).__name__


def probe(namespace: str, host: str, ports: list[int], seconds: float = 1.5) -> list[int]:
    """Which of these a program in that namespace can open."""
    done = subprocess.run(
        ["nsenter", f"--net=/run/netns/{namespace}", sys.executable, "-c", PROBE, host, str(seconds)],
        input=json.dumps(ports), capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [int(port) for port in json.loads(done.stdout)]


PROBE = """
import errno, json, select, socket, sys, time
host, seconds, found = sys.argv[1], float(sys.argv[2]), []
ports = json.load(sys.stdin)
for at in range(0, len(ports), 15000):
    waiting, poll = {}, select.poll()
    for port in ports[at:at + 15000]:
        s = socket.socket()
        s.setblocking(False)
        if s.connect_ex((host, port)) in (0, errno.EINPROGRESS):
            waiting[s.fileno()] = s, port
            poll.register(s, select.POLLOUT)
    end = time.monotonic() + seconds
    while waiting and (left := end - time.monotonic()) > 0:
        for fd, _ in poll.poll(left * 1000):
            s, port = waiting.pop(fd)
            poll.unregister(fd)
            if s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                found.append(port)
            s.close()
    for s, _ in waiting.values():
        s.close()
print(json.dumps(sorted(found)))
"""


def listening(namespace: str) -> list[int]:
    """TCP ports at which anybody in that namespace listens, but on loopback."""
    words = ["nsenter", f"--net=/run/netns/{namespace}", "ss", "-Hltn"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    places = [line.split()[3].rpartition(":") for line in done.stdout.splitlines()]
    return sorted({int(port) for host, _, port in places if not host.startswith(("127.", "[::1"))})
