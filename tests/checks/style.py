#!/usr/bin/python3
"""What the style asks for and a machine can see.

Files of at most 600 lines; nothing left open; a header of a folder's inside stays inside; no
file-scope variables that change, but for those named in MUTABLE; errno as base/errno_here.h has it.
Usage: style.py [ROOT]
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from includes import includes, sources  # noqa: E402

MAX_LINES = 600
LEFT_OPEN = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
LONG_FOLDERS = ("src", "tests", "bench", "script")
OPEN_FOLDERS = ("src", "script", "bench")
TEXT = {".c", ".h", ".py", ".ts", ".tsx", ".sh", ""}

# A definition at the left margin that is static, not const, not a function and not a prototype.
STATIC = re.compile(r"^static (?!.*\bconst\b)(?!inline\b)[^(]*?\b(\w+)(\[[^\]]*\])*\s*(=|;)")
ERRNO = re.compile(r"^#include <errno\.h>", re.M)
GUARDED = re.compile(r"\b(_Atomic|atomic_\w+|pthread_once_t|pthread_key_t)\b")
# Files with variables of the whole process: each says beside it what guards it.
MUTABLE = {
    "src/base/bytes.c",
    "src/base/clock.c",
    "src/base/log.c",
    "src/base/wait.c",
    "src/net/layer_tls.c",
    "src/sasl/scram_server.c",
}


def files(root: Path, folders: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            inside = path.relative_to(root).parts
            if path.is_file() and path.suffix in TEXT and "corpus" not in inside:
                yield path


def check(root: Path) -> list[str]:
    found = []
    for path in files(root, LONG_FOLDERS):
        lines = path.read_bytes().count(b"\n")
        if lines > MAX_LINES:
            found.append(f"{path.relative_to(root)}: {lines} lines: where is the second idea in it?")
    this_file = Path(__file__).resolve()
    for path in files(root, OPEN_FOLDERS):
        if path.resolve() == this_file:
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if match := LEFT_OPEN.search(line):
                found.append(f"{path.relative_to(root)}:{number}: {match[1]} left open")
    for path in sources(root / "src"):
        name = str(path.relative_to(root))
        folder = name.split("/")[1]
        for number, include in includes(path):
            if include.endswith("_internal.h") and include.split("/")[0] != folder:
                found.append(f'{name}:{number}: "{include}" is for its own folder only')
        if path.stem != "errno_here" and ERRNO.search(path.read_text()):
            found.append(f"{name}: errno comes from base/errno_here.h")
        if name in MUTABLE or path.name.startswith(("test_", "fuzz_", "bench_")):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if (match := STATIC.match(line)) and not GUARDED.search(line):
                found.append(f"{name}:{number}: static {match[1]} can change: pass it in instead")
    return found


def self_test() -> list[str]:
    source = (
        '#include <errno.h>\n#include "b/b_internal.h"\nstatic int sessions;\nstatic const int limit = 3;\n'
        "static int run(void);\n/* TODO */\nstatic struct x table[] = {\n"
    )
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in ("src/a", "tests", "script", "bench"):
            (root / folder).mkdir(parents=True)
        (root / "src/a/a.c").write_text(source)
        (root / "src/a/long.c").write_text("\n" * (MAX_LINES + 1))
        caught = {":".join(line.split(":")[:2]).split(": ")[0] for line in check(root)}
    expected = {f"src/a/a.c:{line}" for line in (2, 3, 6, 7)} | {"src/a/a.c", "src/a/long.c"}
    if caught == expected:
        return []
    return [f"style.py: self-test expected {sorted(expected)}, caught {sorted(caught)}"]


def main() -> int:
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2]
    found = self_test() + check(root)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
