"""One run of the bench from start to end: a folder for the servers, which are closed whatever happens."""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, TypeVar


class Closing(Protocol):
    def close(self) -> None: ...


class Run(Protocol):
    failed: bool

    def servers(self) -> Iterable[Closing]: ...


AnyRun = TypeVar("AnyRun", bound=Run)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def carry_out(
    chosen: argparse.Namespace,
    make: Callable[[argparse.Namespace, Path], AnyRun],
    measure: Callable[[AnyRun, argparse.Namespace], None],
) -> int:
    """The exit status."""
    folder = Path(tempfile.mkdtemp(prefix="rookery-bench-", dir=chosen.dir or "/var/tmp"))
    folder.chmod(0o755)  # servers that change their user go through it
    run = make(chosen, folder)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers are stopped then too
    try:
        measure(run, chosen)
        return 1 if run.failed else 0
    except RuntimeError as wrong:
        tell(f"script/bench: {wrong}")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        for server in run.servers():
            server.close()
        shutil.rmtree(folder, ignore_errors=True)
