"""script/bench proxy: IMAP by way of a proxy, beside the same store without one: ours, Dovecot's, nginx's.

mix          operations of mail programs, without TLS on either side; 20 connections
mix, TLS     the same with TLS on both sides (nginx can't speak TLS to a store)
latency      the same mix on one connection, without TLS: what the way through the proxy adds
login        log in, select, log out
parked       memory of the proxy for connections in IDLE, TLS to the client and to the store
spread       our proxy in front of 1, 2, 4 stores, a table of its own: memory and tables of the proxy once
             1,000 and 10,000 different users have been there (it remembers 500 answers of the directory),
             look-ups, the mix and logins

Proxies, store and generator share one machine. CPU is that of the proxy's own processes.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parent), str(ROOT / "script" / "cluster")]
import machine  # noqa: E402
import report  # noqa: E402
import spread  # noqa: E402
from limits import files_allowed  # noqa: E402
from measurement import as_json, carry_out, tell, usual_options  # noqa: E402
from ours import Rookery as Store  # noqa: E402
from proxies import PROXIES, Proxy  # noqa: E402
from proxies import Rookery as OurProxy  # noqa: E402
from workload import QUICK as GENERATOR  # noqa: E402
from workload import Generator  # noqa: E402

FILES_BESIDE = 500
Found = dict[report.Key, float]


@dataclass
class Size:
    rounds: int
    operations: int
    latency: int  # operations on one connection
    logins: int
    parked: int
    peer_parked: int
    filled: int = 100
    users: int = 200
    mix_users: int = 20


FULL = Size(rounds=3, operations=40_000, latency=5000, logins=5000, parked=20_000, peer_parked=5000)
QUICK = Size(rounds=1, operations=10_000, latency=2000, logins=1000, parked=2000, peer_parked=1000)


class Run:
    def __init__(self, chosen: argparse.Namespace, folder: Path) -> None:
        self.size = QUICK if chosen.quick else FULL
        self.rounds: int = chosen.rounds or self.size.rounds
        self.folder = folder
        self.chosen: list[str] = [name for name in PROXIES if name in (chosen.target or PROXIES)]
        self.generator = Generator(chosen.built / "mailload", GENERATOR, folder / "log")
        self.store = Store(folder, self.size.users)
        self.running: list[Proxy] = []
        self.spread_servers: list[spread.Stores | spread.Spread] = []
        self.by_back_ends: report.Figures = {}
        self.figures: report.Figures = {name: {} for name in self.chosen}
        self.direct: dict[report.Key, list[float]] = {}
        self.failed = False

    def servers(self) -> list[Proxy | Store | spread.Stores]:
        return [*self.running, *self.spread_servers, self.store]

    def start(self, parts: list[str]) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        files_allowed()  # the store's processes have it from here
        OurProxy.program = Path(subprocess.os.environ["ROOKERY"]).resolve()
        if parts == ["spread"]:
            return
        self.store.start()
        self.generator.run(self.store, "imap-fill", "imap", conns=self.size.mix_users, users=self.size.mix_users,
                           count=self.size.filled, size="mix")  # fmt: skip

    def proxy(self, name: str, tls: bool) -> Proxy:
        for proxy in self.running:
            if proxy.name == name and proxy.tls == tls:
                return proxy
        proxy = PROXIES[name](self.folder, self.store.ports, self.store.folder / "ca.pem", tls)
        self.running.append(proxy)
        proxy.start()
        return proxy

    def through(self, work: "Work", tls: bool) -> None:
        """Directly and through each proxy, in turn."""
        direct = work.measure(self, self.store, tls)
        for key, value in direct.items():
            self.direct.setdefault(key, []).append(value)
        for name in self.chosen:
            if tls and not PROXIES[name].speaks_tls_to_stores:
                continue
            try:
                proxy = self.proxy(name, tls)
                cpu = proxy.account.cpu_seconds()
                found = work.measure(self, proxy, tls)
                cpu = proxy.account.cpu_seconds() - cpu
            except RuntimeError as wrong:
                tell(f"{name}, {work.name}: {wrong}")
                self.failed = True
                continue
            for key, value in work.compare(found, direct, cpu).items():
                self.figures[name].setdefault(key, []).append(value)


@dataclass
class Work:
    """One run of the load generator, and what a proxy's figures are beside the direct ones."""

    name: str
    mode: str
    options: Callable[[Size], dict[str, object]]
    unit: str

    def measure(self, run: Run, at: Proxy | Store, tls: bool) -> Found:
        more: dict[str, object] = {"tls": "tls"} if tls else {}
        result = run.generator.run(at, self.mode, "imaps" if tls else "imap", **self.options(run.size), **more)
        if int(result["errors"]):
            raise RuntimeError(f"{result['errors']} errors")
        words = {self.unit: "rate", "p50 ms": "p50_ms", "p99 ms": "p99_ms", "operations": "ops"}
        return {(self.name, figure): float(result[word]) for figure, word in words.items()}

    def compare(self, found: Found, direct: Found, cpu: float) -> Found:
        count = found.pop((self.name, "operations"))
        rate, p50 = (self.name, self.unit), (self.name, "p50 ms")
        return {rate: found[rate], (self.name, "% of direct"): 100 * found[rate] / direct[rate],
                (self.name, "proxy CPU µs each"): 1e6 * cpu / count,
                (self.name, "added p50 ms"): found[p50] - direct[p50],
                (self.name, "p99 ms"): found[self.name, "p99 ms"]}  # fmt: skip


