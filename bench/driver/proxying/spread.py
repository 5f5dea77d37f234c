"""One proxy in front of 1, 2, 4 stores, which have its users between them: what grows in it, and what doesn't."""

import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import certificate
import node as nodes
import ports
import report
import shape
from account import Account
from measurement import tell
from proxies import Rookery as OurProxy
from proxies import end, serve
from target import DOMAIN, PASSWORD
from workload import Generator

BACK_ENDS = (1, 2, 4)
HOSTS = tuple(f"127.0.0.{number}" for number in range(2, 6))
REMEMBERED = 500  # cache_entries: fewer than the users of the first pass
PASSES = (1000, 10_000)  # so many different users have been there
CONNECTIONS = 10  # of a pass, and of the logins
GONE_SECONDS = 30
MIX, LOGIN, LOOKUPS = "spread: IMAP mix", "spread: IMAP login", "spread: look-ups"
MEMORY, TABLES = "spread: memory of the proxy, KiB", "spread: tables of the proxy"


def place(user: str, count: int) -> str:
    """User 0, 4, 8 … live at the first of four."""
    number = re.match(r"user(\d+)@", user)
    return HOSTS[int(number[1]) % count] if number else HOSTS[0]


@dataclass
class Work:
    """What is measured behind the passes."""

    operations: int
    logins: int
    filled: int  # messages in each mailbox of the mix
    mix_users: int
    login_users: int = 100


class Stores:
    """Four of ours, on addresses of loopback with the same ports."""

    def __init__(self, folder: Path, users: int) -> None:
        self.folder, self.users = folder / "stores", users
        self.folder.mkdir()
        self.account = Account("stores")
        self.authority = certificate.authority(self.folder)
        self.ports = dict(zip(("imap", "imaps", "pop3", "pop3s", "metrics"), ports.free(5), strict=True))
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        for number, host in enumerate(HOSTS):
            name = f"store{number + 1}"
            node = nodes.make(self.folder / name, name, OurProxy.program, ["store"], self.ports, cheap=True,
                              host=host)  # fmt: skip
            node.more["store"] = "    front_ends 127.0.0.0/8;\n"
            node.write_config(*certificate.issue(self.folder, node.path / "tls", host))
            node.save()
            self.running.append(serve(node, self.account))
            shape.add_users(node, dict.fromkeys(self.users_at(host), PASSWORD))

    def users_at(self, host: str) -> list[str]:
        """All that live there for any number of back ends."""
        users = (f"user{number:04d}@{DOMAIN}" for number in range(self.users))
        return [user for user in users if any(place(user, count) == host for count in BACK_ENDS)]

    def stop(self) -> None:
        for process in self.running:
            end(process)

    def close(self) -> None:
        self.stop()
        self.account.close()


class Spread(OurProxy):
    """The proxy that is measured."""

    of_directory = f"    cache_entries {REMEMBERED};\n"

    def __init__(self, folder: Path, stores: Stores, count: int, name: str = "spread") -> None:
        self.name = f"{name}-{count}"
        self.count = count
        super().__init__(folder, stores.ports, stores.authority, tls=False)
        self.ports["pop3"] = ports.free(1)[0]

    def home(self, user: str) -> str:
        return place(user, self.count)

    def metrics(self) -> dict[str, int]:
        """Of the role, summed over protocols."""
        url = f"http://{self.node.host}:{self.node.ports['metrics']}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        found: dict[str, int] = {}
        for name, value in re.findall(r'^rookery_(\w+){role="proxy"[^}]*} (\d+)$', text, re.MULTILINE):
            found[name] = found.get(name, 0) + int(value)
        return found

    def memory(self, about: str) -> dict[report.Key, float]:
        """PSS goes up and down with how many others have the same libraries open; what is the proxy's own
        doesn't."""
        own = 0
        for pid in self.account.pids():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            own += sum(map(int, re.findall(r"^Pss_Anon: +(\d+) kB$", text, re.MULTILINE)))
        return {(MEMORY, f"{about}: PSS"): self.account.memory().pss_kib, (MEMORY, f"{about}: anonymous"): own}

    def wait_until_left(self) -> dict[str, int]:
        """Nobody is connected any more."""
        last = time.monotonic() + GONE_SECONDS
        while (found := self.metrics())["proxied_connections"] + found["connections"]:
            if time.monotonic() > last:
                raise RuntimeError(f"{self.name}: {found['connections']} connections do not end")
            time.sleep(0.05)
        return found


@dataclass
class Asked:
    """Counts at one time."""

    at: float
    of_proxy: int
    remembered: int
    of_directory: int  # as it counts them itself

    @classmethod
    def now(cls, proxy: Spread) -> "Asked":
        found = proxy.metrics()
        return cls(time.monotonic(), found["directory_lookups_total"], found["directory_remembered_hits_total"],
                   proxy.directory.asked)  # fmt: skip

    def until(self, later: "Asked", about: str) -> dict[report.Key, float]:
        seconds, asked = later.at - self.at, later.of_proxy - self.of_proxy
        return {
            (LOOKUPS, f"{about}: /s asked of the proxy"): asked / seconds,
            (LOOKUPS, f"{about}: /s asked of the directory"): (later.of_directory - self.of_directory) / seconds,
            (LOOKUPS, f"{about}: % out of memory"): 100 * (later.remembered - self.remembered) / max(asked, 1),
        }


