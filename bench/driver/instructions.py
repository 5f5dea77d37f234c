"""script/bench --instructions: instructions a delivery and a FETCH, counted by callgrind.

One connection at a time, so that what is counted repeats. Compared with bench/instructions.json:
a figure that grew by more than 10 % makes it fail; --record writes the file anew.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from callgrind import CountedNode, Dump  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "bench" / "instructions.json"
GROWTH_MAX = 1.10
USERS = 20
WARM, MESSAGES = 40, 200  # deliveries before counting, and counted
TRIES = 2  # the least of them counts: keys lie in a skip list of random heights
BOX, PASSES = 500, 8  # messages of the mailbox that is fetched, FETCHes of it that are counted


@dataclass
class Measured:
    name: str
    unit: str
    roles: list[str]
    mode: str
    warm: list[str]
    options: list[str]
    count: int  # units in the options' run


def _delivery(name: str, mode: str, roles: list[str]) -> Measured:
    options = ["--conns", "1", "--size", "10", "--users", str(USERS)]
    return Measured(name, "delivery", roles, mode, [*options, "--msgs", str(WARM)],
                    [*options, "--msgs", str(MESSAGES), "--seed", "2"], MESSAGES)  # fmt: skip


def _fetch(items: str) -> Measured:
    options = ["--conns", "1", "--users", "1", "--user-base", "1", "--mailbox", "Big",
               "--items", items]  # fmt: skip
    return Measured(f"FETCH {items}", "message", ["store"], "imap-fetch",
                    [*options, "--passes", "1"], [*options, "--passes", str(PASSES)],
                    BOX * PASSES)  # fmt: skip


# FETCHes first: they find the same store, whichever deliveries are counted behind them.
ALL = [
    _fetch("FLAGS"),
    _fetch("ENVELOPE"),
    _fetch("BODY.PEEK[]"),
    _delivery("LMTP, 10 KiB", "lmtp", ["store"]),
    _delivery("SMTP, 10 KiB", "smtp-in", ["mx", "store"]),
]
PROTOCOLS = {"lmtp": "lmtp", "smtp-in": "smtp", "imap-fetch": "imap", "imap-fill": "imap"}


def count(node: CountedNode, load: Callable[..., None], what: Measured) -> dict[str, Dump]:
    load(what.mode, *what.warm)
    node.count_on()
    load(what.mode, *what.options)
    return node.count_off()


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="script/bench --instructions", description=__doc__)
    options.add_argument("--record", action="store_true", help="write bench/instructions.json")
    options.add_argument("--only", default="", help="figures whose name has this in it")
    options.add_argument("--keep", type=Path, help="keep callgrind's files here, for callgrind_annotate")
    options.add_argument("--built", type=Path, required=True, help=argparse.SUPPRESS)
    return options.parse_args()


def measure(chosen: argparse.Namespace, folder: Path) -> dict[str, dict[str, int]]:
    """Instructions a unit by figure and role."""
    program = Path(os.environ.get("ROOKERY") or chosen.built / "../src/cli/rookery").resolve()
    node = CountedNode(folder / "node", program, USERS)

    def load(mode: str, *options: str) -> None:
        words = [chosen.built / "mailload", mode, "--port", str(node.ports[PROTOCOLS[mode]]),
                 "--timeout", "300", *options]  # fmt: skip
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"{mode}: {done.stdout}")

    found: dict[str, dict[str, int]] = {}
    try:
        node.start()
        load("imap-fill", "--conns", "1", "--users", "1", "--user-base", "1", "--mailbox", "Big",
             "--count", str(BOX))  # fmt: skip
        for what in ALL:
            if chosen.only.lower() not in what.name.lower():
                continue
            tries = [count(node, load, what) for _ in range(TRIES)]
            dumps = {role: min((one[role] for one in tries), key=lambda dump: dump.instructions)
                     for role in what.roles}  # fmt: skip
            found[what.name] = {role: round(dumps[role].instructions / what.count) for role in what.roles}
            print(f"{what.name}: {found[what.name]} a {what.unit}", file=sys.stderr, flush=True)
            if chosen.keep:
                chosen.keep.mkdir(parents=True, exist_ok=True)
                for role in what.roles:
                    name = "-".join(what.name.replace(",", "").split())
                    shutil.copy(dumps[role].path, chosen.keep / f"callgrind.{name}.{role}")
    finally:
        node.stop()
    return found


def recorded() -> dict[str, dict[str, int]]:
    """What is compared with; nothing where another compiler or RocksDB is here."""
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    known = record.get("instructions", {})
    if known and (differs := others(record["built_with"])):
        print(f"recorded with {differs}: not compared", file=sys.stderr)
        known = {}
    return known


def has_grown(value: int, before: int | None) -> bool:
    return bool(before) and value > before * GROWTH_MAX


def least(one: dict[str, dict[str, int]], other: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {name: {role: min(value, other[name][role]) for role, value in roles.items()}
            for name, roles in one.items()}  # fmt: skip


def compare(found: dict[str, dict[str, int]], known: dict[str, dict[str, int]]) -> None:
    """Prints a table."""
    print(f"| {'figure':17} | role  | instructions | recorded | change |")
    print("|-------------------|-------|-------------:|---------:|-------:|")
    for name, roles in found.items():
        for role, value in roles.items():
            before = known.get(name, {}).get(role)
            change = f"{100 * (value / before - 1):+.1f} %" if before else "–"
            print(f"| {name:17} | {role:5} | {value:12,} | {f'{before:,}' if before else '–':>8} | {change:>6} |"
                  f"{'  grew' if has_grown(value, before) else ''}")  # fmt: skip


def versions() -> dict[str, str]:
    words = ["dpkg-query", "-W", "-f=${Package} ${Version}\\n", "librocksdb-dev", "libssl-dev", "gcc",
             "libc6"]  # fmt: skip
    said = subprocess.run(words, capture_output=True, text=True).stdout
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def others(recorded: dict[str, str]) -> str:
    """What the record was made with, where another compiler or RocksDB is here."""
    here = versions()
    return ", ".join(
        f"{name} {recorded[name]}"
        for name in ("gcc", "librocksdb-dev")
        if recorded.get(name, "").split("-")[0] != here.get(name, "").split("-")[0]
    )


def main() -> int:
    chosen = arguments()
    folder = Path(tempfile.mkdtemp(prefix="rookery-count-", dir="/var/tmp"))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        found = measure(chosen, folder / "first")
        known = recorded()

        def all_good() -> bool:
            return not any(has_grown(value, known.get(name, {}).get(role))
                           for name, roles in found.items() for role, value in roles.items())  # fmt: skip

        if not chosen.record and not all_good():  # a process has skip lists of its own luck
            found = least(found, measure(chosen, folder / "second"))
        compare(found, known)
        good = all_good()
        if chosen.record:
            RECORD.write_text(json.dumps({"instructions": found, "built_with": versions()}, indent=1) + "\n")
            return 0
        if not good:
            print("script/bench: a figure grew by more than 10 %. Make it smaller, or say why in the"
                  " change and record it: script/bench --instructions --record", file=sys.stderr)  # fmt: skip
        return 0 if good else 1
    except (RuntimeError, subprocess.SubprocessError) as wrong:
        print(f"script/bench: {wrong}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
