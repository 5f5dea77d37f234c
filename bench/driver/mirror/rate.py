"""Deliveries a second of one node, of two when one of them gets all, and of two when both get the same share."""

import time

from load import Load
from pair import Server

Figures = dict[str, float]


def _counted(server: Server, before: dict[str, float], delivered: int) -> Figures:
    """What the nodes counted themselves, a delivery."""
    now = server.counters()
    grown = {name: now[name] - before.get(name, 0) for name in now}
    figures = {f"syncs each, node {name.split()[1]}": count / delivered
               for name, count in grown.items() if name.startswith("store_syncs_total ") and count}  # fmt: skip
    sent = sum(count for name, count in grown.items() if name.startswith("mirror_commits_sent_total "))
    took = sum(count for name, count in grown.items() if name.startswith("mirror_commit_microseconds_total "))
    return figures | ({"until both disks have it, mean ms": took / sent / 1000} if sent else {})


def _measured(server: Server, load: Load, nodes: int, writers: int, messages: int, seed: int) -> Figures:
    before, cpu, begun = server.counters(), server.account.cpu_seconds(), time.monotonic()
    running = [
        load.begin(place, "lmtp", "lmtp", conns=writers // nodes, msgs=max(messages // writers, 1), size=10,
                   users=server.users, seed=seed * 10 + number)
        for number, place in enumerate(server.places[:nodes])
    ]  # fmt: skip
    results = [one.wait() for one in running]
    answered = time.monotonic() - begun
    server.drain()
    drained = time.monotonic() - begun
    time.sleep(0.2)  # what is done behind the last answer
    cpu = server.account.cpu_seconds() - cpu
    delivered = sum(int(result["deliveries"]) for result in results)
    if not delivered:
        raise RuntimeError("nothing was delivered")
    rates = {"at both nodes/s": delivered / drained, "answered/s": delivered / answered}
    figures = (rates if len(server.places) > 1 else {"delivered/s": delivered / answered}) | {
        "CPU µs each": 1e6 * cpu / delivered,
        "generator CPU µs each": 1e6 * sum(float(result["driver_cpu_s"]) for result in results) / delivered,
        "p99 ms": max(float(result["p99_ms"]) for result in results),
    }
    if errors := sum(int(result["errors"]) for result in results):
        figures["errors"] = errors
    return figures | _counted(server, before, delivered)


def run(one: Server, two: Server, load: Load, writers: int, messages: int, seed: int) -> Figures:
    ways = [("single", one, 1), ("mirrored", two, 1), ("spread", two, 2)]
    if seed % 2 == 0:
        ways.reverse()
    found = {way: _measured(server, load, nodes, writers, messages, seed) for way, server, nodes in ways}
    single = found["single"]
    for way in ("mirrored", "spread"):
        mine = found[way]
        found[way] = {"% of single": 100 * mine["at both nodes/s"] / single["delivered/s"],
                      "CPU × single": mine["CPU µs each"] / single["CPU µs each"], **mine}  # fmt: skip
    return {f"{way}: {figure}": value
            for way in ("single", "mirrored", "spread") for figure, value in found[way].items()}  # fmt: skip
