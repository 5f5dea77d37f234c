"""script/bench queue: mail that waits, beside Postfix: taken while the store is away, emptied into the store that
is back (Postfix: into Dovecot by LMTP), sent to a server elsewhere that is back (smtp-sink); and the start of an
mx with a million entries.

10 KiB messages, 64 connections. Postfix gets fewer messages: it is rates that are compared.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parent), str(ROOT / "tests" / "lib"), str(ROOT / "script" / "cluster")]
import machine  # noqa: E402
import ports  # noqa: E402
import report  # noqa: E402
from measurement import as_json, carry_out, tell, usual_options  # noqa: E402
from servers import USERS, Postfix, Queued, Rookery, Sink  # noqa: E402
from workload import Generator, Size as GeneratorSize, QUICK as GENERATOR  # noqa: E402

CONNECTIONS = 64
RECIPIENTS = 100  # of a message that fills the queue for the start
DESTINATIONS = 10_000
TARGETS: dict[str, type[Rookery | Postfix]] = {"rookery": Rookery, "postfix": Postfix}
Figures = dict[str, float]


@dataclass
class Size:
    rounds: int
    local: int  # messages that wait for the store
    outbound: int  # messages for elsewhere
    peer_local: int  # the same of the peer
    peer_outbound: int
    entries: int  # that an mx starts with


FULL = Size(rounds=3, local=100_000, outbound=20_000, peer_local=5000, peer_outbound=4000, entries=1_000_000)
QUICK = Size(rounds=1, local=10_000, outbound=10_000, peer_local=1000, peer_outbound=1000, entries=50_000)


class Run:
    def __init__(self, chosen: argparse.Namespace, folder: Path) -> None:
        self.size = QUICK if chosen.quick else FULL
        self.rounds: int = chosen.rounds or self.size.rounds
        self.folder = folder
        size: GeneratorSize = GENERATOR
        self.generator = Generator(chosen.built / "mailload", size, folder / "log")
        self.sink_port: int = ports.free(1)[0]
        self.targets: list[Queued] = []
        self.figures: report.Figures = {}
        self.failed = False

    def servers(self) -> list[Queued]:
        return self.targets

    def start(self, names: list[str]) -> None:
        for name in names:
            target = TARGETS[name](self.folder, self.sink_port)
            self.targets.append(target)
            self.figures[name] = {}
            target.start()

    def do(self, part: str, number: int) -> None:
        work, once = PARTS[part]
        if once and number > 1:
            return
        for target in self.targets if number % 2 else self.targets[::-1]:
            begun = time.monotonic()
            try:
                found = work(self, target, number)
            except RuntimeError as wrong:  # its rows stay empty, the others go on
                tell(f"{target.name}, {part}: {wrong}")
                self.failed = True
                continue
            for key, value in found.items():
                self.figures[target.name].setdefault(key, []).append(value)
            if found:
                tell(f"round {number}: {part}, {target.name}, {time.monotonic() - begun:.0f} s")

    def send(self, target: Queued, protocol: str, messages: int, **options: object) -> dict[str, str]:
        each = -(-messages // CONNECTIONS)
        more = {"conns": CONNECTIONS, "msgs": each, "users": USERS, "size": 10, "timeout": 900} | options
        result = self.generator.run(target, "smtp-in", protocol, **more)
        if int(result["errors"]):
            raise RuntimeError(f"{target.name}: {result['errors']} errors")
        return result


Found = dict[report.Key, float]


def local(run: Run, target: Queued, number: int) -> Found:
    """Taken while the store is away, and emptied into it."""
    messages = run.size.local if target.is_ours else run.size.peer_local
    target.shut_store()
    cpu = target.account.cpu_seconds()
    result = run.send(target, "smtp", messages, seed=number)
    cpu = target.account.cpu_seconds() - cpu
    taken = int(result["deliveries"])
    found = {("intake, the store away", "queued/s"): float(result["rate"]),
             ("intake, the store away", "CPU µs each"): 1e6 * cpu / taken,
             ("intake, the store away", "p99 ms"): float(result["p99_ms"])}  # fmt: skip
    cpu = target.account.cpu_seconds()
    seconds = target.empty()
    cpu = target.account.cpu_seconds() - cpu
    return found | {("emptied into the store", "messages/s"): taken / seconds,
                    ("emptied into the store", "CPU µs each"): 1e6 * cpu / taken}  # fmt: skip


def outbound(run: Run, target: Queued, number: int) -> Found:
    """Submitted while the server elsewhere is away, then sent to it."""
    messages = run.size.outbound if target.is_ours else run.size.peer_outbound
    words = {"rcpt_pattern": "user%04d@elsewhere.test", "seed": number}
    if target.is_ours:
        words |= {"from": "user%04d@example.test", "auth": None}
    taken = int(run.send(target, "submission", messages, **words)["deliveries"])
    sink = Sink(run.sink_port)
    try:
        cpu = target.account.cpu_seconds()
        seconds = target.empty()
        cpu = target.account.cpu_seconds() - cpu
    finally:
        sink.close()
    return {("sent elsewhere", "messages/s"): taken / seconds,
            ("sent elsewhere", "CPU µs each"): 1e6 * cpu / taken}  # fmt: skip


def start(run: Run, target: Queued, number: int) -> Found:
    """Killed with that many entries, for many destinations that can't be reached."""
    if not isinstance(target, Rookery):
        return {}
    run.send(target, "submission", run.size.entries // RECIPIENTS, rcpts=RECIPIENTS, size=1, users=DESTINATIONS,
             rcpt_pattern="x@d%04d.test", auth=None, **{"from": "user%04d@example.test"})  # fmt: skip
    entries = float(target.entries())
    seconds, mib = target.restart_mx()
    return {("start", "entries"): entries,
            ("start", "serves after s"): seconds,
            ("start", "MiB"): mib,
            ("start", "slowest delivery of the 20 s behind it, ms"): target.slowest(20)}  # fmt: skip


# What --only calls it; what it does; whether it is done once.
PARTS: dict[str, tuple[Callable[[Run, Queued, int], Found], bool]] = {
    "local": (local, False),
    "outbound": (outbound, False),
    "start": (start, True),
}


def arguments() -> argparse.Namespace:
    options = usual_options("script/bench queue", __doc__ or "", "3; quick: 1", TARGETS, PARTS)
    return options.parse_args()


def measure(run: Run, chosen: argparse.Namespace) -> None:
    others = machine.Others(lambda: sum(target.account.cpu_seconds() for target in run.targets))
    begun = time.monotonic()
    run.start([name for name in TARGETS if name in (chosen.target or TARGETS)])
    for part in [part for part in PARTS if part in (chosen.only or PARTS)]:
        for number in range(1, run.rounds + 1):
            run.do(part, number)
    print(report.table([target.name for target in run.targets], report.medians(run.figures, {}), {}))
    print(f"\n10 KiB messages, {CONNECTIONS} connections, {USERS} users, {run.rounds} rounds, "
          f"{time.monotonic() - begun:.0f} s.")  # fmt: skip
    print(f"{machine.describe()}; {others.text()}.")
    for target in run.targets:
        print(f"Durability, {target.name}: {target.durability}.")
    if chosen.json:
        chosen.json.write_text(as_json(others, run.figures, rounds=run.rounds, size=asdict(run.size)) + "\n")


def main() -> int:
    return carry_out(arguments(), Run, measure)


if __name__ == "__main__":
    sys.exit(main())
