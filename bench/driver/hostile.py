"""How a quiet user fares while hostile clients are at the server: his latency idle and under each attack.

Idle and attack take turns; a ratio is that of an attack's median to the median of the idle turns.
"""

import contextlib
import resource
import selectors
import smtplib
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from target import DOMAIN, PASSWORD, Target

CONNECTIONS = 2000
SAMPLES = 60  # of each kind in a turn
HUGE = 10 * 1024**3
VICTIM = 1  # his mailboxes are attacked
QUIET = 2
BODY = b"Subject: quiet\r\n\r\n" + (b"x" * 78 + b"\r\n") * 128
MONSTERS = [
    b"".join(b"X-%d: y\r\n" % i for i in range(100_000)) + b"\r\nbody\r\n",
    b"Subject: m\r\n"
    + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(10_000))
    + b"\r\nend\r\n",
]


def name(user: int) -> str:
    return f"user{user:04}@{DOMAIN}"


def connect(target: Target, protocol: str, number: int) -> socket.socket:
    """From one of many addresses, with a small window."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(60)
    sock.bind((f"127.9.{number // 200}.{number % 200 + 1}", 0))
    sock.connect(("127.0.0.1", target.ports[protocol]))
    return sock


class Imap:
    """As little of a client as takes no time itself."""

    def __init__(self, target: Target, user: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", target.ports["imap"]), timeout=60)
        self.file = self.sock.makefile("rb")
        self.file.readline()
        self.ok(f"LOGIN {name(user)} {PASSWORD}")

    def ok(self, command: str) -> None:
        self.sock.sendall(f"a {command}\r\n".encode())
        while not (line := self.file.readline()).startswith(b"a "):
            if not line:
                raise RuntimeError("the connection was closed")
        if not line.startswith(b"a OK"):
            raise RuntimeError(f"{command[:60]}: {line!r}")

    def close(self) -> None:
        self.ok("LOGOUT")
        self.sock.close()


def deliver(target: Target, user: int, message: bytes) -> None:
    with smtplib.LMTP("127.0.0.1", target.ports["lmtp"], timeout=60) as client:
        client.sendmail("a@elsewhere.test", [name(user)], message)


def one_delivery(target: Target) -> None:
    deliver(target, QUIET, BODY)


def one_session(target: Target) -> None:
    client = Imap(target, QUIET)
    client.ok("SELECT INBOX")
    client.ok("FETCH * (FLAGS ENVELOPE BODY.PEEK[])")
    client.ok("NOOP")
    client.close()


QUIET_WORK: dict[str, Callable[[Target], None]] = {
    "delivery": one_delivery,
    "IMAP session": one_session,
}


def latencies(target: Target) -> dict[str, list[float]]:
    """Milliseconds."""
    found: dict[str, list[float]] = {what: [] for what in QUIET_WORK}
    for _ in range(SAMPLES):
        for what, work in QUIET_WORK.items():
            begun = time.monotonic()
            work(target)
            found[what].append(1000 * (time.monotonic() - begun))
            time.sleep(0.01)
    return found


@contextlib.contextmanager
def _thread(work: Callable[[threading.Event], None]) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=work, args=(ended,))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def slow_readers(target: Target) -> Iterator[None]:
    """Each takes a byte a second of a large FETCH."""
    readers = []
    for number in range(CONNECTIONS):
        reader = connect(target, "imap", number)
        reader.sendall(f"a LOGIN {name(VICTIM)} {PASSWORD}\r\nb SELECT Attacked\r\n".encode()
                       + b"c FETCH 1:* BODY.PEEK[]\r\n")  # fmt: skip
        readers.append(reader)

    def read(ended: threading.Event) -> None:
        while not ended.wait(0.5):
            for at, reader in enumerate(readers):
                reader.recv(1)
                if at % 20 == 19:
                    time.sleep(0.005)  # over a second, not in a burst

    with _thread(read):
        yield
    for reader in readers:
        reader.close()


@contextlib.contextmanager
def silent(target: Target) -> Iterator[None]:
    protocols = ["imap", "imaps", "smtp", "pop3"]
    socks = [connect(target, protocols[number % 4], number) for number in range(CONNECTIONS)]
    yield
    for sock in socks:
        sock.close()


def _again_and_again(target: Target, attack: Callable[[Target], None]) -> AbstractContextManager[None]:
    def go_on(ended: threading.Event) -> None:
        while not ended.wait(0.02):
            attack(target)

    return _thread(go_on)


def _announce(target: Target) -> None:
    with contextlib.closing(Imap(target, VICTIM)) as client, contextlib.suppress(RuntimeError, OSError):
        client.sock.sendall(b"b APPEND INBOX {%d+}\r\n" % HUGE + b"x" * 100_000)
        client.file.readline()
        client.ok("NOOP")


def literals(target: Target) -> AbstractContextManager[None]:
    """10 GiB announced, 50 times a second."""

    def attack(target: Target) -> None:
        with contextlib.suppress(RuntimeError, OSError):
            _announce(target)

    return _again_and_again(target, attack)


def monsters(target: Target) -> AbstractContextManager[None]:
    """100,000 header lines, and multiparts nested 10,000 deep: delivered, fetched and searched."""

    def attack(target: Target) -> None:
        for monster in MONSTERS:
            with contextlib.suppress(smtplib.SMTPException):
                deliver(target, VICTIM, monster)
        client = Imap(target, VICTIM)
        client.ok("SELECT INBOX")
        client.ok("FETCH * (ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (TO)])")
        client.ok("SEARCH TEXT nothing")
        client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        client.ok("EXPUNGE")
        client.close()

    return _again_and_again(target, attack)


def wrong_logins(target: Target) -> AbstractContextManager[None]:
    """50 a second, from many addresses."""
    counter = iter(range(1 << 30))

    def attack(target: Target) -> None:
        with contextlib.closing(connect(target, "imap", next(counter) % CONNECTIONS)) as sock:
            sock.sendall(b"a LOGIN %s wrong\r\n" % name(VICTIM).encode())

    return _again_and_again(target, attack)


ATTACKS: dict[str, Callable[[Target], AbstractContextManager[None]]] = {
    "2,000 slow readers": slow_readers,
    "2,000 silent": silent,
    "10 GiB literals": literals,
    "monsters": monsters,
    "wrong logins": wrong_logins,
}


def run(target: Target) -> dict[str, float]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    client = Imap(target, VICTIM)
    with contextlib.suppress(RuntimeError):  # a later round finds it
        client.ok("CREATE Attacked")
        for _ in range(20):
            deliver(target, VICTIM, b"Subject: big\r\n\r\n" + (b"x" * 998 + b"\r\n") * 1000)
        client.ok("SELECT INBOX")
        client.ok("COPY 1:* Attacked")
    client.close()
    latencies(target)  # warm
    idle: dict[str, list[float]] = {what: [] for what in QUIET_WORK}
    under: dict[str, dict[str, list[float]]] = {}
    kib: dict[str, float] = {}
    for attack, begin in ATTACKS.items():
        for what, found in latencies(target).items():
            idle[what] += found
        before = target.account.memory().pss_kib
        with begin(target):
            under[attack] = latencies(target)
            kib[attack] = target.account.memory().pss_kib - before
    figures: dict[str, float] = {}
    for what in QUIET_WORK:
        usual = statistics.median(idle[what])
        figures[f"{what}, idle: p50 ms"] = usual
        for attack in ATTACKS:
            figures[f"{what}, {attack}: × idle"] = statistics.median(under[attack][what]) / usual
    figures |= {f"memory, {attack}: MiB": grown / 1024 for attack, grown in kib.items()}
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return figures
