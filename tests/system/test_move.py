"""A user moves from one store node to another while he works."""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from backends import DOMAIN, Backend, assert_he_works, await_mark, message, refusal, seen_by_client
from faults import FULL, Faults
from halves import PASSWORD
from move_load import run_load
from shape import PATIENCE

KILLS = int(os.environ.get("MOVE_KILLS", "8"))


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


def test_he_may_move_back_and_only_what_is_new_goes_over(world: World) -> None:
    user = world.user(50)
    assert world.a.move(user, world.b)["sent_bodies"] == 50
    for i in range(3):
        assert world.b.deliver(user, message(f"new{i}")) == 250
    client = world.b.imap(user)
    client.ok("SELECT INBOX")
    client.ok("UID STORE 1:10 +FLAGS (\\Seen)")
    client.ok("UID STORE 50 +FLAGS (\\Deleted)")
    client.ok("EXPUNGE")
    client.close()
    before = seen_by_client(world.b, user)
    assert world.b.move(user, world.a)["sent_bodies"] == 3
    assert seen_by_client(world.a, user) == before
    assert world.a.marks()[user] == "lives here" and world.b.marks()[user] == "left"
    world.b.run("user", "move", user, "--forget")
    assert world.b.marks()[user] == "forgotten"
    assert world.b.deliver(user, message("late")) == 451
    world.a.move(user, world.b)  # and once more, to an empty place
    assert seen_by_client(world.b, user) == before


def test_under_load_nothing_is_lost_and_nothing_doubled(world: World) -> None:
    user = world.user(300)

    def there_and_back() -> None:
        for _ in range(3):
            for here, there in ((world.a, world.b), (world.b, world.a)):
                time.sleep(0.2)
                assert here.move(user, there)["held_ms"] < 5000

    run_load(world, user, there_and_back)
    for node in (world.a, world.b):
        assert node.run("store", "check")["damage"] == 0


def test_what_can_not_be_is_refused_and_he_works_on(world: World, tmp_path: Path) -> None:
    user = world.user()
    a, b = world.a, world.b
    words = a.move_words(user, b)
    assert "knows no" in refusal(a, *a.move_words(f"nobody@{DOMAIN}", b))
    assert "the same host" in refusal(a, *words[:4], a.where, *words[5:])
    assert "refused" in refusal(a, *words[:6], "127.0.0.1:1")  # nobody listens
    assert "expected who" in refusal(a, "user", "move", user)
    a.run("user", "set", user, "--to-host", "third.example")
    assert "lives at third.example" in refusal(a, *words)
    a.run("user", "set", user, "--to-host", "")
    # another user of that name
    b.run("user", "add", user, text="other\n")
    assert "there is a user" in refusal(a, *words)
    b.run("user", "remove", user)
    assert_he_works(a, user)
    # his domain is not there
    a.run("domain", "add", "only.test")
    a.run("user", "add", "ann@only.test", text=f"{PASSWORD}\n")
    assert "there is no domain only.test" in refusal(a, *a.move_words("ann@only.test", b))
    assert_he_works(a, "ann@only.test")
    strange = Backend(tmp_path, "strange", "", secret="another secret of sixteen")
    shutil.copy(a.place / "ca.pem", strange.place / "ca.pem")
    strange.start()
    try:
        strange.run("domain", "add", DOMAIN)
        assert "certificate" in refusal(a, *a.move_words(user, strange)).lower()
        strange.stop()
        for name in ("chain.pem", "key.pem"):
            shutil.copy(a.place / name, strange.place / name)
        strange.start()
        assert "refuses the shared secret" in refusal(a, *a.move_words(user, strange))
        assert strange.marks() == {}
    finally:
        strange.remove()
    assert_he_works(a, user)
    assert a.move(user, b)["messages"] == 4 + 1


def test_who_tells_the_directory_himself_is_waited_for(world: World) -> None:
    user = world.user(20)
    a, b = world.a, world.b
    going = a.begin(*a.move_words(user, b, "--no-flip"))
    await_mark(a, user, "flipping")
    assert b.marks()[user] == "arrived"
    for node in (a, b):
        assert node.login(user) == "UNAVAILABLE" and node.deliver(user, message("now")) == 451
    assert "another command" in refusal(a, *a.move_words(user, b))
    a.run("user", "set", user, "--to-host", b.where)
    assert going.wait(PATIENCE) == 0
    assert_he_works(b, user)


def test_a_move_that_waits_at_the_flip_survives_both_nodes_and_may_be_undone(world: World) -> None:
    user = world.user(20)
    a, b = world.a, world.b
    before = seen_by_client(a, user)
    for end in ("undo", "go on"):
        going = a.begin(*a.move_words(user, b, "--no-flip"))
        await_mark(a, user, "flipping")
        for node in (a, b):
            node.kill()
        assert going.wait(PATIENCE) != 0
        b.start()
        a.start()
        assert a.marks()[user] == "flipping" and b.marks()[user] == "arrived"
        for node in (a, b):
            assert node.login(user) == "UNAVAILABLE"
        if end == "undo":
            a.run("user", "move", user, "--undo")
            assert user not in a.marks() and b.marks()[user] == "forgotten"
            # who has heard that he lives there, comes still
            assert b.login(user) == "UNAVAILABLE" and b.deliver(user, message("late")) == 451
            assert seen_by_client(a, user) == before
    a.run("user", "set", user, "--to-host", b.where)
    assert a.move(user, b, "--no-flip")["resumed"]
    assert a.move(user, b)["already"]
    assert seen_by_client(b, user) == before
    assert "move him back" in refusal(a, "user", "move", user, "--undo")


