"""The table: medians over the rounds, ratios of ours to the peers'."""

import statistics

Key = tuple[str, str]  # workload, figure


def number(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(
    targets: list[str], figures: dict[str, dict[Key, list[float]]], limits: dict[int, float]
) -> str:
    """`figures` by target; `limits`: appends a second of the disk, by writers."""
    keys: list[Key] = []
    for target in targets:
        keys += [key for key in figures[target] if key not in keys]
    workloads = list(dict.fromkeys(workload for workload, _ in keys))
    keys.sort(key=lambda key: workloads.index(key[0]))
    heads = ["workload", "figure", *targets]
    if len(targets) == 2:
        heads.append(f"{targets[0]} / {targets[1]}")
    rows = [heads]
    for key in keys:
        medians = [
            statistics.median(figures[target][key]) if key in figures[target] else None
            for target in targets
        ]
        row = [*key, *("–" if value is None else number(value) for value in medians)]
        if len(targets) == 2:
            ours, peers = medians
            row.append(f"{ours / peers:.3g} ×" if ours is not None and peers else "–")
        rows.append(row)
        rows += _share(key, medians, limits, len(heads))
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads))]

    def line(row: list[str]) -> str:
        cells = [
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join("-" * (width + 2) if i < 2 else "-" * (width + 1) + ":"
                          for i, width in enumerate(widths)) + "|"  # fmt: skip
    return "\n".join([line(rows[0]), rule, *map(line, rows[1:])])


def _share(
    key: Key, medians: list[float | None], limits: dict[int, float], width: int
) -> list[list[str]]:
    """A further row under deliveries a second: the share of the disk's limit."""
    workload, figure = key
    words = workload.split()
    if figure != "delivered/s" or int(words[1]) not in limits:
        return []
    limit = limits[int(words[1])]
    cells = ["–" if value is None else f"{100 * value / limit:.3g} %" for value in medians]
    row = [workload, f"of the limit {number(limit)}/s", *cells]
    return [row + [""] * (width - len(row))]
