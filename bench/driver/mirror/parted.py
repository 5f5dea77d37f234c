"""Both sides change the same mailboxes while the wire between them is cut."""

import time

from load import Load
from pair import Pair
from rookery import TwoRookeries

BOXES = 20  # of so many users, the last ones
FILLED = 100  # messages in each before
CHANGES = "0,0,0,0,60,25,0,15,0,0,0"  # STORE, APPEND, EXPUNGE; weights as mailload has them


def run(pair: Pair, load: Load, changes: int, seconds: float) -> dict[str, float]:
    first = pair.users - BOXES
    load.run(pair.places[0], "imap-fill", "imap", conns=BOXES, users=BOXES, user_base=first, count=FILLED)
    pair.drain()
    cut = time.monotonic()
    pair.cut()
    sides = [
        load.begin(place, "imap-mix", "imap", conns=BOXES, users=BOXES, user_base=first,
                   msgs=changes // 2 // BOXES, weights=CHANGES, size=10, seed=1 + number)
        for number, place in enumerate(pair.places)
    ]  # fmt: skip
    results = [side.wait() for side in sides]
    changed = time.monotonic()
    commits = pair.counters()
    time.sleep(max(cut + seconds - time.monotonic(), 0))
    healed = time.monotonic()
    pair.mend()
    pair.after_mend()
    equal = pair.await_equal()
    figures = {
        "changes, both sides": sum(int(result["ops"]) for result in results),
        "changes a second": sum(int(result["ops"]) for result in results) / (changed - cut),
        "seconds apart": healed - cut,
        "from healing until in sync, s": equal - healed,
        "changes refused": sum(int(result["errors"]) for result in results),
    }
    if isinstance(pair, TwoRookeries):
        figures["commits on one side"] = sum(
            value for name, value in commits.items() if name.startswith("mirror_unmirrored_commits")
        )
        figures["accounts that differ"] = pair.differing()
    return figures
