"""A part of a test run: a name, what it runs, and how many passed and failed."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    words: str = ""  # shown whole when something failed, else only its last line as a note
    note: str = ""


@dataclass
class Part:
    name: str
    run: Callable[[], Outcome]


def command(
    words: list[str], environment: Mapping[str, str] | None = None, timeout: float | None = None
) -> tuple[int, str]:
    """Runs it in the project's folder: exit status, and all that it printed."""
    try:
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=dict(environment) if environment is not None else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired as late:
        text = late.stdout or b""
        words_so_far = text if isinstance(text, str) else text.decode(errors="replace")
        return 124, words_so_far + f"\nnot done after {timeout:.0f} s: {' '.join(words)}\n"
    return done.returncode, done.stdout


def run_all(parts: list[Part]) -> int:
    """Runs every part, whatever the others do; the last line counts all; exit status."""
    passed = failed = 0
    for part in parts:
        print(f"{part.name} …", end="\r" if sys.stdout.isatty() else "\n", flush=True)
        begun = time.monotonic()
        try:
            outcome = part.run()
        except Exception as broken:  # a part that breaks is a failure of that part only
            outcome = Outcome(0, 1, f"{type(broken).__name__}: {broken}")
        if not outcome.passed and not outcome.failed and not outcome.note:
            outcome = Outcome(0, 1, f"{outcome.words}\n{part.name}: nothing ran")
        passed += outcome.passed
        failed += outcome.failed
        if outcome.failed:
            print(outcome.words.rstrip())
        words = f"{outcome.passed} passed" + (f", {outcome.failed} FAILED" if outcome.failed else "")
        note = f"  ({outcome.note})" if outcome.note else ""
        print(f"{part.name:<24} {words:<24} {time.monotonic() - begun:6.1f} s{note}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
