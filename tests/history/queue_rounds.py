"""Rounds of a queue whose mx dies: while it takes mail for a store that is away, while it empties what
waited into the store that is back, and while it sends to a server elsewhere that cuts connections.

A round: clients send, it dies at a random moment and comes back; then nobody sends, the queue must
become empty, and all is counted where it arrived.
"""

import random
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ports
from halves import PASSWORD, Halves
from history.client import Account, Place
from history.imap import Imap, rows
from history.queue_ledger import Kills, Ledger
from history.queue_load import QueueSender
from history.record import ACKNOWLEDGED
from history.smtp import Smtp
from history.wire import Lost, Wire
from ledger_sink import LedgerSink

DEATHS = ("role", "mx", "all")
ACCOUNTS, OUTSIDE, USERS = 4, 6, 4  # mailboxes, clients of either kind
SECONDS = 2.0  # that clients send
BACKLOG_RATE = 1500  # messages a second that are emptied into the store, about
CUTS = 0.02  # of answers of the server elsewhere
EMPTY_WITHIN = 60.0  # seconds
TOLD = 20  # faults of a round
BROKEN = re.compile(
    r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|must\(|\bpanic\b"
    r"|could not be (written|read)|can't be read"
)

Part = Callable[["Round", random.Random, int], None]
Begun = tuple[threading.Event, list[threading.Thread]]  # clients are at work until that is set


@dataclass
class Round:
    part: str
    kills: Kills = field(default_factory=Kills)
    deaths: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class QueueRounds:
    """Of one mx."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.seed = seed
        self.passed = self.failed = 0
        self.kills = dict.fromkeys(DEATHS, 0)
        self.log_read: dict[Path, int] = {}
        self.next_uid: dict[str, int] = {}
        self.ledger = Ledger()
        self.sink = LedgerSink(ports.free(1)[0], seed, CUTS)
        (folder / "history").mkdir(parents=True)
        smart = f'    outbound {{\n        smart_host "127.0.0.1:{self.sink.port}";\n    }}\n'
        self.nodes = self.start(folder, smart)
        self.halves = self.nodes[0]
        self.accounts = [Account(self.halves.add_user(f"user{n}"), PASSWORD) for n in range(ACCOUNTS)]
        place = self.place(self.halves)
        self.outside = [QueueSender(f"outside{n}", place, folder / "history", self.accounts, None)
                        for n in range(OUTSIDE)]  # fmt: skip
        self.users = [QueueSender(f"user{n}", place, folder / "history", self.accounts, self.accounts[n % ACCOUNTS])
                      for n in range(USERS)]  # fmt: skip

    def start(self, folder: Path, smart: str) -> list[Halves]:
        return [Halves(folder, smart).begin()]

    def place(self, node: Halves) -> Place:
        return Place("mx", "127.0.0.1", {"smtp": node.mx.port, "submission": node.submission})

    def parts(self) -> list[Part]:
        """Of a round, one after the other."""
        return [self.intake, self.drain, self.outbound]

    def close(self) -> None:
        self.sink.close()
        for node in self.nodes:
            node.stop()

    def round(self, number: int) -> tuple[str, list[str]]:
        """What happened, and what was wrong."""
        chance = random.Random(f"{self.seed}/{number}")
        before, doubles = self.ledger.acknowledged(), self.ledger.doubles.total()
        part = self.parts()[(number - 1) % len(self.parts())]
        this = Round(part.__name__.replace("_", " "))
        part(this, chance, number)
        self.await_empty(this)
        self.count(this)
        self.passed += not this.wrong
        self.failed += bool(this.wrong)
        words = f"{this.part}, {self.ledger.acknowledged() - before} acknowledged, killed {', '.join(this.deaths)}"
        return f"{words}, {self.ledger.doubles.total() - doubles} doubled", this.wrong[:TOLD]

    def intake(self, this: Round, chance: random.Random, number: int) -> None:
        """Until its death it has heard of all mailboxes, which it asks about before."""
        self.remember()
        self.halves.store.stop()
        over = self.begin(self.outside, number)
        moment = chance.uniform(0.1, 0.9) * SECONDS
        time.sleep(moment)
        self.die(this, chance.choice(DEATHS[:2]))
        time.sleep(max(SECONDS - moment, 0.1))
        self.end(this, self.outside, over)
        self.halves.store.start()

    def drain(self, this: Round, chance: random.Random, number: int) -> None:
        """Clients go on sending meanwhile in every other round."""
        self.remember()
        self.halves.store.stop()
        over = self.begin(self.outside, number)
        time.sleep(SECONDS)
        waits = self.queued()["waiting"]
        sends_on = chance.random() < 0.5
        if not sends_on:
            self.end(this, self.outside, over)
        self.halves.store.start()
        for _ in range(chance.choice([1, 1, 2, 3])):
            self.halves.mx.run("queue", "flush")
            time.sleep(chance.random() * waits / BACKLOG_RATE)
            self.die(this, chance.choice(DEATHS))
        if sends_on:
            self.end(this, self.outside, over)

    def outbound(self, this: Round, chance: random.Random, number: int) -> None:
        """The server elsewhere is away at first, or in the middle, or never."""
        away = chance.choice(["first", "middle", "never"])
        if away != "first":
            self.sink.open()
        over = self.begin(self.users, number)
        moments = sorted(chance.uniform(0.1, 1) * SECONDS for _ in range(chance.choice([1, 2])))
        begun = time.monotonic()
        for moment in moments:
            if away == "middle":
                self.sink.close()
            time.sleep(max(moment - (time.monotonic() - begun), 0))
            self.sink.open()
            self.halves.mx.run("queue", "flush")
            time.sleep(chance.random() * 0.3)
            self.die(this, chance.choice(DEATHS))
        self.end(this, self.users, over)

    def remember(self) -> None:
        """The directory's answers are kept by the mx from now on."""
        smtp = Smtp(Wire("127.0.0.1", self.halves.mx.port), lmtp=False)
        smtp.ask_about([account.user for account in self.accounts])
        smtp.close()

    def begin(self, clients: list[QueueSender], number: int) -> Begun:
        over = threading.Event()
        threads = [threading.Thread(target=client.live, daemon=True) for client in clients]
        for client, thread in zip(clients, threads, strict=True):
            client.begin(self.seed, number, over)
            thread.start()
        return over, threads

    def end(self, this: Round, clients: list[QueueSender], begun: Begun) -> None:
        over, threads = begun
        over.set()
        for client, thread in zip(clients, threads, strict=True):
            thread.join(EMPTY_WITHIN)
            if thread.is_alive():
                this.wrong.append(f"{client.name}: does not end")
            this.wrong += client.problems
            client.problems = []

    def die(self, this: Round, how: str) -> None:
        """SIGKILL, and it serves again when this returns."""
        mx, store = self.halves.mx, self.halves.store
        said = mx.said()
        if how == "role":
            mx.kill_role()
            this.kills.note(time.monotonic())
            mx.await_ready(said)
        else:
            mx.kill()
            this.kills.note(time.monotonic())
            if how == "all":
                store.kill()
                store.start()
            mx.start()
        this.deaths.append(how)
        self.kills[how] += 1

    def queued(self, node: Halves | None = None) -> dict[str, Any]:
        """"waiting" leaves out what is under way at this moment, "rows" are what is on the disk."""
        return dict((node or self.halves).mx.run("queue", "list", "--limit", "1"))

    def await_empty(self, this: Round) -> None:
        """What waits for its time is due at once."""
        self.sink.open()
        end = time.monotonic() + EMPTY_WITHIN
        for node in self.nodes:
            while (left := self.queued(node))["rows"]:
                if time.monotonic() > end:
                    this.wrong.append(f"entries wait still after {EMPTY_WITHIN:.0f} s: {left}")
                    return
                for each in self.nodes:
                    each.mx.run("queue", "flush")
                time.sleep(0.1)

    def count(self, this: Round) -> None:
        ledger = self.ledger
        events = [event for client in self.outside + self.users for event in client.log.take()]
        ledger.take_sent(events)
        for account in self.accounts:
            try:
                this.wrong += ledger.take_mailbox(account.user, self.fetch(account))
            except Lost as lost:
                this.wrong.append(f"{account.user}: can't be read: {lost}")
        this.wrong += ledger.take_copies(self.sink.take())
        for half in [half for node in self.nodes for half in (node.mx, node.store)]:
            lines = self.log_lines(half.log)
            this.wrong += ledger.take_log(lines) if half.log.name == "mx.log" else []
            this.wrong += [f"{half.log}: {line.strip()}" for line in lines if BROKEN.search(line)]
        this.wrong += ledger.judge({(event["id"], event["account"]) for event in events}, this.kills)
        this.wrong += [] if any(event["outcome"] == ACKNOWLEDGED for event in events) else ["nothing was taken"]

    def fetch(self, account: Account) -> list[bytes]:
        """What came since the last time."""
        imap = Imap(Wire("127.0.0.1", self.halves.store.port), account.user, account.password)
        imap.must("EXAMINE INBOX")
        first = self.next_uid.get(account.user, 1)
        found = [row for row in rows(imap.must(f"UID FETCH {first}:* BODY.PEEK[]")) if row.uid >= first]
        imap.close()
        self.next_uid[account.user] = max((row.uid + 1 for row in found), default=first)
        return [row.literal or b"" for row in found]

    def log_lines(self, path: Path) -> list[str]:
        with path.open("rb") as log:
            log.seek(self.log_read.get(path, 0))
            text = log.read()
        self.log_read[path] = self.log_read.get(path, 0) + len(text)
        return text.decode(errors="replace").splitlines()

    def summary(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "acknowledged": self.ledger.acknowledged(),
            "kills": self.kills,
            "doubles": dict(self.ledger.doubles),
            "passed": self.passed,
            "failed": self.failed,
        }
