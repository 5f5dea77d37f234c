"""A bad disk and a jumping clock under a running node: orders for tests/faults/shim.c."""

import errno
import mmap
import os
import struct
from pathlib import Path

from shape import SANITIZED, SHAPE

CREATE, WRITE, ALLOCATE, SYNC, RENAME, TRUNCATE, HINT = (1 << bit for bit in range(7))
FULL = CREATE | WRITE | ALLOCATE  # what a disk without room refuses
ALL = FULL | SYNC | RENAME | TRUNCATE
SHORT = 0  # instead of an errno: what is written ends in the middle
YEAR = 365 * 86400

LAYOUT = struct.Struct("=qQIiiI512s")  # struct orders
WORDS = struct.Struct("=IiiI512s")  # from `kinds` on
SHIFT, HITS, KINDS, LEFT = 0, 8, 16, 24


def shim() -> Path:
    """Built beside the program."""
    named = os.environ.get("ROOKERY")
    program = Path(named).resolve() if named else SHAPE.parents[1] / "build/src/cli/rookery"
    return program.parents[2] / "tests" / "faults" / "faults.so"


def why_not() -> str:
    """Why there can be no faults here, or nothing."""
    if SANITIZED:
        return "a sanitizer must be the first library of its program"
    return ""


class Faults:
    """Orders to every process of the node; they hold at once."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(LAYOUT.size))
        self.path = path
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), LAYOUT.size)

    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(shim()), "ROOKERY_FAULTS": str(self.path)}

    def fail(
        self, below: Path, kinds: int, number: int = errno.ENOSPC, calls: int = -1, skip: int = 0
    ) -> None:
        """Calls of these kinds fail on files whose path begins so; by default until `heal`.

        As many as `skip` succeed before.
        """
        self.heal()
        name = os.fsencode(below)
        WORDS.pack_into(self.map, KINDS, kinds, number, 0, skip, name)
        struct.pack_into("=Q", self.map, HITS, 0)
        struct.pack_into("=i", self.map, LEFT, calls)

    def heal(self) -> None:
        struct.pack_into("=i", self.map, LEFT, 0)

    @property
    def hits(self) -> int:
        """Calls that failed since the last order."""
        return int(struct.unpack_from("=Q", self.map, HITS)[0])

    def shift(self, seconds: int) -> None:
        """The wall clock shows that much more than the true time."""
        struct.pack_into("=q", self.map, SHIFT, seconds)
