"""How a quiet user fares while hostile clients are at the server: his latency idle and under each attack.

Idle and attack take turns; a ratio is that of an attack's quantile to that of all idle turns. Attackers are
processes of their own, and those that come by the thousand are mailload's.
"""

import contextlib
import multiprocessing
import resource
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from multiprocessing.synchronize import Event
from pathlib import Path

from target import DOMAIN, PASSWORD, Target

CONNECTIONS = 2000
SAMPLES = 150  # of each kind in a turn
MEMORY_EVERY = 50  # samples
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
    """The message has its dots doubled."""
    with socket.create_connection(("127.0.0.1", target.ports["lmtp"]), timeout=60) as sock, sock.makefile("rb") as file:
        for sent in ("", "LHLO bench", "MAIL FROM:<a@elsewhere.test>", f"RCPT TO:<{name(user)}>", "DATA", message, "QUIT"):
            if sent:
                sock.sendall(sent + b".\r\n" if isinstance(sent, bytes) else sent.encode() + b"\r\n")
            while (line := file.readline())[3:4] == b"-":
                pass
            if line[:1] not in (b"2", b"3"):
                raise RuntimeError(f"{sent[:60]!r}: {line!r}")


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


def latencies(target: Target, peak: list[int] | None = None) -> dict[str, list[float]]:
    """Milliseconds. `peak`: gets the server's memory in KiB as well, now and then."""
    found: dict[str, list[float]] = {what: [] for what in QUIET_WORK}
    for number in range(SAMPLES):
        if peak is not None and number % MEMORY_EVERY == 0:
            peak.append(target.account.memory().pss_kib)
        for what, work in QUIET_WORK.items():
            begun = time.monotonic()
            work(target)
            found[what].append(1000 * (time.monotonic() - begun))
            time.sleep(0.01)
    return found


def _results(said: str) -> dict[str, str]:
    (line,) = [line for line in said.splitlines() if line.startswith("RESULT")]
    return dict(word.split("=") for word in line.split()[1:])


@contextlib.contextmanager
def _held(program: Path, target: Target, mode: str, **protocols: int) -> Iterator[None]:
    """So many connections of each protocol, which all have to be there at the end."""
    running = []
    for protocol, count in protocols.items():
        words = [program, mode, "--port", str(target.ports[protocol]), "--conns", str(count), "--items", "BODY.PEEK[]",
                 "--mailbox", "Attacked", "--users", "1", "--user-base", str(VICTIM), "--hold", "600"]  # fmt: skip
        running.append((count, subprocess.Popen(words, stdout=subprocess.PIPE, text=True)))
    try:
        for _, process in running:
            assert process.stdout is not None
            process.stdout.readline()  # READY
        yield
    finally:
        for _, process in running:
            process.terminate()
        held = [int(_results(process.communicate()[0])["ready"]) for _, process in running]
    if held != [count for count, _ in running]:
        raise RuntimeError(f"{mode}: {held} connections held of {protocols}")


def slow_readers(target: Target, program: Path) -> AbstractContextManager[None]:
    """Each takes a byte a second of a large FETCH."""
    return _held(program, target, "imap-slow", imap=CONNECTIONS)


def silent(target: Target, program: Path) -> AbstractContextManager[None]:
    part = CONNECTIONS // 4
    return _held(program, target, "silent", imap=part, imaps=part, smtp=part, pop3=part)


@contextlib.contextmanager
def _again_and_again(target: Target, attack: Callable[[Target], None]) -> Iterator[None]:
    def go_on(ended: Event) -> None:
        while not ended.wait(0.02):
            attack(target)

    ended = multiprocessing.Event()
    process = multiprocessing.get_context("fork").Process(target=go_on, args=(ended,))
    process.start()
    try:
        yield
    finally:
        if not process.is_alive():
            raise RuntimeError("an attacker gave up")
        ended.set()
        process.join()


def _announce(target: Target) -> None:
    with contextlib.closing(Imap(target, VICTIM)) as client, contextlib.suppress(RuntimeError, OSError):
        client.sock.sendall(b"b APPEND INBOX {%d+}\r\n" % HUGE + b"x" * 100_000)
        client.file.readline()
        client.ok("NOOP")


def literals(target: Target, program: Path) -> AbstractContextManager[None]:
    """10 GiB announced, 50 times a second."""

    def attack(target: Target) -> None:
        with contextlib.suppress(RuntimeError, OSError):
            _announce(target)

    return _again_and_again(target, attack)


def monsters(target: Target, program: Path) -> AbstractContextManager[None]:
    """100,000 header lines, and multiparts nested 10,000 deep: delivered, fetched and searched."""

    def attack(target: Target) -> None:
        for monster in MONSTERS:
            deliver(target, VICTIM, monster)
        client = Imap(target, VICTIM)
        client.ok("SELECT INBOX")
        client.ok("FETCH * (ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (TO)])")
        client.ok("SEARCH TEXT nothing")
        client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        client.ok("EXPUNGE")
        client.close()

    return _again_and_again(target, attack)


def wrong_logins(target: Target, program: Path) -> AbstractContextManager[None]:
    """50 a second, from many addresses."""
    counter = iter(range(1 << 30))

    def attack(target: Target) -> None:
        with contextlib.closing(connect(target, "imap", next(counter) % CONNECTIONS)) as sock:
            sock.sendall(b"a LOGIN %s wrong\r\n" % name(VICTIM).encode())

    return _again_and_again(target, attack)


ATTACKS: dict[str, Callable[[Target, Path], AbstractContextManager[None]]] = {
    "2,000 slow readers": slow_readers,
    "2,000 silent": silent,
    "10 GiB literals": literals,
    "monsters": monsters,
    "wrong logins": wrong_logins,
}


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


QUANTILES: dict[str, Callable[[list[float]], float]] = {"p50": statistics.median, "p99": p99}


def _compared(idle: dict[str, list[float]], under: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for what in QUIET_WORK:
        for name, quantile in QUANTILES.items():
            usual = figures[f"{what}, idle: {name} ms"] = quantile(idle[what])
            for attack in ATTACKS:
                got = figures[f"{what}, {attack}: {name} ms"] = quantile(under[attack][what])
                figures[f"{what}, {attack}: {name} × idle"] = got / usual
    return figures


def run(target: Target, program: Path) -> dict[str, float]:
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
    kib: dict[str, tuple[int, int]] = {}
    for attack, begin in ATTACKS.items():
        for what, found in latencies(target).items():
            idle[what] += found
        before = target.account.memory().pss_kib
        seen: list[int] = []
        with begin(target, program):
            under[attack] = latencies(target, seen)
            seen.append(target.account.memory().pss_kib)
        kib[attack] = before, max(seen)
    figures = _compared(idle, under)
    for attack, (before, peak) in kib.items():
        figures[f"memory before {attack}: MiB"] = before / 1024
        figures[f"memory under {attack}: MiB"] = peak / 1024
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return figures
