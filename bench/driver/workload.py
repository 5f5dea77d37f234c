"""What is measured: each workload runs the load generator once and gives figures by name."""

import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hostile
from target import Target

Figures = dict[str, float]


@dataclass
class Size:
    """How much work one run is."""

    messages: int  # of a delivery workload, over all connections
    operations: int  # of an IMAP or POP3 workload, likewise
    idle: int  # connections
    filled: int  # messages in each mailbox of mix_users
    limit_seconds: float  # of each measurement of the disk
    once: bool  # one big mailbox for all rounds, memory in the first round only
    fast_times: int  # a fast target gets as many times the messages: a rate wants a second or two
    big: int = 10000  # messages in a big mailbox
    users: int = 1000
    mix_users: int = 20  # of the users, the last ones: their mailboxes are filled


QUICK = Size(messages=1024, operations=1000, idle=1000, filled=50, limit_seconds=0.5, once=True,
             fast_times=8)  # fmt: skip
FULL = Size(messages=20000, operations=20000, idle=10000, filled=200, limit_seconds=2, once=False,
            fast_times=1)  # fmt: skip


class Generator:
    def __init__(self, program: Path, size: Size, log: Path) -> None:
        self.program = program
        self.size = size
        self.log = log

    def run(self, target: Target, mode: str, protocol: str, **options: object) -> dict[str, str]:
        words = [str(self.program), mode, "--port", str(target.ports[protocol])]
        for key, value in options.items():  # None: a flag
            words += ["--" + key.replace("_", "-"), *([] if value is None else [str(value)])]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        with self.log.open("a") as log:
            log.write(f"== {target.name}: {' '.join(words)}\n{done.stdout}\n")
        results = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        if not results:
            raise RuntimeError(f"{target.name} {mode}: no result\n{done.stdout}")
        return dict(word.split("=", 1) for word in results[0].split()[1:])


def _measured(
    target: Target, generator: Generator, mode: str, protocol: str, **options: object
) -> tuple[dict[str, str], float, float]:
    """The result, the server's CPU seconds, and seconds until the last message is delivered."""
    cpu, begun = target.account.cpu_seconds(), time.monotonic()
    result = generator.run(target, mode, protocol, **options)
    target.drain()
    seconds = time.monotonic() - begun
    time.sleep(0.2)  # what the server does behind its last answer
    return result, target.account.cpu_seconds() - cpu, seconds


def _common(result: dict[str, str], seconds: float) -> Figures:
    cpu = float(result["driver_cpu_s"])
    figures = {
        "p50 ms": float(result["p50_ms"]),
        "p99 ms": float(result["p99_ms"]),
        "generator CPU µs each": 1e6 * cpu / max(int(result["ops"]), 1),
        "generator % of a core": 100 * cpu / seconds,
    }
    if errors := int(result["errors"]):
        figures["errors"] = errors
    return figures


