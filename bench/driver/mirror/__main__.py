"""script/bench mirror: two nodes that keep each other equal, beside one, and beside Dovecot's replicator.

Lag, throughput, the loss of one (also behind HAProxy and keepalived), a long way between them, half a minute
apart, and an empty one that is filled. All nodes, the load generator and the disk share this machine; ratios
are of one run. About 6 minutes, and 2 more for Dovecot; --quick: 3 for both.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[2] / "script" / "cluster")]
import failover  # noqa: E402
import lag  # noqa: E402
import limits  # noqa: E402
import loss  # noqa: E402
import machine  # noqa: E402
import parted  # noqa: E402
import rate  # noqa: E402
import refill  # noqa: E402
import report  # noqa: E402
import wan  # noqa: E402
from load import Load  # noqa: E402
from measurement import as_json, carry_out, tell, usual_options  # noqa: E402
from pair import Pair, Server  # noqa: E402
from replicator import OneDovecot, TwoDovecots  # noqa: E402
from rookery import OneRookery, TwoRookeries  # noqa: E402

WRITERS = 64


@dataclass
class Size:
    rounds: int
    lag_seconds: float
    deliveries: int  # a round of throughput, each way
    slow_deliveries: int  # likewise, of a peer that takes a tenth
    away_seconds: float
    parted_seconds: float
    changes: int  # while the two are apart, both sides
    messages: int  # that an empty node is given
    refill_seconds: float  # of it under load, at most
    limit_seconds: float
    users: int = 200
    lag_rate: int = 50
    refill_writers: int = 8  # that deliver meanwhile
    failovers: int = 6  # of each kind
    long_way: wan.Size = field(default_factory=wan.Size)


FULL = Size(rounds=3, lag_seconds=10, deliveries=16384, slow_deliveries=1024, away_seconds=4, parted_seconds=30,
            changes=10000, messages=100_000, refill_seconds=8, limit_seconds=2)  # fmt: skip
QUICK = Size(rounds=1, lag_seconds=5, deliveries=8192, slow_deliveries=512, away_seconds=4, parted_seconds=10,
             changes=2000, messages=20_000, refill_seconds=2, limit_seconds=1, failovers=2,
             long_way=wan.Size(commands=100, lag_seconds=8, deliveries=512))  # fmt: skip


@dataclass
class Rival:
    """One kind of server: it alone, and two of it."""

    one: Server
    two: Pair
    durability: str

    @property
    def is_ours(self) -> bool:
        return isinstance(self.two, TwoRookeries)


def rookery(folder: Path, users: int) -> Rival:
    return Rival(OneRookery("rookery-one", folder / "one", users), TwoRookeries("rookery-two", folder / "two", users),
                 "body and index entry synced on both disks before 250 and OK")  # fmt: skip


def dovecot(folder: Path, users: int) -> Rival:
    one = OneDovecot("dovecot-one", folder / "done", users)
    return Rival(one, TwoDovecots("dovecot-two", folder / "dtwo", users, filled=one.folder),
                 "a delivery's file and folder synced on one disk before 250; the other node is told behind it, and"
                 " IDLE hears of a delivery after half a second")  # fmt: skip


RIVALS: dict[str, Callable[[Path, int], Rival]] = {"rookery": rookery, "dovecot": dovecot}


class Run:
    def __init__(self, chosen: argparse.Namespace, folder: Path) -> None:
        self.size: Size = QUICK if chosen.quick else FULL
        self.size.messages = chosen.messages or self.size.messages
        self.rounds: int = chosen.rounds or self.size.rounds
        self.folder = folder
        self.built: Path = chosen.built
        self.load = Load(self.built / "mailload", folder / "log")
        self.rivals: dict[str, Rival] = {}
        self.more: list[Server] = []
        self.figures: report.Figures = {}
        self.limits: list[dict[str, float]] = []
        self.failed = False

    def disk_limit(self) -> None:
        """Durable appends of 10 KiB."""
        words = [self.built / "limit", self.folder / "limit", str(WRITERS), "10240", str(self.size.limit_seconds)]
        said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
        self.limits.append({key: float(value) for key, _, value in
                            (word.partition("=") for word in said.split()[1:])})  # fmt: skip

    def limit(self, unit: str) -> float:
        return statistics.median(limit[unit] for limit in self.limits)

    def start(self, names: list[str]) -> None:
        for name in names:
            self.rivals[name] = rival = RIVALS[name](self.folder, self.size.users)
            self.figures[name] = {}
            begun = time.monotonic()
            for server in (rival.one, rival.two):
                server.start()
                self.load.run(server.places[0], "imap-fill", "imap", conns=self.size.users, users=self.size.users,
                              ramp=10, count=1)  # fmt: skip
                server.drain()
            tell(f"{name} started, {time.monotonic() - begun:.0f} s")

    def servers(self) -> list[Server]:
        return [server for rival in self.rivals.values() for server in (rival.one, rival.two)] + self.more

    def others(self) -> machine.Others:
        return machine.Others(lambda: sum(server.account.cpu_seconds() for server in self.servers()))

    def do(self, part: str, number: int) -> None:
        name, work, _ = PARTS[part]
        for rival_name, rival in self.rivals.items():
            if number > 1 and not rival.is_ours:  # it takes its time
                continue
            begun, others = time.monotonic(), self.others()
            try:
                found = work(self, rival, number)
            except RuntimeError as wrong:  # its rows stay empty, the others go on
                tell(f"{rival_name}, {part}: {wrong}")
                self.failed = True
                continue
            if found:
                tell(f"{part}, {rival_name}, {time.monotonic() - begun:.0f} s; others took {others.cores():.1f} cores")
            for figure, value in found.items():
                self.figures[rival_name].setdefault((name, figure), []).append(value)


Figures = dict[str, float]


def _lag(run: Run, rival: Rival, number: int) -> Figures:
    return lag.run(rival.two, run.size.lag_rate, run.size.lag_seconds)


def _rate(run: Run, rival: Rival, number: int) -> Figures:
    messages = run.size.deliveries if rival.is_ours else run.size.slow_deliveries
    return rate.run(rival.one, rival.two, run.load, WRITERS, messages, number)


def _loss(run: Run, rival: Rival, number: int) -> Figures:
    if not isinstance(rival.two, TwoRookeries):
        return {}
    return loss.run(rival.two, run.load, WRITERS, run.size.away_seconds)


def _parted(run: Run, rival: Rival, number: int) -> Figures:
    return parted.run(rival.two, run.load, run.size.changes, run.size.parted_seconds)


def _refill(run: Run, rival: Rival, number: int) -> Figures:
    if not rival.is_ours:
        return {}
    size = run.size
    pair = TwoRookeries("rookery-refill", run.folder / "refill", size.users)  # of as many messages in each run
    run.more.append(pair)
    pair.start()
    return refill.run(pair, run.load, size.messages, size.refill_writers, size.refill_seconds,
                      lambda: limits.measure(run.built, run.folder, size.limit_seconds))  # fmt: skip


def _failover(run: Run, rival: Rival, number: int) -> Figures:
    if not rival.is_ours:
        return {}
    figures: Figures = {}
    for front, name in failover.FRONTS.items():
        pair = TwoRookeries(f"rookery-{front}", run.folder / front, failover.USERS, front)
        run.more.append(pair)
        pair.start()
        found = failover.run(pair, run.load, run.size.failovers)
        figures |= {f"{name}: {figure}": value for figure, value in found.items()}
        run.more.remove(pair)
        pair.close()
    return figures


def _wan(run: Run, rival: Rival, number: int) -> Figures:
    if not isinstance(rival.two, TwoRookeries):
        return {}
    return wan.run(rival.two, run.load, run.size.long_way)


# What --only calls it; the table's name; what it does; whether each round does it.
PARTS: dict[str, tuple[str, Callable[[Run, Rival, int], Figures], bool]] = {
    "lag": ("lag", _lag, False),
    "throughput": ("throughput", _rate, True),
    "loss": ("lost", _loss, False),
    "failover": ("fail-over", _failover, False),
    "wan": ("long way", _wan, False),
    "parted": ("apart", _parted, False),
    "replace": ("replace", _refill, False),
}


def arguments() -> argparse.Namespace:
    options = usual_options("script/bench mirror", __doc__ or "", "of throughput (3; quick: 1)", RIVALS, PARTS)
    options.add_argument("--messages", type=int, help="that an empty node is given (100,000; quick: 20,000)")
    return options.parse_args()


def measure(run: Run, chosen: argparse.Namespace) -> None:
    others = run.others()
    begun = time.monotonic()
    run.start([name for name in RIVALS if name in (chosen.target or RIVALS)])
    for part in [part for part in PARTS if part in (chosen.only or PARTS)]:
        for number in range(1, run.rounds + 1 if PARTS[part][2] else 2):
            run.disk_limit()
            run.do(part, number)
    appends = {WRITERS: run.limit("rate")}
    print(report.table(list(run.rivals), report.medians(run.figures, appends), appends))
    print(f"\n10 KiB messages, {run.size.users} users, {WRITERS} writers ({run.size.refill_writers} while a node is "
          f"replaced), medians of {run.rounds} rounds of throughput (dovecot: one) and "
          f"{refill.IDLE_ROUNDS} of replace with nobody served, "
          f"{time.monotonic() - begun:.0f} s.")  # fmt: skip
    print(f"{machine.describe()}; {others.text()}.")
    for name, rival in run.rivals.items():
        print(f"Durability, {name}: {rival.durability}.")
    if chosen.json:
        chosen.json.write_text(as_json(others, run.figures, size=asdict(run.size), disk_limits=run.limits) + "\n")


def main() -> int:
    return carry_out(arguments(), Run, measure)


if __name__ == "__main__":
    sys.exit(main())
