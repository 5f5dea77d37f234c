"""Scenarios against the real program: pytest, torture, fuzzing, instructions counted."""

import os
import tempfile
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from part import PYTHON, ROOT, Outcome, command
from unit import FOLDERS, environment


# Pages about several nodes wait for most of their time: each kind is a run beside the others.
CLUSTERS = [
    ("test_mirror",),
    ("test_cluster", "test_front_ends", "test_move", "test_proxy", "test_shape", "test_split"),
]
# What the sanitizers see elsewhere: tools of the tests themselves, and whole clusters of the same roles.
RELEASE_ONLY = ("test_crowd_checker", "test_history_checker", "test_pair_checker", "test_queue_ledger",
                "test_shape")  # fmt: skip
PAGES_SECONDS = 1500  # for one run


def pytest(kind: str, only: str | None) -> Outcome:
    """Some runs beside each other."""
    program = ROOT / FOLDERS[kind] / "src" / "cli" / "rookery"
    if not program.is_file():
        return Outcome(0, 1, f"{program.relative_to(ROOT)} is not there")
    if only:
        found = _pages(program, ["-k", only, "tests/system"])
        # 5: nothing matched
        return Outcome(note=f'no scenario is named "{only}"') if found.status == 5 else found.outcome
    pages = sorted(str(page.relative_to(ROOT)) for page in (ROOT / "tests/system").glob("test_*.py"))
    if kind != "release":
        pages = [page for page in pages if not Path(page).name.startswith(RELEASE_ONLY)]
    runs = [[page for page in pages if Path(page).name.startswith(names)] for names in CLUSTERS]
    runs.append([page for page in pages if not any(page in run for run in runs)])
    with ThreadPoolExecutor() as threads:
        all_of_them = [run.outcome for run in threads.map(lambda some: _pages(program, some), runs)]
    notes = [outcome.note for outcome in all_of_them if outcome.note]
    return Outcome(sum(outcome.passed for outcome in all_of_them), sum(outcome.failed for outcome in all_of_them),
                   "\n".join(outcome.words for outcome in all_of_them), ", ".join(notes))  # fmt: skip


class _Run(NamedTuple):
    status: int  # pytest's
    outcome: Outcome


def _pages(program: Path, which: list[str]) -> _Run:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        words = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", "--durations=12"]
        # its own: pytest closes the usual folder to others, also to roles of a run beside this one
        words += [f"--basetemp={folder}/t", f"--junitxml={report}", *which]
        status, said = command(words, environment() | {"ROOKERY": str(program)}, timeout=PAGES_SECONDS)
        if not report.exists():
            return _Run(status, Outcome(0, 1, said))
        suite = next(xml.parse(report).getroot().iter("testsuite"))
    count = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
    failed = count["failures"] + count["errors"]
    passed = count["tests"] - failed - count["skipped"]
    note = f"{count['skipped']} skipped" if count["skipped"] else ""
    return _Run(status, Outcome(passed, failed or int(status != 0), said, note))


def torture(rounds: int) -> Outcome:
    status, said = command(["script/torture", "--rounds", str(rounds)], timeout=600)
    return Outcome(0, 1, said) if status else Outcome(1)


def torture_mirror(rounds: int) -> Outcome:
    if os.getuid() != 0:
        return Outcome(note="two nodes and a wire between them need root")
    status, said = command(["script/torture", "mirror", "--rounds", str(rounds)], timeout=600)
    return Outcome(0, 1, said) if status else Outcome(1)


def torture_queue(rounds: int, scenario: str) -> Outcome:
    words = ["script/torture", "queue", "--rounds", str(rounds), "--scenario", scenario]
    status, said = command(words, timeout=600)
    return Outcome(0, 1, said) if status else Outcome(1)


def torture_move(rounds: int) -> Outcome:
    status, said = command(["script/torture", "move", "--rounds", str(rounds)], timeout=600)
    return Outcome(0, 1, said) if status else Outcome(1)


def instructions() -> Outcome:
    """Each figure counts one; script/bench ends the line of one that grew with "grew"."""
    status, said = command(["script/bench", "--instructions"], timeout=600)
    figures = [line for line in said.splitlines() if line.startswith("| ") and "recorded" not in line]
    grew = sum("grew" in line for line in figures)
    if status and not grew:
        return Outcome(0, 1, said)
    return Outcome(len(figures) - grew, grew, said)


def fuzz(seconds: int) -> Outcome:
    """Each target counts one; script/fuzz prints "ok NAME" or "FAILED NAME"."""
    _, said = command(["script/fuzz", "--seconds", str(seconds)], timeout=1200)
    lines = said.splitlines()
    passed = sum(line.startswith("ok ") for line in lines)
    failed = sum(line.startswith("FAILED ") for line in lines)
    return Outcome(passed, failed, said)
