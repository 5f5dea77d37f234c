"""Short times in which the disk has no room, by chance from the seed, while clients work."""

import errno
import random
import threading
from pathlib import Path

from faults import FULL, Faults

PARTS = ("", "", "/store/mail/segments", "/store/mail/keys", "/store/spool")
FREE = (0.05, 0.6)  # seconds with room, and without
WITHOUT = (0.05, 0.4)


class FullDisk:
    def __init__(self, faults: Faults, data: Path) -> None:
        self.faults, self.data = faults, data
        self.times = 0  # without room, in all rounds
        self.refused = 0  # calls

    def begin(self, seed: str, round: int) -> None:
        self.over = threading.Event()
        chance = random.Random(f"{seed}/{round}/disk")
        self.thread = threading.Thread(target=self._come_and_go, args=(chance,), daemon=True)
        self.thread.start()

    def end(self) -> None:
        """There is room from now on."""
        self.over.set()
        self.thread.join()

    def _come_and_go(self, chance: random.Random) -> None:
        while not self.over.wait(chance.uniform(*FREE)):
            number = chance.choice((errno.ENOSPC, errno.EDQUOT))
            self.faults.fail(Path(f"{self.data}{chance.choice(PARTS)}"), FULL, number)
            self.times += 1
            self.over.wait(chance.uniform(*WITHOUT))
            self.faults.heal()
            self.refused += self.faults.hits
