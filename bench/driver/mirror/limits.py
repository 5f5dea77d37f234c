"""What this machine could do at most while a node is filled: its disk, and a link, by programs that do nothing else."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

# Threads and bytes: as deliveries are synced, and as one writer of large records.
DISK_WAYS = ((64, 10 << 10), (1, 4 << 20))


@dataclass
class Limits:
    """MB/s."""

    disk: float  # durable appends, by the better way
    link: float  # TLS 1.3 over loopback, between two processes

    def smaller(self) -> float:
        return min(self.disk, self.link)


def result(program: Path, *words: object) -> dict[str, str]:
    said = subprocess.run([program, *map(str, words)], stdout=subprocess.PIPE, text=True, check=True).stdout
    return dict(word.split("=", 1) for word in said.split()[1:])


def measure(built: Path, folder: Path, seconds: float) -> Limits:
    disk = max(float(result(built / "limit", folder / "limit", threads, size, seconds)["mb_s"])
               for threads, size in DISK_WAYS)  # fmt: skip
    return Limits(disk, float(result(built / "limit_link", seconds)["mb_s"]))
