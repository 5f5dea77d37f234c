"""All that an account holds, read while nobody changes anything, as one event:

    boxes: name, box, uid_validity, uid_next, highest_modseq, messages, unseen, deleted, size (as
           STATUS says), rows (uid, modseq, flags, date, email, id, sha, size, prefix), and delta:
           what QRESYNC says has changed since the observation before (since, vanished, changed)
    quota: messages, kilobytes; null where there is no limit, and so no answer
"""

import re
from typing import Any

from history import messages, record
from history.client import Account, Client, Place
from history.imap import Imap, number, numbers, rows

COUNTERS = {
    "messages": b"MESSAGES",
    "unseen": b"UNSEEN",
    "deleted": b"DELETED",
    "size": b"SIZE",
    "uid_next": b"UIDNEXT",
    "uid_validity": b"UIDVALIDITY",
    "highest_modseq": b"HIGHESTMODSEQ",
}
LIST_NAME = re.compile(rb'LIST \(([^)]*)\) "/" (?:"([^"]*)"|(\S+))$')
BOX_ID = re.compile(rb"MAILBOXID \((\S+?)\)")


class Observer(Client):
    """Reads only; one for each account."""

    before: dict[str, Any]  # by MAILBOXID: UIDVALIDITY and HIGHESTMODSEQ of the last time

    def observe(self, account: Account, place: Place, op: str = "observe") -> record.Event:
        self.before = getattr(self, "before", {})
        start = record.now()
        imap = Imap(place.connect("imap"), account.user, account.password)
        imap.must("ENABLE QRESYNC")
        listed = imap.must('LIST "" "*"')
        names = []
        for line in listed.untagged:
            match = LIST_NAME.match(line.text)
            if match and b"\\Noselect" not in match[1] and b"\\NonExistent" not in match[1]:
                names.append((match[2] or match[3]).decode())
        boxes = [self.look_into(imap, name) for name in names]
        self.before = {box["box"]: (box["uid_validity"], box["highest_modseq"]) for box in boxes}
        account.crowd = next(len(box["rows"]) for box in boxes if box["name"] == "INBOX")
        quota = b" ".join(line.text for line in imap.must("GETQUOTAROOT INBOX").untagged)
        imap.close()
        return self.log.write(
            op, start, record.ACKNOWLEDGED, account=account.user, boxes=boxes,
            quota={"messages": number(quota, b"MESSAGE"), "kilobytes": number(quota, b"STORAGE")},
        )  # fmt: skip

    def look_into(self, imap: Imap, name: str) -> dict[str, Any]:
        words = " ".join(word.decode() for word in COUNTERS.values())
        answer = imap.must(f'STATUS "{name}" ({words} MAILBOXID)')
        text = next(line.text for line in answer.untagged if line.text.startswith(b"STATUS"))
        box: dict[str, Any] = {key: number(text, word) for key, word in COUNTERS.items()}
        match = BOX_ID.search(text)
        box["name"], box["box"] = name, match[1].decode() if match else name
        box["delta"] = self.changes(imap, name, box)
        imap.must(f'EXAMINE "{name}"')
        box["rows"] = []
        answer = imap.must("UID FETCH 1:* (FLAGS MODSEQ INTERNALDATE EMAILID BODY.PEEK[])")
        for row in rows(answer):
            whole = row.literal or b""
            found, sha, prefix = messages.identify(whole)
            known = {"uid": row.uid, "modseq": row.modseq, "flags": row.flags, "id": found}
            known |= {"date": row.date, "email": row.email}
            box["rows"].append(known | {"sha": sha, "size": len(whole), "prefix": prefix})
        return box

    def changes(self, imap: Imap, name: str, box: dict[str, Any]) -> dict[str, Any] | None:
        validity, since = self.before.get(box["box"], (0, 0))
        if not since or validity != box["uid_validity"]:
            return None
        answer = imap.must(f'EXAMINE "{name}" (QRESYNC ({validity} {since}))')
        vanished: list[int] = []
        for line in answer.untagged:
            if match := re.match(rb"VANISHED \(EARLIER\) (\S+)", line.text):
                vanished += numbers(match[1])
        changed = [[row.uid, row.flags] for row in rows(answer)]
        return {"since": since, "vanished": vanished, "changed": changed}
