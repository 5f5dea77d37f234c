"""Which `#include "folder/file.h"` lines a source file has."""

import re
from collections.abc import Iterator
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def includes(path: Path) -> Iterator[tuple[int, str]]:
    """Line number and name of every quoted include."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1]


def sources(src: Path) -> list[Path]:
    return sorted(p for p in src.rglob("*.[ch]") if p.is_file())


def closure(path: Path, src: Path) -> list[Path]:
    """The file and every header of the project that it sees, in a stable order."""
    seen: set[Path] = set()
    todo = [path]
    while todo:
        at = todo.pop()
        if at not in seen and at.is_file():
            seen.add(at)
            todo.extend(src / name for _, name in includes(at))
    return sorted(seen)