class Measurement:
    def __init__(self, generator: Generator, work: Work) -> None:
        self.generator, self.work = generator, work

    def run(self, proxy: Spread, mode: str, protocol: str, **options: object) -> dict[str, float]:
        """The rate and the rest, and the proxy's CPU time for each operation."""
        cpu = proxy.account.cpu_seconds()
        result = self.generator.run(proxy, mode, protocol, **options)  # type: ignore[arg-type]
        cpu = proxy.account.cpu_seconds() - cpu
        if int(result["errors"]):
            raise RuntimeError(f"{proxy.name}, {mode}: {result['errors']} errors")
        each = 1e6 * cpu / max(int(result["ops"]), 1)
        return {"rate": float(result["rate"]), "p99": float(result["p99_ms"]), "cpu": each}

    def behind(self, proxy: Spread) -> dict[report.Key, float]:
        """`proxy` has just been started."""
        return self.passes(proxy) | self.rates(proxy)

    def visit(self, proxy: Spread, first: int, behind: int) -> None:
        """Each of these users once, `CONNECTIONS` at a time."""
        self.run(proxy, "pop3", "pop3", conns=CONNECTIONS, msgs=(behind - first) // CONNECTIONS,
                 users=behind - first, user_base=first)  # fmt: skip

    def passes(self, proxy: Spread) -> dict[report.Key, float]:
        """User after user logs in, once, and is gone: by POP3, whose load takes them one after the other."""
        found = proxy.memory("just started")
        tables: dict[report.Key, float] = {}
        been = 0
        for users in PASSES:
            before = Asked.now(proxy)
            self.visit(proxy, been, users)
            asked = before.until(Asked.now(proxy), "users that are new")
            been = users
            left = proxy.wait_until_left()
            if left["logins_total"] != been:
                raise RuntimeError(f"{proxy.name}: {left['logins_total']} logins of {been}")
            about = f"{users:,} users have been"
            found |= proxy.memory(about)
            tables[TABLES, f"{about}: answers kept, of {REMEMBERED}"] = left["directory_remembered"]
            tables[TABLES, f"{about}: connections"] = left["connections"]
            tables[TABLES, f"{about}: back ends"] = left["backends"]
        self.visit(proxy, 0, been)
        proxy.wait_until_left()
        return found | proxy.memory(f"{been:,} users have been, twice") | tables | asked

    def rates(self, proxy: Spread) -> dict[report.Key, float]:
        work = self.work
        mixing = {"conns": work.mix_users, "users": work.mix_users, "user_base": PASSES[-1]}
        self.run(proxy, "imap-fill", "imap", **mixing, count=work.filled, size="mix")
        mix = self.run(proxy, "imap-mix", "imap", **mixing, msgs=work.operations // work.mix_users)
        before = Asked.now(proxy)
        login = self.run(proxy, "imap-login", "imap", conns=CONNECTIONS, msgs=work.logins // CONNECTIONS,
                         users=work.login_users)  # fmt: skip
        asked = before.until(Asked.now(proxy), f"{work.login_users} users, again and again")
        proxy.wait_until_left()
        return asked | {
            (MIX, "operations/s"): mix["rate"], (MIX, "p99 ms"): mix["p99"], (MIX, "proxy CPU µs each"): mix["cpu"],
            (LOGIN, "logins/s"): login["rate"], (LOGIN, "p99 ms"): login["p99"],
            (LOGIN, "proxy CPU µs each"): login["cpu"],
            **proxy.memory("after mix and logins, too"),
        }  # fmt: skip


def name_of(count: int) -> str:
    return f"{count} back end{'s' if count > 1 else ''}"


def measure(folder: Path, generator: Generator, work: Work, servers: list[Stores | Spread]) -> report.Figures:
    """By the number of back ends. What it starts is in `servers`, and has stopped when this returns."""
    folder = folder / "spread"
    folder.mkdir()
    stores = Stores(folder, PASSES[-1] + work.mix_users)
    servers.append(stores)
    measurement = Measurement(generator, work)

    @contextmanager
    def through(count: int, name: str) -> Iterator[Spread]:
        proxy = Spread(folder, stores, count, name)
        servers.append(proxy)
        try:
            proxy.start()
            yield proxy
        finally:
            proxy.stop()

    figures: report.Figures = {}
    try:
        stores.start()
        tell(f"spread: {len(HOSTS)} stores with {PASSES[-1]:,} users")
        for count in BACK_ENDS:  # a user's first login at a store takes it longer than all others
            with through(count, "first") as proxy:
                measurement.visit(proxy, 0, PASSES[-1])
        for count in BACK_ENDS:
            with through(count, "spread") as proxy:
                found = measurement.behind(proxy)
                figures[name_of(count)] = {key: [value] for key, value in found.items()}
            tell(f"spread: {name_of(count)}")
    finally:
        stores.stop()
    return figures


def table(figures: report.Figures) -> str:
    found = report.medians(figures, {})
    keys = list(dict.fromkeys(key for of in found.values() for key in of))
    parts = list(dict.fromkeys(part for part, _ in keys))
    keys.sort(key=lambda key: parts.index(key[0]))
    rows, last = [["workload", "figure", *found]], ""
    for part, figure in keys:
        values = [report.number(of.get((part, figure))) for of in found.values()]
        rows.append([part if part != last else "", figure, *values])
        last = part
    return report.lined(rows, left=2)
