#!/usr/bin/python3 -B
"""Checks a recorded history again: check.py FOLDER, with the *.jsonl files of its clients."""

import sys
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from history import record  # noqa: E402
from history.checker import Checker  # noqa: E402
from history.pair_checker import PairChecker  # noqa: E402

READ_ALL = ("observe", "compare")


def main() -> int:
    events = record.ordered(record.read(sorted(Path(sys.argv[1]).glob("*.jsonl"))))
    two_nodes = any(event["op"] == "compare" for event in events)
    checker = PairChecker() if two_nodes else Checker()
    for _, part in groupby(events, key=lambda event: event["op"] in READ_ALL):
        checker.take(part)
    for broken in checker.found:
        print(broken)
    print(f"{len(events)} events, {len(checker.found)} broken rules")
    return 1 if checker.found else 0


if __name__ == "__main__":
    sys.exit(main())
