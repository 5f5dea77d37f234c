"""script/bench: measures Rookery beside postfix + dovecot on this machine, in turn, and prints a table."""

import argparse
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from ours import Rookery  # noqa: E402
from peers import Peers  # noqa: E402
from report import Key, table  # noqa: E402
from target import Target  # noqa: E402
from workload import FULL, QUICK, WORKLOADS, Generator, fill  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "bench"
TARGETS: dict[str, type[Target]] = {"rookery": Rookery, "peers": Peers}
LIMIT_SECONDS = 2


def disk_limit(folder: Path, writers: int) -> float:
    """Durable appends of 10 KiB a second by so many writers."""
    words = [BUILT / "limit", folder / "limit", str(writers), "10240", str(LIMIT_SECONDS)]
    said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    return float(dict(word.split("=") for word in said.split()[1:])["rate"])


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    options.add_argument("--quick", action="store_true", help="one small round")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--target", action="append", choices=sorted(TARGETS), help="only these")
    options.add_argument("--only", default="", help="workloads whose name has this in it")
    options.add_argument("--dir", type=Path, help="where servers keep their data (/var/tmp)")
    return options.parse_args()


def measure(
    targets: list[Target], chosen: argparse.Namespace, folder: Path
) -> tuple[str, bool]:
    """The table, and whether every workload ran."""
    size = QUICK if chosen.quick else FULL
    rounds = 1 if chosen.quick else chosen.rounds
    workloads = [w for w in WORKLOADS if chosen.only.lower() in w.name.lower()]
    generator = Generator(BUILT / "mailload", size, folder / "log")
    figures: dict[str, dict[Key, list[float]]] = {target.name: {} for target in targets}
    limits: dict[int, list[float]] = {64: [], 256: []}
    failed = False
    for target in targets:
        print(f"starting and filling {target.name}", file=sys.stderr)
        target.start()
        fill(target, generator, rounds, big=any(w.big for w in workloads))
    for number in range(1, rounds + 1):
        for writers, rates in limits.items():
            rates.append(disk_limit(folder, writers))
        order = targets if number % 2 else targets[::-1]
        for workload in workloads:
            for target in order:
                begun = time.monotonic()
                try:
                    got = workload.run(target, generator, number)
                except RuntimeError as wrong:  # its row stays empty, the others go on
                    print(f"{target.name}, {workload.name}: {wrong}", file=sys.stderr)
                    failed = True
                    continue
                seconds = time.monotonic() - begun
                print(f"round {number}: {workload.name}, {target.name}, {seconds:.0f} s", file=sys.stderr)
                for figure, value in got.items():
                    figures[target.name].setdefault((workload.name, figure), []).append(value)
    medians = {writers: statistics.median(rates) for writers, rates in limits.items()}
    return table([target.name for target in targets], figures, medians), not failed


def main() -> int:
    chosen = arguments()
    folder = Path(tempfile.mkdtemp(prefix="rookery-bench-", dir=chosen.dir or "/var/tmp"))
    folder.chmod(0o755)  # servers that change their user go through it
    targets: list[Target] = []
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are stopped then too
    try:
        for name in chosen.target or TARGETS:
            targets.append(TARGETS[name](folder, (QUICK if chosen.quick else FULL).users))
        text, complete = measure(targets, chosen, folder)
        print(text)
        print(f"\n{platform.platform()}, medians of {1 if chosen.quick else chosen.rounds} rounds,"
              f" 10 KiB messages, all servers and the generator on the same cores")  # fmt: skip
        return 0 if complete else 1
    except RuntimeError as wrong:
        print(f"script/bench: {wrong}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        for target in targets:
            target.close()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
