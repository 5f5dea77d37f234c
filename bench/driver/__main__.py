"""script/bench: measures Rookery beside postfix + dovecot, and Cyrus, on this machine, in turn, and prints a table.

Medians of interleaved rounds. All servers and the load generator share the same cores; ratios are
of one run. ROOKERY names another program than the release build's.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "script" / "cluster")]
import machine  # noqa: E402
import report  # noqa: E402
from cyrus import Cyrus  # noqa: E402
from measurement import carry_out, tell  # noqa: E402
from ours import Rookery  # noqa: E402
from peers import Peers  # noqa: E402
from target import Target  # noqa: E402
from workload import FULL, QUICK, WORKLOADS, Generator, Size, fill  # noqa: E402

TARGETS: dict[str, type[Target]] = {"rookery": Rookery, "peers": Peers, "cyrus": Cyrus}


class Run:
    def __init__(self, chosen: argparse.Namespace, folder: Path) -> None:
        self.size: Size = QUICK if chosen.quick else FULL
        self.rounds: int = chosen.rounds
        self.folder = folder
        self.built: Path = chosen.built
        self.generator = Generator(self.built / "mailload", self.size, folder / "log")
        self.workloads = [w for w in WORKLOADS if chosen.only.lower() in w.name.lower()
                          and (chosen.only or not (chosen.quick and w.ours_only))]  # fmt: skip
        self.targets: list[Target] = []
        self.figures: report.Figures = {}
        self.limits: dict[int, list[float]] = {64: [], 256: []}
        self.failed = False

    def servers(self) -> list[Target]:
        return self.targets

    def disk_limit(self, writers: int) -> float:
        """Durable appends of 10 KiB a second by so many writers."""
        words = [self.built / "limit", self.folder / "limit", str(writers), "10240",
                 str(self.size.limit_seconds)]  # fmt: skip
        said = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
        return float(dict(word.split("=") for word in said.split()[1:])["rate"])

    def start(self, names: list[str]) -> None:
        for name in names:
            target = TARGETS[name](self.folder, self.size.users)
            self.targets.append(target)
            self.figures[name] = {}
            begun = time.monotonic()
            target.start()
            fill(target, self.generator, self.rounds, big=any(w.big for w in self.workloads))
            tell(f"{name} started and filled, {time.monotonic() - begun:.0f} s")

    def round(self, number: int) -> None:
        for writers, rates in self.limits.items():
            rates.append(self.disk_limit(writers))
        order = self.targets if number % 2 else self.targets[::-1]
        for workload in self.workloads:
            if workload.once and number > 1 and self.size.once:
                continue
            for target in order:
                if not target.takes_part(workload.name, workload.ours_only):
                    continue
                begun = time.monotonic()
                try:
                    got = workload.run(target, self.generator, number)
                except RuntimeError as wrong:  # its row stays empty, the others go on
                    tell(f"{target.name}, {workload.name}: {wrong}")
                    self.failed = True
                    continue
                seconds = time.monotonic() - begun
                tell(f"round {number}: {workload.name}, {target.name}, {seconds:.0f} s")
                for figure, value in got.items():
                    key = (workload.name, figure)
                    self.figures[target.name].setdefault(key, []).append(value)

    def limit_medians(self) -> dict[int, float]:
        return {writers: statistics.median(rates) for writers, rates in self.limits.items()}


def arguments() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        prog="script/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="little work a round; within 3 minutes")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--target", action="append", choices=sorted(TARGETS), help="only these")
    options.add_argument("--only", default="", help="workloads whose name has this in it")
    options.add_argument("--dir", type=Path, help="where servers keep their data (/var/tmp)")
    options.add_argument("--json", type=Path, metavar="FILE", help="every figure of every round")
    options.add_argument("--built", type=Path, required=True, help=argparse.SUPPRESS)
    return options.parse_args()


def as_json(run: Run, others: machine.Others, found: report.Medians) -> str:
    def nested(figures: dict[report.Key, object]) -> dict[str, dict[str, object]]:
        result: dict[str, dict[str, object]] = {}
        for (workload, figure), value in figures.items():
            result.setdefault(workload, {})[figure] = value
        return result

    return json.dumps(
        {
            "machine": machine.describe(),
            "load_before": others.load_before,
            "other_cores": others.cores(),
            "rounds": run.rounds,
            "size": vars(run.size),
            "disk_limit_per_s": run.limits,
            "durability": {target.name: target.durability for target in run.targets},
            "medians": {name: nested(dict(of)) for name, of in found.items()},
            "figures": {name: nested(dict(of)) for name, of in run.figures.items()},
        },
        indent=1,
        ensure_ascii=False,
    )


def measure(run: Run, chosen: argparse.Namespace) -> None:
    others = machine.Others(lambda: sum(target.account.cpu_seconds() for target in run.targets))
    begun = time.monotonic()
    run.start([name for name, target in TARGETS.items() if name in (chosen.target or TARGETS)
               and any(target.takes_part(w.name, w.ours_only) for w in run.workloads)])  # fmt: skip
    for number in range(1, run.rounds + 1):
        run.round(number)
    limits = run.limit_medians()
    found = report.medians(run.figures, limits)
    print(report.table([target.name for target in run.targets], found, limits))
    print(f"\n10 KiB messages, {run.size.users} users, "
          f"{f'medians of {run.rounds} rounds' if run.rounds > 1 else 'one round'}"
          f"{' (IDLE: one)' if run.size.once else ''}, {time.monotonic() - begun:.0f} s.")  # fmt: skip
    print(f"{machine.describe()}; {others.text()}.")
    for target in run.targets:
        print(f"Durability, {target.name}: {target.durability}.")
    if chosen.json:
        chosen.json.write_text(as_json(run, others, found) + "\n")


def main() -> int:
    return carry_out(arguments(), Run, measure)


if __name__ == "__main__":
    sys.exit(main())
