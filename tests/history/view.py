"""What one IMAP session was told of the mailbox that it has selected, and which of the rules of
RFC 9051 and RFC 7162 were broken by it: sequence numbers, UIDs, flags, MODSEQs.

    exists-fell       EXISTS is below what there was, without EXPUNGE
    expunge-unasked   EXPUNGE or VANISHED during FETCH, STORE, SEARCH or COPY by number
    expunge-form      EXPUNGE to a client that enabled QRESYNC, or VANISHED to one that did not
    not-there         EXPUNGE, VANISHED or FETCH of a message that is not in the mailbox
    earlier           VANISHED (EARLIER) of one that is
    uid-moved         another UID at a sequence number
    uid-descends      UIDs don't ascend with sequence numbers
    uid-below         a new message below the UIDNEXT that was told
    modseq-fell       a message's MODSEQ went down
    modseq-kept       its flags are others, its MODSEQ is not
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from history.imap import Untagged, number, numbers, text

BY_NUMBER = ("fetch", "store", "search", "copy")  # commands that may not be told of an EXPUNGE
COUNT = re.compile(rb"(\d+) (EXISTS|EXPUNGE)$")
VANISHED = re.compile(rb"VANISHED (\(EARLIER\) )?(\S+)$")
FETCH = re.compile(rb"(\d+) FETCH \(")
WITH_FLAGS = re.compile(rb"FLAGS \(([^)]*)\)")


@dataclass
class Told:
    """Of one message. No flags: not told, or changed by this client in silence."""

    uid: int | None = None
    flags: frozenset[str] | None = None
    modseq: int = 0


@dataclass
class Fetched:
    """A FETCH response, as it came."""

    seq: int
    uid: int | None
    flags: frozenset[str] | None
    modseq: int
    size: int | None
    literal: bytes | None


@dataclass
class View:
    qresync: bool = False
    messages: list[Told] = field(default_factory=list)  # by sequence number
    uid_next: int = 0  # as it was told when there were `old` messages
    old: int = 0
    gone: set[int] = field(default_factory=set)  # UIDs, in this session
    wrong: list[list[str]] = field(default_factory=list)  # rule, and why; whoever takes them clears it

    def hear(self, untagged: Iterable[Untagged], command: str) -> list[Fetched]:
        """All that came for one command, in its order."""
        fetched = []
        for line in untagged:
            if match := COUNT.match(line.text):
                (self.exists if match[2] == b"EXISTS" else self.expunge)(int(match[1]), command)
            elif match := VANISHED.match(line.text):
                (self.earlier if match[1] else self.vanished)(numbers(match[2]), command)
            elif FETCH.match(line.text):
                fetched.append(fetch_of(line))
                self.fetch(fetched[-1])
        return fetched

    def broken(self, rule: str, why: str) -> None:
        self.wrong.append([rule, why])

    def uids(self) -> list[int]:
        """All that are known, ascending."""
        return [told.uid for told in self.messages if told.uid is not None]

    def is_known(self) -> bool:
        return all(told.uid is not None for told in self.messages)

    def seq(self, uid: int) -> int | None:
        return next((n for n, told in enumerate(self.messages, 1) if told.uid == uid), None)

    def exists(self, count: int, command: str) -> None:
        if count < len(self.messages):
            self.broken("exists-fell", f"{command}: {count} EXISTS, there were {len(self.messages)}")
            del self.messages[count:]
        self.messages += [Told() for _ in range(count - len(self.messages))]

    def may_go(self, command: str, as_vanished: bool) -> None:
        if command in BY_NUMBER:
            self.broken("expunge-unasked", f"during {command}")
        if as_vanished != self.qresync:
            self.broken("expunge-form", "VANISHED" if as_vanished else "EXPUNGE")

    def expunge(self, seq: int, command: str) -> None:
        self.may_go(command, as_vanished=False)
        if not 0 < seq <= len(self.messages):
            self.broken("not-there", f"{command}: {seq} EXPUNGE, there are {len(self.messages)}")
            return
        self.remove(seq)

    def remove(self, seq: int) -> None:
        uid = self.messages.pop(seq - 1).uid
        self.old -= seq <= self.old
        if uid is not None:
            self.gone.add(uid)

    def vanished(self, uids: list[int], command: str) -> None:
        self.may_go(command, as_vanished=True)
        for uid in uids:
            seq = self.seq(uid) or self.where_it_may_be(uid)
            if seq is None:
                self.broken("not-there", f"{command}: VANISHED {uid}; there are {self.uids()}")
                continue
            self.remove(seq)
            self.gone.add(uid)

    def where_it_may_be(self, uid: int) -> int | None:
        """One whose UID was not told yet."""
        for seq, told in enumerate(self.messages, 1):
            if told.uid is not None and told.uid > uid:
                return None
            if told.uid is None and all((later.uid or uid) >= uid for later in self.messages[seq:]):
                return seq
        return None

    def earlier(self, uids: list[int], command: str) -> None:
        if still := set(uids) & set(self.uids()):
            self.broken("earlier", f"{command}: VANISHED (EARLIER) {sorted(still)[:5]}, still there")

    def fetch(self, row: Fetched) -> None:
        if not 0 < row.seq <= len(self.messages):
            self.broken("not-there", f"{row.seq} FETCH, there are {len(self.messages)}")
            return
        told = self.messages[row.seq - 1]
        if row.uid is not None:
            self.name(row.seq, told, row.uid)
        if row.modseq and row.modseq < told.modseq:
            self.broken("modseq-fell", f"UID {told.uid}: {row.modseq}, {told.modseq} was told")
        if row.flags is not None:
            is_same = told.modseq and row.modseq == told.modseq and told.flags is not None
            if is_same and row.flags != told.flags:
                was, now = sorted(told.flags or []), sorted(row.flags)
                self.broken("modseq-kept", f"UID {told.uid} {row.modseq}: {was}, now {now}")
            told.flags = row.flags
        elif row.modseq > told.modseq:
            told.flags = None
        told.modseq = max(told.modseq, row.modseq)

    def name(self, seq: int, told: Told, uid: int) -> None:
        if told.uid == uid:
            return
        if told.uid is not None:
            self.broken("uid-moved", f"{seq} was UID {told.uid}, now {uid}")
        if uid in self.gone:
            self.broken("not-there", f"{seq} is UID {uid}, which was told to be gone")
        if seq > self.old and uid < self.uid_next:
            self.broken("uid-below", f"{seq} is UID {uid}, UIDNEXT was {self.uid_next}")
        told.uid = uid
        below = [other for other in self.messages[: seq - 1] if other.uid is not None]
        above = (other.uid for other in self.messages[seq:] if other.uid is not None)
        if (below and (below[-1].uid or 0) >= uid) or next(above, uid + 1) <= uid:
            self.broken("uid-descends", f"{seq} is UID {uid}: {self.uids()}")

    def silent(self, uids: Iterable[int]) -> None:
        """This client changed their flags, and is not told which they are now."""
        for told in self.messages:
            if told.uid in uids:
                told.flags = None


def fetch_of(line: Untagged) -> Fetched:
    flags = WITH_FLAGS.search(line.text)
    return Fetched(
        seq=int(line.text.split(b" ")[0]),
        uid=number(line.text, b"UID"),
        flags=frozenset(flags[1].decode().split()) - {"\\Recent"} if flags else None,
        modseq=int(text(line.text, rb"MODSEQ \((\d+)\)") or 0),
        size=number(line.text, b"RFC822.SIZE"),
        literal=line.literals[0] if line.literals else None,
    )


def gone_between(untagged: Iterable[Untagged]) -> Iterator[int]:
    """UIDs of VANISHED, of either form."""
    for line in untagged:
        if match := VANISHED.match(line.text):
            yield from numbers(match[2])
