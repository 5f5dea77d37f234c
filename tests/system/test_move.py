"""A user moves from one store node to another while he works."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends import DOMAIN, Backend, message, seen_by_client
from halves import PASSWORD
from shape import PATIENCE


class World:
    """Two back ends with internal directories; proxies would ask the first one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.a, self.b = Backend(folder, "a", ""), Backend(folder, "b", "")
        self.users = 0
        for node in (self.a, self.b):
            node.start()
            node.run("domain", "add", DOMAIN)

    def user(self, messages: int = 3) -> str:
        self.users += 1
        address = f"user{self.users}@{DOMAIN}"
        self.a.run("user", "add", address, text=f"{PASSWORD}\n")
        for i in range(messages):
            assert self.a.deliver(address, message(f"m{i}")) == 250
        return address

    def remove(self) -> None:
        self.a.remove()
        self.b.remove()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("move"))
    yield world
    world.remove()


def furnish(world: World, user: str) -> None:
    """Mailboxes, flags, keywords, subscriptions, what is gone."""
    client = world.a.imap(user)
    for name in ("Work", "Work/2026", "Gone", "&AOQ-"):
        client.ok(f'CREATE "{name}"')
    client.ok('SUBSCRIBE "Work/2026"')
    client.ok('SUBSCRIBE "Nowhere"')
    for i in range(40):
        client.append('"Work/2026"', message(f"w{i}", i * 500), "(\\Seen $Label)" if i % 3 else "")
    client.append("Gone", message("gone"))
    client.ok("DELETE Gone")
    client.ok("SELECT Work/2026")
    client.ok("UID STORE 5:9 +FLAGS (\\Deleted)")
    client.ok("UID EXPUNGE 5:9")
    client.ok("UID STORE 20 +FLAGS (\\Flagged Other)")
    client.ok('UID MOVE 30:33 "Work"')
    client.ok('RENAME "&AOQ-" "Work/renamed"')
    client.close()


def test_all_that_he_has_is_there_afterwards(world: World) -> None:
    user = world.user()
    furnish(world, user)
    before = seen_by_client(world.a, user)
    watching = world.a.imap(user)
    result = world.a.move(user, world.b)
    assert result["messages"] == 3 + 41 - 6 and result["sessions"] == 1
    assert watching.wait_for("BYE")[1] == "UNAVAILABLE"
    assert seen_by_client(world.b, user) == before
    assert world.a.marks()[user] == "left" and world.b.marks()[user] == "lives here"
    for node in (world.a, world.b):
        assert node.run("user", "show", user)["to_host"] == world.b.where
    # who has not heard of it is to try again
    assert world.a.login(user) == "UNAVAILABLE"
    assert world.a.login(user, "wrong") == "AUTHENTICATIONFAILED"
    assert world.a.deliver(user, message("late")) == 451
    assert world.b.deliver(user, message("late")) == 250
    for node in (world.a, world.b):
        assert node.run("store", "check")["damage"] == 0
