"""Unit tests and corpora, by Meson; each cmocka case counts."""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

from part import PYTHON, ROOT, Outcome, command

SIMULATIONS = 2  # beside each other
FOLDERS = {"release": "build", "asan": "build-asan", "tsan": "build-tsan"}
CASE = re.compile(r"^\[\s+OK\s+\] ", re.M)
BROKEN = re.compile(r"^\[  FAILED  \] (?!\d+ test)(\w+)$", re.M)
ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    # libraries of the system are not built with ThreadSanitizer
    "TSAN_OPTIONS": "halt_on_error=1:ignore_noninstrumented_modules=1",
}


def environment() -> dict[str, str]:
    return os.environ | ENVIRONMENT


def build(kind: str) -> Outcome:
    status, words = command(["script/build", kind])
    return Outcome(1, 0) if status == 0 else Outcome(0, 1, words)


def unit(kind: str, only: str | None) -> Outcome:
    folder = FOLDERS[kind]
    meson = [PYTHON, "/usr/bin/meson", "test", "-C", folder]
    names: list[str] = []
    if only is not None:
        _, listed = command([*meson, "--no-rebuild", "--list"])
        known = [line.rpartition(" / ")[2].strip() for line in listed.splitlines()]
        names = [name for name in known if only in name]
        if not names:
            return Outcome(note=f'no unit test is named "{only}"')
    log = ROOT / folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    patience = "1" if kind == "release" else "5"
    _, words = command([*meson, "-t", patience, *names], environment())
    if not log.exists():
        return Outcome(0, 1, words)
    return count(log.read_text())


def simulate(seeds: int) -> Outcome:
    """Two mirrored nodes on a simulated network, disk and clock: each seed is a story of its own."""
    program = ROOT / FOLDERS["release"] / "tests" / "test_mirror_sim"
    share = -(-seeds // SIMULATIONS)

    def run(number: int) -> tuple[int, str]:
        first = ["--first", str(1 + number * share), "--seeds", str(share)]
        return command([str(program), *first], timeout=600)

    with ThreadPoolExecutor() as threads:
        runs = list(threads.map(run, range(SIMULATIONS)))
    words = "\n".join(said for status, said in runs if status)
    return Outcome(0, 1, words) if any(status for status, _ in runs) else Outcome(1)


def count(log: str) -> Outcome:
    """Adds up the lines of Meson's log, one JSON object a test program."""
    total = Outcome()
    for line in log.splitlines():
        test = json.loads(line)
        said = (test.get("stdout") or "") + (test.get("stderr") or "")
        good, broken = len(CASE.findall(said)), len(set(BROKEN.findall(said)))
        if test["result"] == "OK":
            total.passed += max(good, 1)
        else:
            total.passed += good
            total.failed += max(broken, 1)
            total.words += f"--- {test['name']}: {test['result']}\n{said[-8000:]}\n"
    return total
