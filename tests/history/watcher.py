"""An IMAP client that keeps a copy of INBOX's flags and brings it up to date by QRESYNC, again and
again: what its node does not tell it, whatever happens to the node meanwhile, is found at once."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from history import record
from history.client import Account, Client, Place
from history.imap import Imap, Untagged, numbers, rows

REST = 0.2  # seconds


@dataclass
class Known:
    """A copy of a mailbox, as it was when its HIGHESTMODSEQ was `modseq`."""

    validity: int = 0
    modseq: int = 0
    flags: dict[int, Any] = field(default_factory=dict)  # by UID


def missed(before: Known, changed: Mapping[int, Any], vanished: Collection[int],
           there: Mapping[int, tuple[Any, int]], later: Collection[int],
           now: Known) -> list[list[Any]]:  # fmt: skip
    """What QRESYNC did not tell of: UIDs with flags by what was told and as they are. `there`: flags
    and MODSEQ of all, as read a moment later than `now`, when `later` had gone."""
    wrong = []
    told = {uid: flags for uid, flags in (before.flags | dict(changed)).items() if uid not in vanished}
    for uid in sorted(told.keys() | now.flags.keys()):
        is_later = uid in later or (uid in there and there[uid][1] > now.modseq)
        if not is_later and told.get(uid) != now.flags.get(uid):
            wrong.append([uid, told.get(uid), now.flags.get(uid)])
    return wrong


class Watcher(Client):
    def __init__(self, name: str, place: Place, folder: Path, account: Account) -> None:
        super().__init__(name, place, folder)
        self.account, self.known = account, Known()

    def session(self) -> None:
        imap = Imap(self.place.connect("imap"), self.account.user, self.account.password)
        try:
            imap.must("ENABLE QRESYNC")
            while not self.over.is_set():
                self.look(imap)
                self.over.wait(REST * (0.5 + self.chance.random()))
        finally:
            imap.close()

    def look(self, imap: Imap) -> None:
        start, before = record.now(), self.known
        since = f" (QRESYNC ({before.validity} {before.modseq}))" if before.modseq else ""
        answer = imap.must(f"SELECT INBOX{since}")
        validity, modseq = (int(answer.code(name) or 0) for name in (b"UIDVALIDITY", b"HIGHESTMODSEQ"))
        vanished, changed = gone(answer.untagged), {row.uid: row.flags for row in rows(answer)}
        answer = imap.must("UID FETCH 1:* (FLAGS MODSEQ)")
        there = {row.uid: (row.flags, row.modseq) for row in rows(answer)}
        flags = {uid: flags for uid, (flags, at) in there.items() if at <= modseq}
        self.known, wrong = Known(validity, modseq, flags), []
        if before.modseq:
            wrong = missed(before, changed, vanished, there, gone(answer.untagged), self.known)
        self.log.write("resync", start, record.ACKNOWLEDGED, account=self.account.user, box=None,
                       since=before.modseq, modseq=modseq, changed=len(changed), vanished=len(vanished),
                       wrong=wrong[:9])  # fmt: skip


def gone(untagged: list[Untagged]) -> set[int]:
    found: set[int] = set()
    for line in untagged:
        if match := re.match(rb"VANISHED (?:\(EARLIER\) )?(\S+)", line.text):
            found.update(numbers(match[1]))
    return found
