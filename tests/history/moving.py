"""One `rookery user move`, asked for over the control socket, which tells what it is at."""

import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from history.wire import LocalWire, Lost

if TYPE_CHECKING:
    from backends import Backend

# As it tells of them; docs/move.md
PHASES = ("copying", "copying what changed", "holding him", "telling the directory", "opening")
BEHIND = "behind it"  # it has been answered for


class Moving(threading.Thread):
    """In a thread of its own. `reached` is called there, once, as soon as it tells of the phase: when it
    never does, at its end."""

    def __init__(self, user: str, source: "Backend", target: "Backend", phase: str = "",
                 reached: Callable[[], None] = lambda: None) -> None:  # fmt: skip
        super().__init__(daemon=True)
        self.user, self.source, self.target = user, source, target
        self.phase, self.reached = phase, reached
        self.told: list[tuple[float, str]] = []  # when, which phase
        self.answer: dict[str, Any] = {}  # empty: it was lost

    def run(self) -> None:
        try:
            self.ask()
        except Lost:
            pass
        self.hear(BEHIND)
        self.reach()

    def ask(self) -> None:
        words = {"command": "user move", "arguments": [self.user, self.source.where, self.target.where],
                 "options": {"at": f"127.0.0.1:{self.target.moves}"}}  # fmt: skip
        wire = LocalWire(self.source.place / self.source.config.stem)
        wire.socket.settimeout(60)
        try:
            wire.send(json.dumps(words).encode() + b"\n")
            while "ok" not in self.answer:
                line = json.loads(wire.line())
                if "progress" in line:
                    self.hear(line["progress"])
                else:
                    self.answer = line
        finally:
            wire.close()

    def hear(self, what: str) -> None:
        if not self.told or self.told[-1][1] != what:
            self.told.append((time.monotonic(), what))
        if what == self.phase:
            self.reach()

    def reach(self) -> None:
        reached, self.reached = self.reached, lambda: None
        reached()

    @property
    def error(self) -> str:
        """Empty: it is done."""
        return "" if self.answer.get("ok") else str(self.answer.get("error", "nobody answered"))
