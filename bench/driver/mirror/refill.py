"""An empty node takes a lost one's place while the other one serves; then, with nobody served, the rest of it."""

import time

from load import Load, Running
from rookery import TwoRookeries

FILLERS = 64
USUAL_SECONDS = 4  # of each rate that is compared
KIB_EACH = 10


def _moved(pair: TwoRookeries) -> float:
    """Bodies that were read to be sent; deliveries read none."""
    return pair.metrics(0).get("store_blobs_read_total", 0)


def _usual(running: Running) -> float:
    time.sleep(USUAL_SECONDS)
    now = time.monotonic()
    return running.rate(now - USUAL_SECONDS, now)


def run(
    pair: TwoRookeries, load: Load, messages: int, writers: int, loaded_seconds: float, disk_mb_s: float
) -> dict[str, float]:
    """Of a pair that holds nothing yet."""
    load.run(pair.places[0], "lmtp", "lmtp", conns=FILLERS, msgs=max(messages // FILLERS, 1), size=KIB_EACH,
             users=pair.users, seed=99)  # fmt: skip
    pair.drain()
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
        while time.monotonic() < paired + loaded_seconds and not pair.is_equal():
            time.sleep(0.02)
        stopped, loaded = time.monotonic(), _moved(pair)
    finally:
        running.stop()
    equal, moved = pair.await_equal(), _moved(pair)
    during = running.rate(paired, stopped)
    figures = {
        "deliveries/s before": before,
        "deliveries/s, alone": alone,
        "deliveries/s, during": during,
        "during, % of before": 100 * during / before,
        "during, % of alone": 100 * during / alone,
        "longest stall of deliveries, s": running.stall(paired, stopped),
        "messages moved": moved - read,
        "from pairing until in sync, s": equal - paired,
        "under load: messages/s": (loaded - read) / (stopped - paired),
        "under load: MB/s": (loaded - read) * KIB_EACH * 1024 / (stopped - paired) / 1e6,
    }
    if moved - loaded > messages / 20:  # else it ended under load
        rate = (moved - loaded) / (equal - stopped)
        mb_s = rate * KIB_EACH * 1024 / 1e6
        figures |= {"idle: messages/s": rate, "idle: MB/s": mb_s, "idle: % of the disk's limit": 100 * mb_s / disk_mb_s}
    return figures | {"accounts that differ": pair.differing()}
