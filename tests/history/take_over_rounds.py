"""Rounds of two nodes that mirror each other, of which one dies with its queue: the other one takes over
what is left, and the first one comes back. What it was sending when it died may have arrived; in a
mailbox here it is there once all the same.
"""

import random
import time
from pathlib import Path

import ports
from halves import Half, Halves
from history.queue_rounds import BACKLOG_RATE, EMPTY_WITHIN, SECONDS, Part, QueueRounds, Round

TAKE_OVER = 2  # seconds, behind three of silence


class TakeOverRounds(QueueRounds):
    """Of two, each with a store."""

    def start(self, folder: Path, smart: str) -> list[Halves]:
        (self.link,) = ports.free(1, width=2)
        mirror = "    mirror {{\n        listen 127.0.0.1:{};\n        silence 3s;\n    }}\n"
        queue = f"    queue {{\n        take_over {TAKE_OVER}s;\n    }}\n"
        nodes = []
        for name in "ab":
            (folder / name).mkdir()
            nodes.append(Halves(folder / name, smart + queue + mirror.format(self.link + 1),
                                mirror.format(self.link)))  # fmt: skip
            nodes[-1].start()
        one, other = nodes
        peer = f"127.0.0.1:{self.link}"
        for first, second in ((one.mx, other.mx), (one.store, other.store)):
            second.run("mirror", "pair", peer, first.run("mirror", "pair", peer)["key"])
            self.await_in_sync([first, second])
        one.store.run("domain", "add", "halves.test")
        return nodes

    def parts(self) -> list[Part]:
        return [self.take_over]

    def await_in_sync(self, halves: list[Half]) -> None:
        end = time.monotonic() + EMPTY_WITHIN
        for half in halves:
            while (status := half.run("mirror", "status"))["state"] != "in sync":
                assert time.monotonic() < end, status
                time.sleep(0.05)

    def take_over(self, this: Round, chance: random.Random, number: int) -> None:
        """A backlog for mailboxes here and for servers elsewhere, and whose it is dies while it gets less."""
        lost, left = chance.sample(self.nodes, 2)
        for client in self.outside + self.users:
            client.place = self.place(lost)
        self.halves = lost
        self.remember()
        over = self.begin(self.users, number)
        time.sleep(SECONDS / 2)
        self.end(this, self.users, over)
        lost.store.stop()
        over = self.begin(self.outside, number)
        time.sleep(SECONDS)
        self.end(this, self.outside, over)
        waits = self.queued()["waiting"]
        if chance.random() < 0.5:
            self.sink.open()
        lost.store.start()
        lost.mx.run("queue", "flush")
        time.sleep(chance.random() * waits / BACKLOG_RATE)
        self.lose(this, lost, chance.choice(["mx", "all"]))
        self.halves = left
        if chance.random() < 0.5:
            self.await_taken_over(this, left)
        else:  # it comes back in the middle
            self.sink.open()
            time.sleep(3 + TAKE_OVER + chance.uniform(0, 2))
        for half in (lost.store, lost.mx):
            if not half.is_running():
                half.start()
        self.await_in_sync([half for node in self.nodes for half in (node.mx, node.store)])
        verified = left.store.run("mirror", "verify")
        this.wrong += [f"the two differ: {verified}"] if verified["damage"] else []

    def lose(self, this: Round, lost: Halves, how: str) -> None:
        lost.mx.kill()
        this.kills.note(time.monotonic())
        if how == "all":
            lost.store.kill()
        this.deaths.append(how)
        self.kills[how] += 1

    def await_taken_over(self, this: Round, left: Halves) -> None:
        self.sink.open()
        end = time.monotonic() + EMPTY_WITHIN
        while (waiting := self.queued(left))["rows"]:
            if time.monotonic() > end:
                this.wrong.append(f"not taken over: {waiting}")
                return
            left.mx.run("queue", "flush")
            time.sleep(0.1)
