"""Checks of the source itself: floors, style, format, shell, clang-tidy."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from part import PYTHON, ROOT, Outcome, command

sys.path.insert(0, str(ROOT / "tests" / "checks"))
from includes import closure, sources  # noqa: E402

CLANG = 14  # other versions lay out and warn differently; this one decides
CACHE = ROOT / "build" / "tidy"
SHELL = re.compile(rb"^#!.*\bbash\b")
LIBRARIES = ["libcrypto", "libssl", "icu-uc", "icu-i18n", "jansson", "libmicrohttpd", "libargon2", "libpq"]


def script(name: str) -> Outcome:
    status, words = command([PYTHON, f"tests/checks/{name}.py"])
    return Outcome(0, max(len(words.splitlines()), 1), words) if status else Outcome(1)


def clang_tool(name: str) -> tuple[str | None, str]:
    """The tool of the version that decides, or why there is none."""
    if found := shutil.which(f"{name}-{CLANG}"):
        return found, ""
    status, words = command([name, "--version"])
    version = re.search(r"version (\d+)", words)
    if status == 0 and version and int(version[1]) == CLANG:
        return name, ""
    return None, f"left out: needs {name} {CLANG}, here is {version[1] if version else 'none'}"


def format() -> Outcome:
    tool, why_not = clang_tool("clang-format")
    if tool is None:
        return Outcome(note=why_not)
    files = sources(ROOT / "src") + sources(ROOT / "tests") + sources(ROOT / "bench")
    status, words = command([tool, "--dry-run", "--Werror", *map(str, files)])
    broken = {line.split(":")[0] for line in words.splitlines() if "error:" in line}
    if status == 0:
        return Outcome(len(files))
    return Outcome(len(files) - len(broken), max(len(broken), 1), words)


def shell() -> Outcome:
    scripts = [
        path
        for folder in ("script", ".ci", "bench", "tests")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and SHELL.match(path.read_bytes()[:64])
    ]
    status, words = command(["shellcheck", "-x", *map(str, scripts)])
    return Outcome(0, 1, words) if status else Outcome(len(scripts))


def tidy() -> Outcome:
    """clang-tidy over each file that changed (or sees a changed header) since it was last clean.

    Tests and fuzz targets are left to compilers and sanitizers: half the time, little found.
    """
    tool, why_not = clang_tool("clang-tidy")
    if tool is None:
        return Outcome(note=why_not)
    src = ROOT / "src"
    tests = ("test_", "fuzz_")
    files = [p for p in sources(src) if p.suffix == ".c" and not p.name.startswith(tests)]
    asked = ["pkg-config", "--cflags", *LIBRARIES]
    flags = subprocess.run(asked, capture_output=True, text=True).stdout.split()
    options = ["-std=gnu17", "-D_GNU_SOURCE", '-DROOKERY_VERSION="0"', f"-I{src}", *flags]
    rules = (ROOT / ".clang-tidy").read_bytes() + " ".join(options).encode()
    CACHE.mkdir(parents=True, exist_ok=True)

    def one(path: Path) -> str:
        digest = hashlib.sha256(rules)
        for seen in closure(path, src):
            digest.update(seen.read_bytes())
        clean = CACHE / digest.hexdigest()
        if clean.exists():
            return ""
        status, words = command([tool, "--quiet", str(path), "--", *options], timeout=300)
        if status == 0:
            clean.touch()
            return ""
        return words or f"{path}: clang-tidy failed"

    with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        said = [words for words in workers.map(one, files) if words]
    return Outcome(len(files) - len(said), len(said), "\n".join(said))
