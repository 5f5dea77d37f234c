"""What else the machine does while it measures: figures are worth what this says."""

import os
import platform
import resource
import time
from collections.abc import Callable


def describe() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{platform.platform()}, {os.cpu_count()} cores, {memory:.0f} GiB"


class Others:
    """The load average before the bench began, and the CPU time that others took while it ran."""

    def __init__(self, server_seconds: Callable[[], float]) -> None:
        self.load_before = os.getloadavg()[0]
        self.server_seconds = server_seconds
        self.begun = time.monotonic()
        self.busy = _busy_seconds()
        self.ours = self._our_seconds()

    def _our_seconds(self) -> float:
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return self.server_seconds() + sum(one.ru_utime + one.ru_stime for one in used)

    def cores(self) -> float:
        """Cores that others kept busy, on average since the start."""
        spent = time.monotonic() - self.begun
        others = _busy_seconds() - self.busy - (self._our_seconds() - self.ours)
        return max(others / spent, 0.0)

    def text(self) -> str:
        return (
            f"load average {self.load_before:.1f} before it began and {os.getloadavg()[0]:.1f} at the"
            f" end; meanwhile other processes took {self.cores():.1f} of {os.cpu_count()} cores"
        )


def _busy_seconds() -> float:
    with open("/proc/stat") as stat:
        fields = [int(word) for word in stat.readline().split()[1:9]]
    idle = fields[3] + fields[4]
    return (sum(fields) - idle) / os.sysconf("SC_CLK_TCK")