def mix(connections: int, count: Callable[[Size], int]) -> Callable[[Size], dict[str, object]]:
    return lambda size: {"conns": connections, "msgs": count(size) // connections, "users": size.mix_users}


MIX = Work("proxied IMAP mix", "imap-mix", mix(20, lambda size: size.operations), "operations/s")
MIX_TLS = Work("proxied IMAP mix, TLS", "imap-mix", mix(20, lambda size: size.operations), "operations/s")
LATENCY = Work("one connection", "imap-mix", mix(1, lambda size: size.latency), "operations/s")
LOGIN = Work("proxied IMAP login", "imap-login",
             lambda size: {"conns": 10, "msgs": size.logins // 10, "users": size.users}, "logins/s")  # fmt: skip


def parked(run: Run) -> None:
    """From a fresh start of the proxy."""
    for name in run.chosen:
        if not PROXIES[name].speaks_tls_to_stores:
            continue
        proxy = run.proxy(name, tls=True)
        wanted = run.size.parked if name == OurProxy.name else run.size.peer_parked
        allowed = (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - FILES_BESIDE) // 2
        count = min(wanted, allowed)
        if count < wanted:
            tell(f"{name}: {count} parked connections in place of {wanted}: a process may hold no more files")
        try:
            found = hold(run, proxy, count)
        except RuntimeError as wrong:
            tell(f"{name}, parked: {wrong}")
            run.failed = True
            continue
        for key, value in found.items():
            run.figures[name].setdefault(key, []).append(value)


def hold(run: Run, proxy: Proxy, connections: int) -> Found:
    before = proxy.account.memory()
    words = [str(run.generator.program), "imap-idle", "--port", str(proxy.ports["imaps"]), "--tls", "tls", "--conns",
             str(connections), "--users", str(run.size.users), "--timeout", "500", "--hold", "500"]  # fmt: skip
    held = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=files_allowed)
    assert held.stdout and held.stderr
    begun = time.monotonic()
    ready = held.stdout.readline()
    seconds = time.monotonic() - begun
    if not ready.startswith("READY"):
        held.wait()
        raise RuntimeError(held.stderr.read())
    time.sleep(3)
    after = proxy.account.memory()
    held.terminate()
    held.communicate()
    count = max(int(ready.split()[1]), 1)
    return {("parked, TLS on both sides", "KiB a connection"): (after.pss_kib - before.pss_kib) / count,
            ("parked, TLS on both sides", "connections held"): count,
            ("parked, TLS on both sides", "TLS logins/s"): count / seconds}  # fmt: skip


def spread_out(run: Run) -> None:
    if OurProxy.name not in run.chosen:
        return
    size = run.size
    work = spread.Work(size.operations, size.logins, size.filled, size.mix_users)
    try:
        run.by_back_ends = spread.measure(run.folder, run.generator, work, run.spread_servers)
    except RuntimeError as wrong:
        tell(f"spread: {wrong}")
        run.failed = True


PARTS: dict[str, Callable[[Run], None]] = {
    "mix": lambda run: run.through(MIX, False),
    "tls": lambda run: run.through(MIX_TLS, True),
    "latency": lambda run: run.through(LATENCY, False),
    "login": lambda run: run.through(LOGIN, False),
    "parked": parked,
    "spread": spread_out,
}
ONCE = {"parked", "spread"}


def arguments() -> argparse.Namespace:
    options = usual_options("script/bench proxy", str(__doc__), "interleaved rounds", PROXIES, PARTS)
    return options.parse_args()


def measure(run: Run, chosen: argparse.Namespace) -> None:
    others = machine.Others(lambda: sum(one.account.cpu_seconds() for one in run.servers()))
    begun = time.monotonic()
    parts = [part for part in PARTS if part in (chosen.only or PARTS)]
    run.start(parts)
    # "parked" goes first: what the proxy's memory is before is that of a proxy that has done nothing
    for part in sorted(parts, key=lambda part: part not in ONCE):
        for number in range(1, (1 if part in ONCE else run.rounds) + 1):
            PARTS[part](run)
            tell(f"round {number}: {part}")
    found = report.medians(run.figures, {})
    if any(run.figures.values()):
        print(report.table([name for name in run.chosen if run.figures[name]], found, {}) + "\n")
    if run.direct:
        print("Without a proxy: " + "; ".join(f"{part}, {figure} {report.number(statistics.median(values))}"
                                              for (part, figure), values in run.direct.items()
                                              if figure != "operations") + ".")  # fmt: skip
    if {"rookery", "dovecot"} <= run.figures.keys():
        for key, value in found["rookery"].items():
            other = found["dovecot"].get(key)
            if key[1] == "proxy CPU µs each" and other:
                print(f"{key[0]}: the proxy's CPU is {report.ratio(value, other)} of Dovecot's.")
    if run.by_back_ends:
        print(f"{spread.table(run.by_back_ends)}\n")
    print(f"{run.rounds} rounds, {time.monotonic() - begun:.0f} s. {machine.describe()}; {others.text()}.")
    if chosen.json:
        figures = run.figures | {"direct": run.direct} | run.by_back_ends
        chosen.json.write_text(as_json(others, figures, rounds=run.rounds, size=asdict(run.size)) + "\n")


if __name__ == "__main__":
    sys.exit(carry_out(arguments(), Run, measure))
