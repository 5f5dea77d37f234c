"""An IMAP client among several in one mailbox, behind a load balancer: each connection may lead to
the other node than the one before. It does whatever clients do, at random, without asking who else
does; it keeps what it is told (view.py), and says at once when a rule is broken.

Rules of one client over all its sessions:

    validity-changed, uidnext-down, modseq-down     of a mailbox, from one SELECT to the next
    resync            what QRESYNC told does not lead from the copy it had to what is there
    search            UID SEARCH ALL has a message that is not there, or lacks one that stays
    not-answered      FETCH of all lacks a message
"""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from history import messages, record
from history.client import Account, Client, Place
from history.imap import Answer, Imap, Literal, number, numbers, uid_set
from history.reader import FLAGS, HEADER
from history.view import Fetched, View, gone_between
from history.watcher import Known, missed
from history.wire import Lost

BOXES = ("INBOX", "Archive")  # the first is the one that all are in, the other is moved to and from
FULL = 40  # messages, from which on it rather expunges
HEARD = 200  # lines that are written down with a broken rule
THINKS = 0.01  # seconds at most, before a command
MODES = {"+": "+FLAGS", "-": "-FLAGS", "=": "FLAGS"}
WORDS = ["\\Deleted", *FLAGS]


class Roamer(Client):
    def __init__(self, name: str, place: Place, folder: Path, account: Account) -> None:
        super().__init__(name, place, folder)
        self.account = account
        self.imap: Imap
        self.view = View()
        self.box = BOXES[0]
        self.style = "plain"
        self.heard: list[str] = []  # lines, the last ones
        self.known: dict[str, Known] = {}  # by mailbox, of the last time that it saw all of it
        self.left: dict[str, Known] = {}  # as it was when it left it, by all that it was told
        self.modseq = 0  # up to which it was told all, as far as it knows
        self.least: dict[str, tuple[int, int, int]] = {}  # UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ

    def session(self) -> None:
        self.style = self.chance.choice(("plain", "condstore", "qresync", "qresync"))
        self.imap = Imap(self.place.connect("imap"), self.account.user, self.account.password)
        try:
            if self.style != "plain":
                self.imap.must(f"ENABLE {self.style.upper()}")
            for _ in range(self.chance.choice((1, 1, 1, 3))):
                self.visit()
                if self.over.is_set():
                    break
            if self.chance.random() < 0.5:
                self.imap.must("LOGOUT")
        finally:
            self.remember()
            self.imap.close()

    def visit(self) -> None:
        """One mailbox, from SELECT until it is left."""
        self.select(BOXES[self.chance.random() < 0.15])
        for _ in range(self.chance.choice((0, 1, 2, 5, 20))):
            if self.over.wait(self.chance.random() * THINKS):
                return
            weights = self.weights(len(self.view.messages) > FULL)
            self.chance.choices(list(weights), list(weights.values()))[0]()
        if self.chance.random() < 0.2:
            self.change("expunge", "close", "CLOSE", uids=None, told=[])
        elif self.chance.random() < 0.5:
            self.imap.must("UNSELECT")

    def weights(self, full: bool) -> dict[Callable[[], None], int]:
        return {
            self.append: 4 if full else 20,
            self.store: 30,
            self.expunge: 20 if full else 8,
            self.sweep: 8 if full else 2,
            self.copy: 2 if full else 6,
            self.move: 12 if full else 6,
            self.fetch: 10,
            self.search: 8,
            self.changes: 6,
            self.status: 4,
            self.noop: 10,
            self.idle: 5,
            self.look_at_all: 6,
        }

    # What is said and heard

    def ask(self, command: str, *parts: str | Literal) -> tuple[Answer, list[Fetched]]:
        answer = self.imap.command(*parts)
        fetched = self.hear(answer, command, *parts)
        self.tell()
        if answer.status == b"BAD":
            self.problems.append(f"{self.name}: {parts[0]!r}: {answer.text.decode()}")
        return answer, fetched

    def hear(self, answer: Answer, command: str, *parts: str | Literal) -> list[Fetched]:
        lines = (line.text.decode(errors="replace") for line in answer.untagged)
        self.heard += [f"> {parts[0]!r}", *lines, answer.text.decode(errors="replace")]
        del self.heard[:-HEARD]
        fetched = self.view.hear(answer.untagged, command)
        lower = [int(code.split()[1]) for code in answer.codes() if code.startswith(b"HIGHESTMODSEQ ")]
        self.modseq = lower[-1] if lower else max(self.modseq, *(row.modseq for row in fetched), 0)
        return fetched

    def remember(self) -> None:
        """For the next session: a client that is disconnected has what it was told up to now."""
        if self.view.qresync and self.box in self.known and not self.view.wrong:
            flags = {told.uid: told.flags for told in self.view.messages if told.uid and told.flags is not None}
            self.left[self.box] = Known(self.known[self.box].validity, self.modseq, flags)

    def tell(self) -> None:
        """Of broken rules. What is known is worth nothing then: the session ends."""
        if wrong := self.view.wrong:
            self.view.wrong = []
            self.write("told", record.now(), record.ACKNOWLEDGED, wrong=wrong[:5], heard=self.heard)
            raise Lost("a rule was broken")

    def write(self, op: str, start: int, outcome: str, **fields: object) -> None:
        self.log.write(op, start, outcome,
                       **({"account": self.account.user, "box": self.box} | fields))  # fmt: skip

    def change(self, op: str, command: str, *parts: str | Literal,
               **fields: object) -> bool:
        """False when it was refused. An event of one that was acknowledged may have more to say; so
        `fields` can have functions of the answer."""
        start = record.now()
        known = {key: value for key, value in fields.items() if not callable(value)}
        try:
            answer = self.imap.command(*parts)
        except Lost:
            self.write(op, start, record.UNKNOWN, **known)
            raise
        self.hear(answer, command, *parts)
        if answer.ok:
            found = {key: value(answer) for key, value in fields.items() if callable(value)}
            self.write(op, start, record.ACKNOWLEDGED, **known | found)
        else:
            self.write(op, start, record.REFUSED, text=answer.text.decode(), **known)
        self.tell()
        if answer.status == b"BAD":
            self.problems.append(f"{self.name}: {parts[0]!r}: {answer.text.decode()}")
        return answer.ok

    # A mailbox

    def select(self, box: str) -> None:
        self.remember()
        self.box, self.view, self.modseq = box, View(self.style == "qresync"), 0
        copies = self.chance.choice((self.known, self.left)) if self.style == "qresync" else {}
        known = copies.get(box)
        since = f" (QRESYNC ({known.validity} {known.modseq}))" if known else ""
        start = record.now()
        answer = self.imap.must(words := f'SELECT "{box}"{since}')
        fetched = self.hear(answer, "select", words)
        validity, uid_next, modseq = (
            int(answer.code(name) or 0) for name in (b"UIDVALIDITY", b"UIDNEXT", b"HIGHESTMODSEQ")
        )
        self.view.uid_next = uid_next
        self.view.old = next(int(line.text.split()[0]) for line in answer.untagged
                             if line.text.endswith(b" EXISTS"))  # fmt: skip
        self.write("counters", start, record.ACKNOWLEDGED, uid_validity=validity, uid_next=uid_next,
                   highest_modseq=modseq)  # fmt: skip
        self.compare_with_before(box, (validity, uid_next, modseq))
        self.tell()
        gone = set(gone_between(answer.untagged))
        changed = {row.uid: row.flags for row in fetched if row.uid and row.flags is not None}
        self.see_all(start, Known(validity, modseq, {}), known, changed, gone)

    def compare_with_before(self, box: str, now: tuple[int, int, int]) -> None:
        before = self.least.get(box, (now[0], 0, 0))
        self.least[box] = now
        if now[0] != before[0]:
            self.view.broken("validity-changed", f"{before[0]}, now {now[0]}")
        for rule, old, new in zip(("uidnext-down", "modseq-down"), before[1:], now[1:], strict=True):
            if new < old:
                self.view.broken(rule, f"{new}, this client was told {old}")

    def see_all(self, start: int, now: Known, before: Known | None = None,
                changed: dict[int, frozenset[str]] | None = None, gone: Iterable[int] = ()) -> None:  # fmt: skip
        """A full resync: what it finds, whichever way the client came to know it before."""
        count, modseq = len(self.view.messages), " MODSEQ" if self.style != "plain" else ""
        uids = self.view.uids() if self.view.is_known() else None
        answer, fetched = self.ask("uid fetch", f"UID FETCH 1:* (FLAGS RFC822.SIZE{modseq} {HEADER})")
        rows = [row for row in fetched if row.size is not None]
        if not answer.ok:
            return  # some were expunged meanwhile
        if len(rows) != count or (uids is not None and uids != [row.uid for row in rows]):
            there = f"{count} messages {uids}"
            self.view.broken("not-answered", f"{there}, told were {[row.uid for row in rows]}")
        self.write("seen", start, record.ACKNOWLEDGED, rows=[
            [row.uid, messages.identify(row.literal or b"")[0], sorted(row.flags or []), row.modseq]
            for row in rows])  # fmt: skip
        later = set(gone_between(answer.untagged))
        there = {row.uid or 0: (row.flags or frozenset(), row.modseq) for row in rows}
        if now.modseq:
            now.flags = {uid: flags for uid, (flags, at) in there.items() if at <= now.modseq}
            if before and before.validity == now.validity:
                wrong = missed(before, changed or {}, {*gone}, there, later, now)
                for uid, told, found in wrong[:3]:
                    if told is None and before is not self.known.get(self.box):
                        continue  # it had heard of a new message, and not asked which it is
                    self.view.broken("resync", f"since {before.modseq}, now {now.modseq}: UID {uid} "
                                               f"has {told} by what was told, not {found}")  # fmt: skip
            if self.style != "plain":
                self.known[self.box] = now
        self.tell()

    def look_at_all(self) -> None:
        start = record.now()
        self.ask("noop", "NOOP")
        self.see_all(start, Known())

    def pick(self, most: int) -> list[int]:
        uids = self.view.uids()
        return sorted(self.chance.sample(uids, min(len(uids), self.chance.randint(1, most))))

    def named(self, uids: list[int]) -> tuple[str, str, str]:
        """By UID or by number: in front of a command, its messages, and how rules call it."""
        if self.chance.random() < 0.6:
            return "UID ", uid_set(uids), "uid "
        return "", uid_set(self.view.seq(uid) or 0 for uid in uids), ""

    # What it does

    def noop(self) -> None:
        self.ask("noop", "NOOP")

    def idle(self) -> None:
        answer = self.imap.idle(self.chance.random() * 0.3)
        self.hear(answer, "idle", "IDLE")
        self.tell()

    def append(self) -> None:
        box = self.box if self.chance.random() < 0.8 else self.chance.choice(BOXES)
        name, flags = self.new_id(), sorted(self.chance.sample(FLAGS, self.chance.randint(0, 3)))
        message = Literal(messages.make(name, self.chance)[:4000])
        self.change("append", "append", f'APPEND "{box}" ({" ".join(flags)}) ', message, box=box,
                    id=name, flags=flags, uid=appended)  # fmt: skip

    def store(self) -> None:
        if uids := self.pick(6):
            mode, flags = self.chance.choice("++--="), self.chance.sample(WORDS, self.chance.randint(1, 2))
            self.store_flags(uids, mode, flags)

    def store_flags(self, uids: list[int], mode: str, flags: list[str]) -> bool:
        uid, which, kind = self.named(uids)
        silent, condition = self.chance.random() < 0.2, ""
        if self.style != "plain" and self.chance.random() < 0.2:
            told = [told.modseq for told in self.view.messages if told.uid in uids]
            condition = f"(UNCHANGEDSINCE {max(told)}) "
        if silent:
            self.view.silent(uids)
        words = f"{uid}STORE {which} {condition}{MODES[mode]}{'.SILENT' if silent else ''}"

        def failed(answer: Answer) -> list[int]:
            names = numbers(answer.code(b"MODIFIED") or b"")
            return names if uid else [uids[which.split(",").index(f"{name}")] for name in names]

        return self.change("store", f"{kind}store", f"{words} ({' '.join(flags)})", uids=uids,
                           mode=mode, flags=flags, failed=failed)  # fmt: skip

    def expunge(self) -> None:
        """Others may take \\Deleted away before it does."""
        if (uids := self.pick(5)) and self.store_flags(uids, "+", ["\\Deleted"]):
            self.change("expunge", "uid expunge", f"UID EXPUNGE {uid_set(uids)}", uids=uids,
                        told=lambda _: sorted(self.view.gone & {*uids}))  # fmt: skip

    def sweep(self) -> None:
        before = {*self.view.gone}
        self.change("expunge", "expunge", "EXPUNGE", uids=None,
                    told=lambda _: sorted(self.view.gone - before))  # fmt: skip

    def copy(self) -> None:
        self.transfer("copy")

    def move(self) -> None:
        self.transfer("move")

    def transfer(self, op: str) -> None:
        target = self.chance.choice(BOXES) if op == "copy" else BOXES[self.box == BOXES[0]]
        if uids := self.pick(5):
            uid, which, kind = self.named(uids)
            self.change(op, f"{kind}{op}", f'{uid}{op.upper()} {which} "{target}"', uids=uids,
                        target=target, pairs=copied)  # fmt: skip

    def fetch(self) -> None:
        if uids := self.pick(8):
            uid, which, kind = self.named(uids)
            modseq = " MODSEQ" if self.style != "plain" else ""
            self.ask(f"{kind}fetch", f"{uid}FETCH {which} (UID FLAGS{modseq})")

    def changes(self) -> None:
        """Since a moment that it knows, by CHANGEDSINCE."""
        if self.style == "qresync" and (known := self.known.get(self.box)):
            since = f"(CHANGEDSINCE {known.modseq} VANISHED)"
            self.ask("uid fetch", f"UID FETCH 1:* (FLAGS) {since}")

    def search(self) -> None:
        way, known = self.chance.choice(("UID ", "")), {*self.view.uids()}
        what = self.chance.choice(("ALL", "DELETED", "KEYWORD k1", "UNSEEN"))
        is_known, count = self.view.is_known(), len(self.view.messages)
        answer, _ = self.ask(f"{way.lower()}search", f"{way}SEARCH {what}")
        found = {int(word) for line in answer.untagged if line.text.startswith(b"SEARCH")
                 for word in line.text.split()[1:] if word.isdigit()}  # fmt: skip
        if not is_known:
            return
        may_be = known if way else {*range(1, count + 1)}
        if not found <= may_be:
            self.view.broken("search", f"{sorted(found - may_be)[:5]} are not there")
        if way and what == "ALL" and (lacking := known - found - self.view.gone):
            self.view.broken("search", f"{sorted(lacking)[:5]} were not found")
        self.tell()

    def status(self) -> None:
        box, start = BOXES[self.box == BOXES[0]], record.now()
        words = ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ")
        answer, _ = self.ask("status", f'STATUS "{box}" ({" ".join(words)})')
        line = b" ".join(line.text for line in answer.untagged if line.text.startswith(b"STATUS"))
        validity, uid_next, modseq = (number(line, word.encode()) or 0 for word in words)
        self.write("counters", start, record.ACKNOWLEDGED, box=box, uid_validity=validity,
                   uid_next=uid_next, highest_modseq=modseq)  # fmt: skip
        self.compare_with_before(box, (validity, uid_next, modseq))
        self.tell()


def appended(answer: Answer) -> int:
    return int((answer.code(b"APPENDUID") or b"0 0").split()[1])


def copied(answer: Answer) -> dict[int, int]:
    _, old, new = (answer.code(b"COPYUID") or b"0  ").split(b" ")
    return dict(zip(numbers(old), numbers(new), strict=True))
