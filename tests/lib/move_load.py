"""Mail and flags for a user while he moves between two back ends."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from backends import Backend, message
from halves import PASSWORD
from imap_client import Imap
from shape import PATIENCE


class World(Protocol):
    """Two back ends; the first one is the directory that proxies ask."""

    a: Backend
    b: Backend


class Proxy:
    """Goes where the user was last; told to try again, it asks the directory."""

    def __init__(self, world: World, user: str) -> None:
        self.world, self.user = world, user
        self.node = world.a
        self.turn()

    def turn(self) -> None:
        done = self.world.a.command("user", "show", self.user)
        if done.returncode == 0:
            there = json.loads(done.stdout)["to_host"] == self.world.b.where
            self.node = self.world.b if there else self.world.a


class Deliverer(threading.Thread):
    def __init__(self, world: World, user: str, name: str) -> None:
        super().__init__()
        self.proxy, self.user, self.label = Proxy(world, user), user, name
        self.taken: list[str] = []
        self.unsure: list[str] = []  # nobody said whether they were taken
        self.refused: list[int] = []
        self.stopping = threading.Event()
        self.ended = False  # in order

    def run(self) -> None:
        for i in itertools.count():
            if self.stopping.is_set():
                self.ended = True
                return
            name = f"{self.label}-{i}"
            while (code := self.proxy.node.deliver(self.user, message(name, i % 7 * 300))) != 250:
                if code == 0:
                    self.unsure.append(name)
                elif code != 451:
                    self.refused.append(code)
                    return
                self.proxy.turn()
            self.taken.append(name)


class Flagger(threading.Thread):
    """Sets keywords of its own on the first messages, one after the other."""

    def __init__(self, world: World, user: str, label: str) -> None:
        super().__init__()
        self.proxy, self.user, self.label = Proxy(world, user), user, label
        self.done: list[tuple[int, str]] = []
        self.refused: list[str] = []
        self.stopping = threading.Event()
        self.ended = False  # in order

    def run(self) -> None:
        client: Imap | None = None
        for i in itertools.count():
            if self.stopping.is_set():
                self.ended = True
                return
            uid, keyword = i % 20 + 1, f"{self.label}{i // 20 % 20}"
            while True:
                try:
                    if client is None:
                        client = Imap(self.proxy.node.node)
                        answer = client.command(f'LOGIN "{self.user}" {PASSWORD}')
                        if answer.status == "OK":
                            answer = client.command("SELECT INBOX")
                    else:
                        answer = client.command(f"UID STORE {uid} +FLAGS ({keyword})")
                        if answer.status == "OK":
                            self.done.append((uid, keyword))
                            break
                    if answer.status == "OK":
                        continue
                    if answer.code != "UNAVAILABLE":
                        self.refused.append(f"{answer.status} {answer.code}")
                        return
                except (EOFError, OSError):
                    pass
                except AssertionError as error:  # "* BYE" in place of an answer is read as untagged
                    self.refused.append(str(error))
                    return
                if client:
                    client.close()
                client = None
                self.proxy.turn()


def run_load(world: World, user: str, move: Callable[[], None]) -> None:
    """Nothing that was answered is lost, nothing is there twice."""
    deliverers = [Deliverer(world, user, f"d{n}") for n in range(3)]
    flaggers = [Flagger(world, user, f"k{n}x") for n in range(2)]
    threads = [*deliverers, *flaggers]
    for thread in threads:
        thread.start()
    try:
        move()
    finally:
        for thread in threads:
            thread.stopping.set()
        for thread in threads:
            thread.join(PATIENCE)
    for thread in threads:
        assert thread.ended and not thread.refused
    node = next(node for node in (world.a, world.b) if node.login(user) == "")
    client = node.imap(user)
    client.ok("SELECT INBOX")
    fetched = client.ok("UID FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])").of("FETCH")
    client.close()
    subjects: Counter[str] = Counter()
    flags: dict[int, set[str]] = {}
    for _, values in fetched:
        pairs = dict(zip(values[::2], values[1::2], strict=True))
        flags[pairs["UID"]] = set(pairs["FLAGS"])
        subjects[next(bytes(v) for v in values if isinstance(v, bytes)).decode().split()[1]] += 1
    for deliverer in deliverers:
        assert len(deliverer.taken) > 3
        sure = set(deliverer.taken) - set(deliverer.unsure)
        assert {name: subjects[name] for name in sure if subjects[name] != 1} == {}
        assert {name for name in deliverer.taken if subjects[name] < 1} == set()
    for flagger in flaggers:
        assert flagger.done and {(uid, key) for uid, key in flagger.done if key not in flags[uid]} == set()
