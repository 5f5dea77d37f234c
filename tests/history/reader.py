"""An IMAP client: appends, flags, copies, moves, expunges, and its mailboxes come and go."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from history import messages, record
from history.client import Account, Client, Place
from history.imap import Answer, Imap, Literal, number, numbers, rows, uid_set
from history.model import Copy, Model
from history.wire import Lost

FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Work", "Later", "k1", "k2", "k3"]
ENOUGH = 60  # messages of a client, from which on it rather expunges
HEADER = "BODY.PEEK[HEADER.FIELDS (X-History-Id)]"


class Found(NamedTuple):
    """A message of a FETCH."""

    uid: int
    id: str
    flags: list[str]
    modseq: int


class Reader(Client):
    def __init__(self, name: str, place: Place, folder: Path, account: Account) -> None:
        super().__init__(name, place, folder)
        self.account, self.model = account, Model(name)

    def learn(self, observed: record.Event) -> None:
        ids = {row["id"] for box in observed["boxes"] for row in box["rows"]}
        self.model.learn(observed, {name for name in ids if self.account.owns(self.name, name)})

    def session(self) -> None:
        account = self.account
        self.imap = Imap(self.place.connect("imap"), account.user, account.password)
        try:
            self.imap.must("ENABLE CONDSTORE")
            self.work()
        finally:
            self.imap.close()

    def work(self) -> None:
        for _ in range(self.chance.randrange(5, 100)):
            if self.over.is_set():
                return
            box = self.choose_box()
            self.select(box)
            for _ in range(self.chance.randint(1, 6)):
                if not self.knows(box):
                    break
                self.choose()(box)
                if self.over.is_set():
                    return
            if self.chance.random() < self.tree_share():
                self.imap.must("UNSELECT")
                self.change_tree()

    def choose_box(self) -> str:
        return self.chance.choice(list(self.model.boxes))

    def knows(self, box: str) -> bool:
        """Whether what is known of the mailbox that is selected holds."""
        return box in self.model.boxes

    def tree_share(self) -> float:
        """Chance of a change of its mailboxes, before it goes on to another one."""
        return 0.2

    def choose(self) -> Callable[[str], None]:
        weights = self.weights(self.model.held() > ENOUGH)
        return self.chance.choices(list(weights), list(weights.values()))[0]

    def weights(self, crowded: bool) -> dict[Callable[[str], None], int]:
        return {
            self.append: 2 if crowded else 25,
            self.store: 25,
            self.move: 12,
            self.copy: 2 if crowded else 8,
            self.expunge: 60 if crowded else 12,
            self.read: 8,
            self.status: 4,
        }

    def run(self, op: str, ids: list[str], touched: list[str], *parts: str | Literal,
            **fields: object) -> Answer | None:  # fmt: skip
        """One command that changes something; None unless it was acknowledged, which the caller
        then writes down. After an unknown outcome, `ids` and `touched` are left alone."""
        self.started = record.now()
        try:
            answer = self.imap.command(*parts)
        except Lost:
            self.log.write(op, self.started, record.UNKNOWN, **self.where(touched, fields))
            self.model.doubt(ids, touched)
            raise
        if not answer.ok:
            self.log.write(op, self.started, record.REFUSED, text=answer.text.decode(),
                           **self.where(touched, fields))  # fmt: skip
            if answer.status == b"BAD":
                self.problems.append(f"{self.name}: {op}: {answer.text.decode()}")
            return None
        return answer

    def where(self, touched: list[str], fields: dict[str, object]) -> dict[str, object]:
        return {"account": self.account.user, "box": touched[0] if touched else None, **fields}

    def done(self, op: str, touched: list[str], **fields: object) -> None:
        self.log.write(op, self.started, record.ACKNOWLEDGED, **self.where(touched, fields))

    def select(self, box: str) -> None:
        start, name = record.now(), self.model.boxes[box]
        answer = self.imap.must(f'SELECT "{name}"')
        found = {word: answer.code(word) for word in (b"UIDVALIDITY", b"UIDNEXT", b"HIGHESTMODSEQ")}
        self.note_counters(start, box, [int(value or 0) for value in found.values()])
        self.look_around(box)

    def look_around(self, box: str) -> None:
        if self.model.boxes[box] == "INBOX":
            self.discover(box)

    def note_counters(self, start: int, box: str, values: list[int]) -> None:
        counters = dict(zip(("uid_validity", "uid_next", "highest_modseq"), values, strict=True))
        self.log.write("counters", start, record.ACKNOWLEDGED, account=self.account.user, box=box,
                       **counters)  # fmt: skip

    def discover(self, box: str) -> None:
        """What was delivered since it looked last; its share of it is its own from now on."""
        start, highest = record.now(), self.model.highest_seen
        found = [row for row in self.fetch(f"{highest + 1}:*")
                 if row.uid > highest and self.account.owns(self.name, row.id)]  # fmt: skip
        for row in found:
            self.model.copies[box][row.uid] = Copy(row.id, set(row.flags))
            self.model.highest_seen = max(self.model.highest_seen, row.uid)
        self.note_fetch(start, box, {}, found)

    def read(self, box: str) -> None:
        copies, picked = self.model.copies[box], self.pick(box, 9)
        asked = {uid: copies[uid].id for uid in picked if not self.account.shares(copies[uid].id)}
        if asked:
            start = record.now()
            self.note_fetch(start, box, asked, self.fetch(uid_set(asked)))

    def fetch(self, uids: str) -> list[Found]:
        answer = self.imap.must(f"UID FETCH {uids} (FLAGS MODSEQ {HEADER})")
        # without a literal it is news of others' changes
        return [Found(row.uid, messages.identify(row.literal)[0], row.flags, row.modseq)
                for row in rows(answer) if row.literal is not None]  # fmt: skip

    def note_fetch(self, start: int, box: str, asked: dict[int, str], found: list[Found]) -> None:
        own = [row for row in found if not self.account.shares(row.id)]
        others = [[row.uid, row.id] for row in found if self.account.shares(row.id)]
        self.log.write("fetch", start, record.ACKNOWLEDGED, account=self.account.user, box=box,
                       asked=[list(pair) for pair in asked.items()],
                       rows=[list(row) for row in own], others=others)  # fmt: skip

    def pick(self, box: str, most: int) -> list[int]:
        return self.model.pick(self.chance, box, most)

    def status(self, box: str) -> None:
        start, words = record.now(), ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ")
        answer = self.imap.must(f'STATUS "{self.model.boxes[box]}" ({" ".join(words)})')
        text = b" ".join(line.text for line in answer.untagged if line.text.startswith(b"STATUS"))
        self.note_counters(start, box, [number(text, word.encode()) or 0 for word in words])

    def append(self, box: str) -> None:
        """To the mailbox that is selected, or to another one."""
        if self.chance.random() < 0.3:
            box = self.chance.choice(list(self.model.boxes))
        name, flags = self.new_id(), set(self.chance.sample(FLAGS, self.chance.randint(0, 3)))
        message = Literal(messages.make(name, self.chance))
        message.plus = self.chance.random() < 0.5
        known = {"id": name, "flags": sorted(flags), "sha": messages.digest(message)}
        text = f'APPEND "{self.model.boxes[box]}" ({" ".join(sorted(flags))}) '
        answer = self.run("append", [name], [box], text, message, **known)
        if answer:
            _, uid = (answer.code(b"APPENDUID") or b"0 0").split()
            self.model.copies[box][int(uid)] = Copy(name, flags)
            self.done("append", [box], uid=int(uid), **known)

    def store(self, box: str) -> None:
        uids = self.pick(box, 8)
        if uids:
            flags = self.chance.sample(FLAGS, self.chance.randint(1, 2))
            self.store_flags(box, uids, self.chance.choice("++-"), flags)

    def store_flags(self, box: str, uids: list[int], mode: str, flags: list[str]) -> bool:
        copies = self.model.copies[box]
        pairs = [[uid, copies[uid].id] for uid in uids]
        known = {"messages": pairs, "mode": mode, "flags": flags}
        text = f"UID STORE {uid_set(uids)} {mode}FLAGS ({' '.join(flags)})"
        answer = self.run("store", [copies[uid].id for uid in uids], [box], text, **known)
        if answer is None:
            return False
        # what another one changes at the same time is told too
        own = {uid for uid in uids if not self.account.shares(copies[uid].id)}
        modseqs = {row.uid: row.modseq for row in rows(answer) if row.uid in own}
        for uid in uids:
            old = copies[uid].flags
            copies[uid].flags = old | set(flags) if mode == "+" else old - set(flags)
        self.done("store", [box], modseqs=modseqs, **known)
        return True

    def copy(self, box: str) -> None:
        self.transfer("copy", box)

    def move(self, box: str) -> None:
        self.transfer("move", box)

    def transfer(self, op: str, box: str) -> None:
        target = self.chance.choice(list(self.model.boxes))
        copies, there = self.model.copies[box], self.model.copies[target]
        uids = [u for u in self.pick(box, 8) if self.may_put(copies[u].id, target, op, box)]
        if target == box or not uids:
            return
        ids = [copies[uid].id for uid in uids]
        known = {"target": target, "messages": [[u, i] for u, i in zip(uids, ids, strict=True)]}
        text = f'UID {op.upper()} {uid_set(uids)} "{self.model.boxes[target]}"'
        answer = self.run(op, ids, [box, target], text, **known)
        if answer is None:
            return
        _, old, new = (answer.code(b"COPYUID") or b"0  ").split(b" ")
        pairs = dict(zip(numbers(old), numbers(new), strict=True))
        for uid, new_uid in pairs.items():
            there[new_uid] = Copy(copies[uid].id, set(copies[uid].flags))
            if op == "move":
                del copies[uid]
        self.done(op, [box], pairs=pairs, **known)

    def may_put(self, name: str, target: str, op: str, box: str) -> bool:
        """There is at most one copy of a message in a mailbox."""
        return all(copy.id != name for copy in self.model.copies[target].values())

    def expunge(self, box: str) -> None:
        """In its own mailboxes EXPUNGE, which takes all that are \\Deleted; else UID EXPUNGE."""
        copies = self.model.copies[box]
        uids = self.pick(box, self.expunges_at_most())
        if not uids or not self.store_flags(box, uids, "+", ["\\Deleted"]):
            return
        text = f"UID EXPUNGE {uid_set(uids)}"
        if self.is_alone_in(box) and self.chance.random() < 0.5:
            text, uids = "EXPUNGE", [u for u, c in copies.items() if "\\Deleted" in c.flags]
        pairs = [[uid, copies[uid].id] for uid in uids]
        ids = [copies[uid].id for uid in uids]
        if self.run("expunge", ids, [box], text, messages=pairs):
            for uid in uids:
                del copies[uid]
            self.done("expunge", [box], messages=pairs)

    def expunges_at_most(self) -> int:
        return 30 if self.model.held() > ENOUGH else 6

    def is_alone_in(self, box: str) -> bool:
        """Nobody else has set flags in it."""
        return not self.model.is_shared(self.model.boxes[box])

    def change_tree(self) -> None:
        own = self.model.own_boxes()
        free = [name for name in self.model.pool if self.model.is_free(name)]
        if free and (len(own) < 3 or self.chance.random() < 0.4):
            self.create(self.chance.choice(free))
        elif own and self.chance.random() < 0.6:
            self.rename(self.chance.choice(own), free)
        elif own:
            self.delete(self.chance.choice(own))

    def create(self, name: str) -> None:
        self.model.doubtful_names.add(name)
        answer = self.run("create", [], [], f'CREATE "{name}"', name=name)
        self.model.doubtful_names.discard(name)
        if answer:
            match = re.match(rb"\((\S+)\)", answer.code(b"MAILBOXID") or b"")
            box = match[1].decode() if match else ""
            self.model.add_box(box, name)
            self.done("create", [box], name=name)

    def rename(self, box: str, free: list[str]) -> None:
        name = self.model.boxes[box]
        free = [other for other in free if not other.startswith(f"{name}/")]
        if not free or self.model.has_doubtful_children(name):
            return
        to, moved = self.chance.choice(free), [box, *self.model.children(name)]
        names = {b: to + self.model.boxes[b].removeprefix(name) for b in moved}
        known = {"boxes": [[b, self.model.boxes[b], names[b]] for b in moved]}
        self.model.doubtful_names.update(names.values())
        if self.run("rename", [], moved, f'RENAME "{name}" "{to}"', **known):
            self.done("rename", [box], **known)
            self.model.boxes.update(names)
        self.model.doubtful_names.difference_update(names.values())

    def delete(self, box: str) -> None:
        name = self.model.boxes[box]
        if self.run("delete", [], [box], f'DELETE "{name}"'):
            self.done("delete", [box])
            del self.model.boxes[box], self.model.copies[box]