def delivery(mode: str, connections: int) -> Callable[[Target, Generator, int], Figures]:
    """10 KiB messages to all users; counted at the mailbox."""

    def work(target: Target, generator: Generator, seed: int) -> Figures:
        size = generator.size
        messages = size.messages * (size.fast_times if target.is_fast else 1)
        result, cpu, seconds = _measured(
            target, generator, mode, "lmtp" if mode == "lmtp" else "smtp",
            conns=connections, msgs=max(messages // connections, 1), size=10,
            users=size.users, seed=seed,
        )  # fmt: skip
        delivered = int(result["deliveries"])
        rate = delivered / seconds
        first = {"delivered/s": rate, "CPU µs each": cpu * 1e6 / max(delivered, 1)}
        return first | _common(result, float(result["secs"]))

    return work


def _operations(
    target: Target, generator: Generator, mode: str, protocol: str, unit: str, **options: object
) -> Figures:
    result, cpu, _ = _measured(target, generator, mode, protocol, **options)
    done = max(int(result["ops"]), 1)
    first = {unit: float(result["rate"]), "CPU µs each": cpu * 1e6 / done}
    return first | _common(result, float(result["secs"]))


def mix(target: Target, generator: Generator, seed: int) -> Figures:
    size = generator.size
    return _operations(
        target, generator, "imap-mix", "imap", "operations/s", conns=20,
        msgs=size.operations // 20, users=size.mix_users, user_base=size.users - size.mix_users,
        seed=seed,
    )  # fmt: skip


def login(target: Target, generator: Generator, seed: int) -> Figures:
    """Log in, select, log out."""
    return _operations(
        target, generator, "imap-login", "imap", "logins/s", conns=10,
        msgs=max(generator.size.operations // 50, 10), users=100, seed=seed,
    )  # fmt: skip


def pop3(target: Target, generator: Generator, seed: int) -> Figures:
    size = generator.size
    return _operations(
        target, generator, "pop3", "pop3", "RETR/s", conns=5, msgs=2, users=size.mix_users,
        user_base=size.users - size.mix_users, seed=seed,
    )  # fmt: skip


def fetch(target: Target, generator: Generator, seed: int) -> Figures:
    """FETCH 1:* of a big mailbox; `first`: nobody has touched it since it was filled."""
    size = generator.size
    box = 1 if size.once else seed
    result, cpu, _ = _measured(
        target, generator, "imap-fetchall", "imap", conns=1, users=1, user_base=box,
        mailbox=f"Big{size.big}", passes=6,
    )  # fmt: skip
    figures: Figures = {}
    for word, what in (("flags", "FLAGS"), ("envelope", "ENVELOPE"), ("body", "BODY.PEEK[]")):
        if box == seed:
            figures[f"{what} first ms"] = 1000 * float(result[f"{word}_cold_s"])
        figures[f"{what} again ms"] = 1000 * float(result[f"{word}_warm_s"])
    messages = max(int(result["ops"]), 1)  # in all passes, of all three kinds
    return figures | {
        "CPU µs a message": cpu * 1e6 / messages,
        "generator CPU µs a message": 1e6 * float(result["driver_cpu_s"]) / messages,
    }


def idle(target: Target, generator: Generator, seed: int) -> Figures:
    """Memory of parked TLS IMAP IDLE connections, from a fresh start of the server."""
    target.stop()
    target.start()
    time.sleep(1)
    before = target.account.memory()
    size = generator.size
    connections = min(size.idle, target.idle_max, _files_allowed() - FILES_BESIDE)
    words = [str(generator.program), "imap-idle", "--port", str(target.ports["imaps"]),
             "--tls", "tls", "--conns", str(connections), "--users", str(size.users),
             "--timeout", "300", "--hold", "300"]  # fmt: skip
    cpu, begun = target.account.cpu_seconds(), time.monotonic()
    held = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert held.stdout is not None and held.stderr is not None
    ready = held.stdout.readline()
    if not ready.startswith("READY"):
        held.wait()
        raise RuntimeError(f"{target.name}: IDLE: {held.stderr.read()}")
    seconds, cpu = time.monotonic() - begun, target.account.cpu_seconds() - cpu
    time.sleep(2)
    after = target.account.memory()
    held.terminate()
    held.communicate()
    count = max(int(ready.split()[1]), 1)
    return {
        "KiB a connection": (after.pss_kib - before.pss_kib) / count,
        "connections held": count,
        "processes": after.processes,
        "TLS logins/s": count / seconds,
        "CPU µs a TLS login": 1e6 * cpu / count,
    }


def hostile_clients(target: Target, generator: Generator, seed: int) -> Figures:
    return hostile.run(target, generator.program)


FILES_BESIDE = 200  # of a process that holds the connections


def _files_allowed() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


@dataclass
class Workload:
    name: str
    run: Callable[[Target, Generator, int], Figures]
    big: bool = False  # needs the big mailboxes
    once: bool = False  # its figures do not depend on other load: one round in a quick run
    ours_only: bool = False


WORKLOADS = [
    Workload("LMTP, 64 writers", delivery("lmtp", 64)),
    Workload("LMTP, 256 writers", delivery("lmtp", 256)),
    Workload("SMTP, 64 writers", delivery("smtp-in", 64)),
    Workload("IMAP mix", mix),
    Workload("IMAP login", login),
    Workload("FETCH 1:*", fetch, big=True),
    Workload("POP3", pop3),
    Workload("IDLE, TLS", idle, once=True),
    Workload("hostile clients", hostile_clients, once=True, ours_only=True),
]


def fill(target: Target, generator: Generator, rounds: int, big: bool) -> None:
    """The same contents everywhere, and mailboxes that exist, before anything is measured."""
    size = generator.size
    if target.workloads is None:
        generator.run(target, "lmtp", "lmtp", conns=20, msgs=size.users // 20, users=size.users)
        generator.run(target, "imap-fill", "imap", conns=size.mix_users, users=size.mix_users,
                      user_base=size.users - size.mix_users, count=size.filled, size="mix")  # fmt: skip
    if big:
        boxes = 1 if size.once else rounds
        generator.run(target, "imap-fill", "imap", conns=boxes, users=boxes, user_base=1,
                      mailbox=f"Big{size.big}", count=size.big, timeout=600)  # fmt: skip