def test_a_target_without_room_takes_nothing_and_he_works_on(tmp_path: Path, faults: Faults) -> None:
    a, b = Backend(tmp_path, "a", ""), Backend(tmp_path, "b", "")
    user = f"ann@{DOMAIN}"
    try:
        for node in (a, b):
            node.start()
            node.run("domain", "add", DOMAIN)
        a.run("user", "add", user, text=f"{PASSWORD}\n")
        for i in range(50):
            assert a.deliver(user, message(f"m{i}", 5000)) == 250
        before = seen_by_client(a, user)
        faults.fail(tmp_path / "b", FULL, skip=5)
        assert "he works here as before" in refusal(a, *a.move_words(user, b))
        assert faults.hits > 0
        assert seen_by_client(a, user) == before
        faults.heal()
        b.kill()  # after a failed write the role wants to be started again
        b.start()
        a.move(user, b)
        assert seen_by_client(b, user) == before
    finally:
        faults.heal()
        a.remove()
        b.remove()


def test_kills_under_load_lose_nothing(world: World) -> None:
    user = world.user(100)

    def there_and_back_with_kills() -> None:
        here, there = world.a, world.b
        for _ in range(KILLS):
            going = here.begin(*here.move_words(user, there))
            time.sleep(random.uniform(0, 0.5))
            victim = random.choice((here, there))
            victim.kill()
            going.wait(2 * PATIENCE)
            victim.start()
            here.move(user, there)
            here, there = there, here
            time.sleep(0.2)

    run_load(world, user, there_and_back_with_kills)
    for node in (world.a, world.b):
        assert node.run("store", "check")["damage"] == 0


def test_what_came_of_him_may_be_dropped_where_the_other_node_is_lost(world: World) -> None:
    user = world.user(20)
    a, b = world.a, world.b
    assert "is not being moved" in refusal(a, "user", "move", user, "--undo")
    (target,) = b.roles()
    going = a.begin(*a.move_words(user, b, "--no-flip"))
    await_mark(b, user, "arrived")
    assert "undo it at" in refusal(b, "user", "move", user, "--undo")
    a.kill()
    a.start()
    going.wait(PATIENCE)
    a.run("user", "move", user, "--undo")
    assert_he_works(a, user)
    assert b.login(user) == "UNAVAILABLE"
    # half of him
    os.kill(target, signal.SIGSTOP)
    going = a.begin(*a.move_words(user, b))
    time.sleep(0.5)
    a.kill()
    os.kill(target, signal.SIGCONT)
    going.wait(PATIENCE)
    a.start()
    assert_he_works(a, user)
    if b.marks().get(user) == "arriving":
        b.run("user", "move", user, "--undo")
    assert b.marks()[user] == "forgotten"
    a.move(user, b)


def test_a_way_back_that_is_undone_leaves_the_old_place_shut(world: World) -> None:
    user = world.user(3)
    a, b = world.a, world.b
    a.move(user, b)
    before = seen_by_client(b, user)
    going = b.begin(*b.move_words(user, a, "--no-flip"))
    await_mark(b, user, "flipping")
    b.kill()
    going.wait(PATIENCE)
    b.start()
    b.run("user", "move", user, "--undo")
    assert a.login(user) == "UNAVAILABLE" and a.deliver(user, message("late")) == 451
    assert seen_by_client(b, user) == before
    b.move(user, a)
    assert seen_by_client(a, user) == before


def test_a_kill_at_any_moment_leaves_him_whole_on_one_side(world: World) -> None:
    user = world.user(400)
    here, there = world.a, world.b
    before = seen_by_client(here, user)
    states: Counter[str] = Counter()
    for _ in range(KILLS):
        if there.marks().get(user) == "left" and random.random() < 0.7:
            there.run("user", "move", user, "--forget")
        going = here.begin(*here.move_words(user, there))
        time.sleep(random.uniform(0.01, 0.13))
        victim = random.choice((here, there))
        victim.kill()
        going.wait(2 * PATIENCE)
        victim.start()
        states[here.marks().get(user, "none")] += 1
        open_nodes = [node for node in (here, there) if node.login(user) == ""]
        assert len(open_nodes) <= 1
        for node in open_nodes:
            assert seen_by_client(node, user) == before
        here.move(user, there)
        assert here.login(user) == "UNAVAILABLE"
        assert seen_by_client(there, user) == before
        here, there = there, here
    print("a kill found him:", dict(states))
    for node in (here, there):
        assert node.run("store", "check")["damage"] == 0
