"""An empty node takes a lost one's place while the other one serves; then again, with nobody served."""

import statistics
import time
from collections.abc import Callable

from limits import Limits
from load import Load, Running
from rookery import TwoRookeries

FILLERS = 64
USUAL_SECONDS = 4  # of each rate that is compared
KIB_EACH = 10
IDLE_ROUNDS = 3
PAUSE = 0.1  # between looks whether both are equal


def _moved(pair: TwoRookeries) -> float:
    """Bodies that were read to be sent; deliveries read none."""
    return pair.metrics(0).get("store_blobs_read_total", 0)


def _usual(running: Running) -> float:
    time.sleep(USUAL_SECONDS)
    now = time.monotonic()
    return running.rate(now - USUAL_SECONDS, now)


def _loaded(pair: TwoRookeries, load: Load, writers: int, seconds: float) -> dict[str, float]:
    running = load.deliver(pair.places[0], writers, pair.users)
    try:
        time.sleep(1)
        before = _usual(running)
        pair.nodes[1].wipe()
        pair.start_node(1)  # of no pair yet
        alone = _usual(running)
        read = _moved(pair)
        paired = time.monotonic()
        pair.replace(1)
        while time.monotonic() < paired + seconds and not pair.is_equal():
            time.sleep(PAUSE)
        stopped, moved = time.monotonic(), _moved(pair) - read
    finally:
        running.stop()
    pair.await_equal(PAUSE)
    during = running.rate(paired, stopped)
    rate = moved / (stopped - paired)
    return {
        "deliveries/s before": before,
        "deliveries/s, alone": alone,
        "deliveries/s, during": during,
        "during, % of before": 100 * during / before,
        "during, % of alone": 100 * during / alone,
        "longest stall of deliveries, s": running.stall(paired, stopped),
        "under load: messages/s": rate,
        "under load: MB/s": rate * KIB_EACH * 1024 / 1e6,
    }


def _idle(pair: TwoRookeries, limits: Limits) -> dict[str, float]:
    """From pairing until both are equal."""
    pair.nodes[1].wipe()
    pair.start_node(1)
    read, cpu, paired = _moved(pair), pair.account.cpu_seconds(), time.monotonic()
    pair.replace(1)
    seconds = pair.await_equal(PAUSE) - paired
    moved, cpu = _moved(pair) - read, pair.account.cpu_seconds() - cpu
    mb_s = moved * KIB_EACH * 1024 / seconds / 1e6
    return {
        "limit: the disk, MB/s": limits.disk,
        "limit: a TLS link, MB/s": limits.link,
        "idle: messages moved": moved,
        "idle: from pairing until in sync, s": seconds,
        "idle: messages/s": moved / seconds,
        "idle: CPU µs each, both nodes": 1e6 * cpu / moved,
        "idle: MB/s": mb_s,
        "idle: % of the smaller limit": 100 * mb_s / limits.smaller(),
    }


def run(
    pair: TwoRookeries, load: Load, messages: int, writers: int, loaded_seconds: float, limits: Callable[[], Limits]
) -> dict[str, float]:
    """Of a pair that holds nothing yet. What is idle: medians of rounds, each with limits of its own."""
    load.run(pair.places[0], "lmtp", "lmtp", conns=FILLERS, msgs=max(messages // FILLERS, 1), size=KIB_EACH,
             users=pair.users, seed=99)  # fmt: skip
    pair.drain()
    figures = _loaded(pair, load, writers, loaded_seconds)
    rounds = [_idle(pair, limits()) for _ in range(IDLE_ROUNDS)]
    figures |= {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    return figures | {"accounts that differ": pair.differing()}
