"""mailload beside a node: a fixed amount of work, or work until it is told to stop, with its progress over time."""

import bisect
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from network import Place

TICK_MS = 20
FOREVER = 1 << 24  # messages a connection
SECONDS_MAX = 600


@dataclass
class Tick:
    at: float  # time.monotonic()
    delivered: int


class Running:
    """A generator at work."""

    def __init__(self, words: list[str], log: Path) -> None:
        self.words = words
        self.log = log
        self.lines: list[str] = []
        self.ticks: list[Tick] = []
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            words = line.split()
            if words and words[0] == "AT":
                self.ticks.append(Tick(float(words[1]), int(words[2])))
            else:
                self.lines.append(line)

    def stop(self) -> dict[str, str]:
        self.process.terminate()
        return self.wait()

    def wait(self) -> dict[str, str]:
        self.process.wait()
        self.reader.join()
        said = "".join(self.lines)
        with self.log.open("a") as log:
            log.write(f"== {' '.join(self.words)}\n{said}\n")
        for line in self.lines:
            if line.startswith("RESULT "):
                return dict(word.split("=", 1) for word in line.split()[1:])
        raise RuntimeError(f"{' '.join(self.words)}: no result\n{said}")

    def delivered_at(self, at: float) -> int:
        index = bisect.bisect_right(self.ticks, at, key=lambda tick: tick.at)
        return self.ticks[index - 1].delivered if index else 0

    def rate(self, begin: float, end: float) -> float:
        return (self.delivered_at(end) - self.delivered_at(begin)) / (end - begin)

    def stall(self, begin: float, end: float) -> float:
        """The longest time between the two in which nothing was delivered."""
        longest, since, delivered = 0.0, begin, self.delivered_at(begin)
        for tick in self.ticks:
            if begin < tick.at < end and tick.delivered > delivered:
                longest, since, delivered = max(longest, tick.at - since), tick.at, tick.delivered
        return max(longest, end - since)


class Load:
    def __init__(self, program: Path, log: Path) -> None:
        self.program = program
        self.log = log

    def begin(self, place: Place, mode: str, protocol: str, **options: object) -> Running:
        words = [*place.inside(), str(self.program), mode, "--host", place.host,
                 "--port", str(place.ports[protocol]), "--timeout", str(SECONDS_MAX)]  # fmt: skip
        words += [word for key, value in options.items()
                  for word in ("--" + key.replace("_", "-"), str(value))]  # fmt: skip
        return Running(words, self.log)

    def run(self, place: Place, mode: str, protocol: str, **options: object) -> dict[str, str]:
        return self.begin(place, mode, protocol, **options).wait()

    def deliver(self, place: Place, connections: int, users: int) -> Running:
        """10 KiB messages until it is stopped."""
        return self.begin(place, "lmtp", "lmtp", conns=connections, msgs=FOREVER, size=10,
                          users=users, every=TICK_MS)  # fmt: skip
