#!/usr/bin/python3
"""A folder under src/ includes only itself and floors below.

Usage: layers.py [SRC]    exits with 1 and names file and line of each include that points up or across.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from includes import includes, sources  # noqa: E402

FLOORS = [
    ["base"],
    ["net", "conf"],
    ["dns", "message", "sasl", "envelope", "sieve", "http"],
    ["store", "filter"],
    ["mail", "groupware", "directory", "mirror", "queue", "keys", "acme", "lists"],
    ["reports", "move"],
    ["admin", "smtp", "lmtp", "imap", "pop3", "managesieve", "dav", "webmail"],
    ["proxy"],
    ["roles"],
    ["cli"],
]
FLOOR_OF = {folder: floor for floor, folders in enumerate(FLOORS) for folder in folders}


def problem(folder: str, name: str, src: Path) -> str | None:
    """What is wrong with `#include "name"` in a file of this folder."""
    other, slash, _ = name.partition("/")
    if not slash:
        return f'include "{name}" must be written as "folder/file.h"'
    if folder not in FLOOR_OF:
        return f"folder {folder}/ stands on no floor (see FLOORS in tests/checks/layers.py)"
    if other not in FLOOR_OF:
        return f'"{name}": folder {other}/ stands on no floor'
    if not (src / name).is_file():
        return f'"{name}" does not exist'
    if other == folder:
        return None
    if FLOOR_OF[other] > FLOOR_OF[folder]:
        return f'"{name}" is on floor {FLOOR_OF[other]}, above {folder}/ on {FLOOR_OF[folder]}'
    if FLOOR_OF[other] == FLOOR_OF[folder]:
        return f'"{name}" is on the same floor as {folder}/'
    return None


def check(src: Path) -> list[str]:
    found = []
    for path in sources(src):
        folder = path.relative_to(src).parts[0]
        for number, name in includes(path):
            if wrong := problem(folder, name, src):
                found.append(f"src/{path.relative_to(src)}:{number}: {wrong}")
    return found


def self_test() -> list[str]:
    """The check must catch one violation of each kind, and nothing else."""
    files = {
        "base/a.h": '#include "store/s.h"\n',  # up
        "net/n.h": '#include "conf/c.h"\n',  # same floor
        "conf/c.h": '#include "base/a.h"\n',  # down: right
        "store/s.h": '#include "s_internal.h"\n',  # no folder
        "store/t.h": '\n# include "store/s.h"\n#include <stdio.h>\n',  # itself: right
        "misc/m.h": '#include "base/a.h"\n',  # no floor
    }
    expected = {"src/base/a.h:1", "src/net/n.h:1", "src/store/s.h:1", "src/misc/m.h:1"}
    with tempfile.TemporaryDirectory() as name:
        src = Path(name)
        for path, text in files.items():
            (src / path).parent.mkdir(exist_ok=True)
            (src / path).write_text(text)
        caught = {":".join(line.split(":")[:2]) for line in check(src)}
    if caught == expected:
        return []
    return [f"layers.py: self-test expected {sorted(expected)}, caught {sorted(caught)}"]


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    src = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "src"
    found = self_test() + check(src)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
