"""One run of the bench from start to end: a folder for the servers, which are closed whatever happens."""

import argparse
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import machine


class Closing(Protocol):
    def close(self) -> None: ...


class Run(Protocol):
    failed: bool

    def servers(self) -> Iterable[Closing]: ...


AnyRun = TypeVar("AnyRun", bound=Run)


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def usual_options(
    prog: str, about: str, rounds: str, targets: Iterable[str], parts: Iterable[str]
) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog=prog, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--quick", action="store_true", help="less of everything")
    options.add_argument("--rounds", type=int, help=rounds)
    options.add_argument("--target", action="append", choices=sorted(targets), help="only these")
    options.add_argument("--only", action="append", choices=list(parts), help="only these parts")
    options.add_argument("--dir", type=Path, help="where servers keep their data (/var/tmp)")
    options.add_argument("--json", type=Path, metavar="FILE", help="every figure of every round")
    options.add_argument("--built", type=Path, required=True, help=argparse.SUPPRESS)
    return options


def as_json(
    others: machine.Others, figures: Mapping[str, Mapping[tuple[str, str], list[float]]], **more: object
) -> str:
    """Every figure of every round, by who and by part."""
    return json.dumps(
        {
            "machine": machine.describe(),
            "load_before": others.load_before,
            "other_cores": others.cores(),
            **more,
            "figures": {
                name: {f"{part}: {figure}": values for (part, figure), values in of.items()}
                for name, of in figures.items()
            },
        },
        indent=1,
        ensure_ascii=False,
    )


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
