"""An IMAP client that keeps a copy of INBOX's flags and brings it up to date by QRESYNC, again and
again: what its node does not tell it, whatever happens to the node meanwhile, is found at once."""

import re
from pathlib import Path

from history import record
from history.client import Account, Client, Place
from history.imap import Imap, Untagged, numbers, rows

REST = 0.2  # seconds


class Watcher(Client):
    def __init__(self, name: str, place: Place, folder: Path, account: Account) -> None:
        super().__init__(name, place, folder)
        self.account = account
        self.validity = self.modseq = 0
        self.flags: dict[int, list[str]] = {}  # by UID

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
        start, since = record.now(), self.modseq
        known = f" (QRESYNC ({self.validity} {since}))" if since else ""
        answer = imap.must(f"SELECT INBOX{known}")
        validity, modseq = (int(answer.code(name) or 0) for name in (b"UIDVALIDITY", b"HIGHESTMODSEQ"))
        vanished, changed = gone(answer.untagged), {row.uid: row.flags for row in rows(answer)}
        answer = imap.must("UID FETCH 1:* (FLAGS MODSEQ)")
        later = gone(answer.untagged)
        there = {row.uid: row for row in rows(answer)}
        before = self.flags
        self.flags = {uid: row.flags for uid, row in there.items() if row.modseq <= modseq}
        self.validity, self.modseq = validity, modseq
        wrong = []
        if since:
            told = {uid: flags for uid, flags in (before | changed).items() if uid not in vanished}
            for uid in sorted(told.keys() | self.flags.keys()):
                is_later = uid in later or (uid in there and there[uid].modseq > modseq)
                if not is_later and told.get(uid) != self.flags.get(uid):
                    wrong.append([uid, told.get(uid), self.flags.get(uid)])
        self.log.write("resync", start, record.ACKNOWLEDGED, account=self.account.user, box=None,
                       since=since, modseq=modseq, changed=len(changed), vanished=len(vanished),
                       wrong=wrong[:9])  # fmt: skip


def gone(untagged: list[Untagged]) -> set[int]:
    found: set[int] = set()
    for line in untagged:
        if match := re.match(rb"VANISHED (?:\(EARLIER\) )?(\S+)", line.text):
            found.update(numbers(match[1]))
    return found
