"""The history as it was at one moment that is only known to lie between two times: for a copy that
was taken while the clients went on, as a backup or a snapshot."""

from collections.abc import Iterable

from history.record import ACKNOWLEDGED, REFUSED, UNKNOWN, Event

TOLD = ("uid", "pairs", "modseqs")  # what only an acknowledged operation knows


def up_to(events: Iterable[Event], begin: int, end: int) -> list[Event]:
    """What was answered before `begin` was done; what started after `end` was not; all between may
    have been done or not, and what was seen then says nothing."""
    kept = []
    for event in events:
        if event["end"] <= begin:
            kept.append(event)
        elif event["op"] not in ("fetch", "counters", "observe") and event["start"] < end:
            outcome = UNKNOWN if event["outcome"] == ACKNOWLEDGED else event["outcome"]
            kept.append({key: value for key, value in event.items() if key not in TOLD}
                        | {"outcome": outcome, "after": 0})  # fmt: skip
    return [event for event in kept if event["outcome"] != REFUSED]
