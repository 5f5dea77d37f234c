"""The table: medians over the rounds, ratios of ours to the better peer's, and the bars beside them."""

import statistics

from bars import BARS, SHARE

Key = tuple[str, str]  # workload, figure
Figures = dict[str, dict[Key, list[float]]]  # by target; one value a round
Medians = dict[str, dict[Key, float]]


def medians(figures: Figures, limits: dict[int, float]) -> Medians:
    """`limits`: durable appends a second of the disk, by writers; deliveries get their share of it."""
    found: Medians = {}
    for target, of_target in figures.items():
        mine = found[target] = {}
        for key, values in of_target.items():
            mine[key] = statistics.median(values)
            workload, figure = key
            writers = int(workload.split()[1]) if figure == "delivered/s" else 0
            if writers in limits and workload.startswith("LMTP"):
                mine[workload, SHARE] = 100 * mine[key] / limits[writers]
    return found


def number(value: float | None) -> str:
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(ours: float | None, peers: float | None) -> str:
    if not ours or not peers or ours < 0:
        return "–"
    return f"{ours / peers:.3g} ×" if ours >= peers else f"1/{peers / ours:.3g}"


def better(key: Key, values: list[float | None]) -> float | None:
    there = [value for value in values if value]
    return (max if key[1].endswith(("/s", SHARE)) else min)(there) if there else None


def table(targets: list[str], found: Medians, limits: dict[int, float]) -> str:
    keys = list(dict.fromkeys(key for target in targets for key in found[target]))
    workloads = list(dict.fromkeys(workload for workload, _ in keys))
    keys.sort(key=lambda key: workloads.index(key[0]))
    both = len(targets) > 1
    plain = not any(BARS[key].is_ratio for key in keys if key in BARS)  # needs no peers
    heads = ["workload", "figure", *targets, *(["ratio"] if both else []), *(["bar", ""] if both or plain else [])]
    rows = [["raw append + group fsync", f"10 KiB/s, {writers} writers", number(rate)]
            + [""] * (len(heads) - 3) for writers, rate in limits.items()]  # fmt: skip
    last = ""
    for key in keys:
        values = [found[target].get(key) for target in targets]
        row = [key[0] if key[0] != last else "", key[1], *map(number, values)]
        if both:
            row.append(ratio(values[0], better(key, values[1:])))
        if both or plain:
            bar = BARS.get(key)
            reached = bar.reached(values[0], better(key, values[1:])) if bar else None
            row += [bar.text if bar else "", {True: "reached", False: "missed", None: ""}[reached]]
        rows.append(row)
        last = key[0]
    return lined([heads, *rows], left=2)


def lined(rows: list[list[str]], left: int) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]

    def line(row: list[str]) -> str:
        cells = [
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "| " + " | ".join(cells) + " |"

    rules = ["-" * (width + 2) if i < left else "-" * (width + 1) + ":"
             for i, width in enumerate(widths)]  # fmt: skip
    return "\n".join([line(rows[0]), "|" + "|".join(rules) + "|", *map(line, rows[1:])])
