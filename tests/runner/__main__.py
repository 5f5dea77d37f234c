"""script/test: runs the parts of a test run and counts.

The plans: by default the release build with all tests and checks; with --asan or --tsan that build
instead; with --ci all of them, clang-tidy, fuzzing, torture and the count of
instructions a delivery and a FETCH take.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import checks  # noqa: E402
import models  # noqa: E402
import system  # noqa: E402
import unit  # noqa: E402
from part import ROOT, Part, run_all  # noqa: E402

FUZZ_SECONDS = 3
TORTURE_ROUNDS = 10
MIRROR_ROUNDS = 6
QUEUE_ROUNDS = 6
TAKE_OVER_ROUNDS = 3
MOVE_ROUNDS = 3
SIMULATED_SEEDS = 10000


def source_checks(tidy: bool) -> list[Part]:
    parts = [
        Part("floors", lambda: checks.script("layers")),
        Part("style", lambda: checks.script("style")),
        Part("format", checks.format),
        Part("shell", checks.shell),
        Part("models", models.run),
    ]
    return parts + ([Part("tidy", checks.tidy)] if tidy else [])


def tests(kind: str, only: str | None, scenarios: bool) -> list[Part]:
    parts = [
        Part(f"build {kind}", lambda: unit.build(kind)),
        Part(f"unit {kind}", lambda: unit.unit(kind, only)),
    ]
    if scenarios:
        parts.append(Part(f"system {kind}", lambda: system.pytest(kind, only)))
    return parts


def main() -> int:
    options = argparse.ArgumentParser(prog="script/test", description="Runs the tests.")
    options.add_argument("--asan", action="store_true", help="the ASan+UBSan build instead")
    options.add_argument("--tsan", action="store_true", help="the TSan build, unit tests only")
    options.add_argument("--only", metavar="PATTERN", help="tests whose name has this in it")
    options.add_argument("--quick", action="store_true", help="no system tests")
    options.add_argument("--tidy", action="store_true", help="clang-tidy as well")
    options.add_argument("--ci", action="store_true", help="everything (.ci/run)")
    chosen = options.parse_args()

    if chosen.ci:
        parts = source_checks(tidy=True) + tests("release", None, True)
        parts += [
            Part("torture", lambda: system.torture(TORTURE_ROUNDS)),
            Part("torture mirror", lambda: system.torture_mirror(MIRROR_ROUNDS)),
            Part("torture queue", lambda: system.torture_queue(QUEUE_ROUNDS, "one")),
            Part("torture take-over", lambda: system.torture_queue(TAKE_OVER_ROUNDS, "take-over")),
            Part("torture move", lambda: system.torture_move(MOVE_ROUNDS)),
            Part("simulation", lambda: unit.simulate(SIMULATED_SEEDS)),
        ]
        parts.append(Part("instructions", system.instructions))
        parts += tests("asan", None, True) + tests("tsan", None, False)
        parts.append(Part("fuzz", lambda: system.fuzz(FUZZ_SECONDS)))
        return run_all(parts)
    kind = "asan" if chosen.asan else "tsan" if chosen.tsan else "release"
    parts = tests(kind, chosen.only, scenarios=not chosen.quick and kind != "tsan")
    if chosen.only is None and kind == "release":
        parts = source_checks(chosen.tidy) + parts
    return run_all(parts)


if __name__ == "__main__":
    sys.exit(main())
