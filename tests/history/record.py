"""The event log, JSON lines: one event an operation.

Each event has op, client, node, start and end (nanoseconds of one monotonic clock) and outcome:
acknowledged, refused, or unknown (the connection died before the answer). A mailbox is named by its
MAILBOXID in `box`, messages by [uid, id] in `messages`.

    deliver   account, id, sha                            INBOX of the account
    append    account, box, id, sha, flags, uid
    store     account, box, messages, mode (+ or -), flags, modseqs {uid: modseq}
    copy      account, box, target, messages, pairs {uid: uid in the target}
    move      the same
    expunge   account, box, messages (uid null by POP3), box null: INBOX
    create    account, name, box (null when unknown)
    rename    account, boxes [[box, from, to], …]
    delete    account, box
    fetch     account, box, asked [[uid, id], …], rows [[uid, id, flags, modseq], …], and others
              [[uid, id], …] whose flags somebody else may be changing
    counters  account, box, uid_validity, uid_next, highest_modseq
    resync    account, since, modseq, wrong [[uid, flags as told, flags as found], …]: QRESYNC of INBOX
    observe   account, boxes, quota: everything there is, while nobody changes anything; observe.py
    compare   the same at the other node of a mirror

Of a crowd in one mailbox (crowd.py), where a mailbox is named by its name and messages by `uids`:

    append, copy, move, store, expunge, counters   as above; uids null: EXPUNGE or CLOSE; told: UIDs that
              were told to be gone; failed: MODIFIED
    seen      rows [[uid, id, flags, modseq], …]: all that is there
    told      wrong [[rule, why], …]: what a session may not be told; heard: the last lines of it

Of two nodes' round also, by nobody's account:

    apart     from here (when it is done: `end`) the nodes don't hear of each other; dead: the one
              that was killed, or null
    together  start: the wire is whole again, the dead node was started; end: both are in sync; known:
              the clients have looked what became of their messages
"""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Event = dict[str, Any]

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"


def now() -> int:
    return time.monotonic_ns()


class Log:
    """Of one client; keeps what was not taken yet, and writes all of it to a file."""

    def __init__(self, folder: Path, client: str, node: str) -> None:
        self.client, self.node = client, node
        self.file = (folder / f"{client}.jsonl").open("a", encoding="utf-8")
        self.fresh: list[Event] = []

    def write(self, op: str, start: int, outcome: str, **fields: Any) -> Event:
        event = {"op": op, "client": self.client, "node": self.node, "start": start, "end": now(),
                 "outcome": outcome, **fields}  # fmt: skip
        return self.put(event)

    def put(self, event: Event) -> Event:
        self.fresh.append(event)
        self.file.write(json.dumps(event) + "\n")
        return event

    def take(self) -> list[Event]:
        self.file.flush()
        taken, self.fresh = self.fresh, []
        return taken


def read(files: Iterable[Path]) -> Iterator[Event]:
    for path in files:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                # the keys of modseqs and pairs are numbers, which JSON does not have as keys
                event = json.loads(line)
                for name in ("modseqs", "pairs"):
                    if name in event:
                        event[name] = {int(key): value for key, value in event[name].items()}
                yield event


def when(event: Event) -> int:
    """Its place in the order: a change may be seen from its start on, a reader saw what was there
    at its end."""
    reads = event["op"] in ("fetch", "counters", "resync", "observe", "compare", "together")
    return int(event["end" if reads else "start"])


def ordered(events: Iterable[Event]) -> list[Event]:
    return sorted(events, key=when)
