"""script/bench shapes: one machine of a cluster is killed under load (SIGKILL), again and again: for how long its
clients were not served, what they were told, whether others noticed, whether anything acknowledged is lost.

split         one mx; the store
mirror-split  one half of the store
proxy         one proxy; one back end
mirror-proxy  one half of a back end

Clients: readers that store mail by IMAP, each on one connection that it opens anew when it breaks, and senders by
SMTP, each message on a connection of its own. All machines are network namespaces of this one: as root.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE), str(HERE.parent), str(ROOT / "tests" / "lib"), str(ROOT / "script" / "cluster")]
import machine  # noqa: E402
import report  # noqa: E402
import shape as shapes  # noqa: E402
from failover import Sender  # noqa: E402
from measurement import as_json, carry_out, tell, usual_options  # noqa: E402
from tiers import Visitor, await_all, node  # noqa: E402

USERS = 200
APART_SECONDS = 3.0  # how long a machine is dead at least
Client = Sender | Visitor
Found = dict[report.Key, float]


@dataclass
class Crowd:
    """Clients that are affected by the loss, and those that shall not be."""

    affected: list[Client]
    others: list[Client] = field(default_factory=list)

    def all(self) -> list[Client]:
        return [*self.affected, *self.others]


class Run:
    def __init__(self, chosen: argparse.Namespace, folder: Path) -> None:
        self.folder = folder
        self.rounds: int = chosen.rounds or (1 if chosen.quick else 5)
        self.each = 4 if chosen.quick else 10  # clients of a kind
        self.figures: report.Figures = {"rookery": {}}
        self.seen: dict[str, Counter[str]] = {}
        self.failed = False
        self.shape: shapes.Shape | None = None

    def servers(self) -> Iterable["Run"]:
        return [self]

    def close(self) -> None:
        if self.shape:
            shapes.down(self.shape.folder)
            self.shape = None

    @contextmanager
    def up(self, kind: str, front: str | None) -> Iterator[shapes.Shape]:
        shapes.open_to_roles(self.folder)
        self.shape = shapes.up(kind, self.folder / kind, USERS, front)
        try:
            yield self.shape
        finally:
            self.close()

    def lose(self, name: str, at: shapes.Shape, lost: str, crowd: Crowd, serving: shapes.Node) -> None:
        """`serving`: where all mail is read in the end."""
        for client in crowd.all():
            client.start()
        try:
            for client in crowd.all():
                client.await_more()
            node(at, lost).do("kill")
            end = time.monotonic() + APART_SECONDS
            while time.monotonic() < end:
                for client in crowd.others:
                    client.await_more()
                time.sleep(0.05)
            node(at, lost).do("start")
            for client in crowd.all():
                client.await_more()
        finally:
            for client in crowd.all():
                client.stop()
        self.note(name, crowd, serving)

    def note(self, name: str, crowd: Crowd, serving: shapes.Node) -> None:
        lost = 0
        for client in crowd.all():
            try:
                await_all(serving, client.user, client.acknowledged)
            except AssertionError as wrong:
                tell(str(wrong))
                lost += 1
        visitors = [client for client in crowd.affected if isinstance(client, Visitor)]
        senders = [client for client in crowd.affected if isinstance(client, Sender)]
        found: Found = {}
        if visitors:
            found[name, "IMAP: s without an answer"] = max(visitor.pause() for visitor in visitors)
            told_no = sum(sum(visitor.errors.values()) for visitor in visitors)
            found[name, "IMAP: told no, or cut, each"] = told_no / len(visitors)
        if senders:
            found[name, "SMTP: s without an answer"] = max(max(sender.pauses) for sender in senders)
            found[name, "SMTP: told no, or cut, each"] = sum(sum(s.errors.values()) for s in senders) / len(senders)
        if crowd.others:
            found[name, "others: s without an answer"] = max(map(pause, crowd.others))
            found[name, "others: told no, or cut"] = sum(sum(other.errors.values()) for other in crowd.others)
        found[name, "acknowledged"] = sum(len(client.acknowledged) for client in crowd.all())
        found[name, "clients that miss something acknowledged"] = lost
        for key, value in found.items():
            self.figures["rookery"].setdefault(key, []).append(value)
        told = self.seen.setdefault(name, Counter())
        for client in crowd.affected:
            told.update(client.errors)


def pause(client: Client) -> float:
    return client.pause() if isinstance(client, Visitor) else max(client.pauses)


def front_of(shape: shapes.Shape) -> shapes.Node:
    assert shape.front
    return shape.front


def split(run: Run) -> None:
    with run.up("split", None) as shape:
        store = node(shape, "store")
        for number in range(run.rounds):
            mx = ["mx1", "mx2"]
            dying, living = (mx if number % 2 else mx[::-1])
            crowd = Crowd([Sender(node(shape, dying), shape.fresh_user()) for _ in range(run.each)],
                          [Sender(node(shape, living), shape.fresh_user()) for _ in range(run.each)])  # fmt: skip
            run.lose("split: an mx", shape, dying, crowd, store)
            senders = [Sender(node(shape, mx[i % 2]), shape.fresh_user()) for i in range(run.each)]
            run.lose("split: the store", shape, "store", Crowd([], [*senders]), store)


def mirror_split(run: Run) -> None:
    with run.up("mirror-split", None) as shape:
        for number in range(run.rounds):
            senders = [Sender(node(shape, f"mx{1 + i % 2}"), shape.fresh_user()) for i in range(run.each)]
            visitors = [Visitor(front_of(shape), shape.fresh_user()) for _ in range(run.each)]
            run.lose("mirror-split: half of the store", shape, ["storea", "storeb"][number % 2],
                     Crowd([*senders, *visitors]), front_of(shape))  # fmt: skip


def proxy(run: Run) -> None:
    with run.up("proxy", "haproxy") as shape:
        for number in range(run.rounds):
            visitors = [Visitor(front_of(shape), shape.fresh_user()) for _ in range(run.each)]
            run.lose("proxy: one proxy", shape, f"proxy{1 + number % 2}", Crowd([*visitors]), front_of(shape))
            visitors = [Visitor(front_of(shape), shape.fresh_user()) for _ in range(run.each)]
            dying = 1 + number % 4
            home = {visitor: 1 + shape.users.index(visitor.user) % 4 for visitor in visitors}
            run.lose("proxy: one back end", shape, f"store{dying}",
                     Crowd([v for v in visitors if home[v] == dying], [v for v in visitors if home[v] != dying]),
                     front_of(shape))  # fmt: skip


def mirror_proxy(run: Run) -> None:
    with run.up("mirror-proxy", "haproxy") as shape:
        for number in range(run.rounds):
            visitors = [Visitor(front_of(shape), shape.fresh_user()) for _ in range(run.each)]
            home = {visitor: 1 + shape.users.index(visitor.user) % 2 for visitor in visitors}
            run.lose("mirror-proxy: half of a back end", shape, ["store1a", "store1b"][number % 2],
                     Crowd([v for v in visitors if home[v] == 1], [v for v in visitors if home[v] != 1]),
                     front_of(shape))  # fmt: skip


PARTS: dict[str, Callable[[Run], None]] = {
    "split": split, "mirror-split": mirror_split, "proxy": proxy, "mirror-proxy": mirror_proxy,
}  # fmt: skip


def arguments() -> argparse.Namespace:
    return usual_options("script/bench shapes", str(__doc__), "losses of each kind", ["rookery"], PARTS).parse_args()


def measure(run: Run, chosen: argparse.Namespace) -> None:
    others = machine.Others(lambda: 0.0)
    begun = time.monotonic()
    for part in [part for part in PARTS if part in (chosen.only or PARTS)]:
        PARTS[part](run)
        tell(f"{part}: {time.monotonic() - begun:.0f} s")
    worst = {key: [(sum if key[1] in SUMS else max)(values)] for key, values in run.figures["rookery"].items()}
    print(report.table(["rookery"], report.medians({"rookery": worst}, {}), {}))
    print()
    for name, told in run.seen.items():
        if told:
            words = ", ".join(f"{what} ({count})" for what, count in told.most_common())
            print(f"{name}; what clients saw: {words}")
    print(f"The worst of {run.rounds} losses each, {run.each} clients of a kind, {time.monotonic() - begun:.0f} s. "
          f"{machine.describe()}; {others.text()}.")  # fmt: skip
    if chosen.json:
        chosen.json.write_text(as_json(others, run.figures, rounds=run.rounds) + "\n")


SUMS = {"acknowledged", "clients that miss something acknowledged", "others: told no, or cut"}


if __name__ == "__main__":
    sys.exit(carry_out(arguments(), Run, measure))
