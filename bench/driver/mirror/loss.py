"""The other node is lost under load and comes back: once the wire to it is cut, once it dies.

The load goes on for at most so long after it is back; else a machine of a few cores, which deliveries alone keep
busy, would measure how long it takes to merge what comes meanwhile.
"""

import time
from collections.abc import Callable

from load import Load
from rookery import TwoRookeries

USUAL_SECONDS = 2
LOADED_SECONDS = 6  # while the two meet


def _lost(
    pair: TwoRookeries, load: Load, writers: int, seconds: float, leave: Callable[[], None],
    come_back: Callable[[], None],
) -> dict[str, float]:  # fmt: skip
    running = load.deliver(pair.places[0], writers, pair.users)
    try:
        time.sleep(1 + USUAL_SECONDS)
        left = time.monotonic()
        leave()
        time.sleep(seconds)
        back = time.monotonic()
        come_back()
        while time.monotonic() < back + LOADED_SECONDS and not pair.is_equal():
            time.sleep(0.02)
        met = time.monotonic()
    finally:
        refused = int(running.stop()["errors"])
    equal = pair.await_equal()
    stall = running.stall(left, back)
    return {
        "stall, s": stall,
        "back until in sync, s": equal - back,
        "stall while they meet, s": running.stall(back, met),
        "deliveries/s before": running.rate(left - USUAL_SECONDS, left),
        "deliveries/s, alone": running.rate(left + stall, back),
        "deliveries/s, while they meet": running.rate(back, met),
        "deliveries refused": refused,
    }


def run(pair: TwoRookeries, load: Load, writers: int, seconds: float) -> dict[str, float]:
    cut = _lost(pair, load, writers, seconds, pair.cut, pair.mend)
    killed = _lost(pair, load, writers, seconds, lambda: pair.kill(1), lambda: pair.start_node(1, wait=False))
    return {f"{how}: {figure}": value
            for how, figures in (("wire cut", cut), ("kill -9", killed))
            for figure, value in figures.items()}  # fmt: skip
