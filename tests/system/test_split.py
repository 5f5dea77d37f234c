"""One mx in front of three stores: mail goes to where the directory says that a user lives."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from halves import DOMAIN
from shape import PATIENCE
from smtp_client import Client
from split_world import RELAY, SENDER, STORES, World, message, running


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("split")) as world:
        yield world


@pytest.fixture(autouse=True)
def all_run(world: World) -> Iterator[None]:
    yield
    for store in world.stores:
        if not store.is_running():
            store.start()
    world.await_empty()


def test_each_recipient_gets_it_where_he_lives_and_nowhere_else(world: World) -> None:
    users = [world.user(f"each{i}", i) for i in range(STORES)]
    assert world.send(*users, number=7) == 250
    for lives, user in enumerate(users):
        for store in range(STORES):
            assert world.numbers(store, user) == ([7] if store == lives else [])
    assert world.queue() == []


def test_the_way_is_encrypted_and_one_session_id_leads_through(world: World) -> None:
    user = world.user("way", 2)
    assert world.send(user) == 250
    text = world.inbox(2, user)[0]
    assert text.count(b"\r\n\tby mail.") + text.count(b" by mail.") >= 1
    received = text.partition(b"with LMTP")[2]
    assert received.startswith(b"S"), text
    mx_log, store_log = world.mx.log.read_text(), world.stores[2].log.read_text()
    line = next(line for line in store_log.splitlines() if "message accepted" in line and user in line)
    session = line.partition(" id=")[2].split()[0]
    assert f"id={session}" in mx_log and "origin=127.0.0.1" in line


def test_while_one_store_is_down_the_others_have_theirs_at_once(world: World) -> None:
    users = [world.user(f"down{i}", i) for i in range(STORES)]
    world.stores[1].stop()
    for number in range(3):
        assert world.send(*users, number=number) == 250
    assert world.numbers(0, users[0]) == world.numbers(2, users[2]) == [0, 1, 2]
    waiting = world.queue()
    assert [(row["recipient"], row["place"]) for row in waiting] == [(users[1], world.address(1))] * 3
    names = [row["name"] for row in world.mx.run("queue", "destinations")["rows"]]
    assert names == [f"{world.address(1)} lmtp"]
    assert world.send(users[0], users[2], number=3) == 250
    assert world.numbers(0, users[0]) == world.numbers(2, users[2]) == [0, 1, 2, 3]
    world.stores[1].start()
    world.await_empty()
    assert sorted(world.numbers(1, users[1])) == [0, 1, 2]


def test_the_queue_of_one_that_is_down_holds_up_nobody_else(world: World) -> None:
    """Two are down, one comes back: its mail goes there, the rest waits on; and the mx may start anew meanwhile."""
    users = [world.user(f"held{i}", i) for i in range(STORES)]
    world.stores[1].stop()
    world.stores[2].stop()
    for number in range(20):
        assert world.send(*users, number=number) == 250
    world.mx.stop()
    world.mx.start()
    world.stores[2].start()
    end = time.monotonic() + PATIENCE
    while len(world.queue()) > 20:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert sorted(world.numbers(2, users[2])) == list(range(20))
    assert {row["recipient"] for row in world.queue()} == {users[1]}
    world.stores[1].start()
    world.await_empty()
    assert sorted(world.numbers(1, users[1])) == list(range(20))


def test_an_alias_over_two_stores_reaches_each_of_its_users_once(world: World) -> None:
    one, two = world.user("alias1", 1), world.user("alias2", 2)
    # The stores have an alias of that name, too: were they asked for it, all would come twice.
    for store in world.stores:
        store.run("alias", "add", f"team@{DOMAIN}", one, two)
    team = world.lives("team", "-", f"{one},{two}")
    assert world.send(team, one, number=3) == 250
    assert (world.numbers(1, one), world.numbers(2, two)) == ([3], [3])
    assert (world.numbers(2, one), world.numbers(1, two)) == ([], [])


def test_half_an_alias_waits_for_its_store(world: World) -> None:
    one, two = world.user("half1", 1), world.user("half2", 2)
    team = world.lives("halves", "-", f"{one},{two}")
    world.stores[2].stop()
    assert world.send(team, number=4) == 250
    assert world.numbers(1, one) == [4]
    assert [row["recipient"] for row in world.queue()] == [two]
    world.stores[2].start()
    world.await_empty()
    assert (world.numbers(1, one), world.numbers(2, two)) == ([4], [4])


def test_who_moves_while_his_mail_waits_gets_it_where_he_lives_then(world: World) -> None:
    user = world.user("moves", 1)
    world.stores[1].stop()
    assert world.send(user, number=5) == 250
    world.lives("moves", world.address(2))
    world.await_empty()
    assert world.numbers(2, user) == [5]
    world.stores[1].start()
    assert world.numbers(1, user) == []


def test_what_one_store_refuses_comes_back_while_the_other_one_has_it(world: World) -> None:
    sender, full, fine = world.user("sender", 1), world.user("full", 2), world.user("fine", 0)
    for store in world.stores:
        store.run("user", "set", full, "--quota-messages", "1")
    assert world.send(full, number=1) == 250
    assert world.send(full, fine, number=2, sender=sender) == 250
    world.await_empty()
    assert (world.numbers(2, full), world.numbers(0, fine)) == ([1], [2])
    (report,) = world.inbox(1, sender)
    assert b"Action: failed" in report and b"Status: 5.2.2" in report and full.encode() in report
    with Client("127.0.0.1", world.smtp) as client:  # nobody else has it: no report, but a "no"
        client.command(f"MAIL FROM:<{sender}>".encode())
        assert client.command(f"RCPT TO:<{full}>".encode()).code == 250
        assert client.command(b"DATA").code == 354
        assert client.command(message(3)).code == 552
    assert len(world.inbox(1, sender)) == 1


def test_a_pair_of_hosts_is_one_place_and_the_second_stands_in(world: World) -> None:
    user = world.user("pair", 1)
    world.lives("pair", f"{world.address(1)},{world.address(2)}:{world.lmtp}")
    assert world.send(user, number=1) == 250
    world.stores[1].stop()
    assert world.send(user, number=2) == 250
    assert (world.numbers(2, user), world.queue()) == ([2], [])
    world.stores[1].start()
    number, end = 3, time.monotonic() + PATIENCE
    while len(world.numbers(1, user)) < 2:
        assert time.monotonic() < end
        assert world.send(user, number=number) == 250
        number += 1
        time.sleep(0.2)


@pytest.mark.parametrize("host", ["no host", "127.0.0.11,", "unix:/run/x"])
def test_a_host_that_is_none_is_temporary(world: World, host: str) -> None:
    world.lives("odd", host.replace(" ", "\\"))
    with Client("127.0.0.1", world.smtp) as client:
        client.command(f"MAIL FROM:<{SENDER}>".encode())
        assert client.command(f"RCPT TO:<odd@{DOMAIN}>".encode()).code // 100 == 4


def test_a_certificate_of_another_name_gets_no_mail(world: World) -> None:
    user = world.user("wrong", 0)
    world.lives("wrong", "127.0.0.2")  # of which the certificate knows nothing
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", world.lmtp))
        listener.listen()
        relay = subprocess.Popen(["/usr/bin/python3", "-c", RELAY, str(listener.fileno()), world.address(0), str(world.lmtp)],
                                 pass_fds=[listener.fileno()])  # fmt: skip
        assert world.send(user, number=1) == 250
        assert [row["recipient"] for row in world.queue()] == [user]
        (row,) = world.mx.run("queue", "destinations")["rows"]
        assert row["name"] == "127.0.0.2 lmtp"
        relay.kill()
        relay.wait()
    assert world.numbers(0, user) == []
    world.lives("wrong", "-")
    world.await_empty()
    assert world.numbers(0, user) == [1]


def test_a_store_that_is_killed_again_and_again_loses_nothing_and_has_nothing_twice(world: World) -> None:
    """Each message has a recipient in each store, so each answer of 250 is about all three."""
    users = [world.user(f"killed{i}", i) for i in range(STORES)]
    accepted: list[int] = []
    stop = threading.Event()

    def send(first: int) -> None:
        for number in range(first, 100_000, 4):
            if stop.is_set():
                return
            if world.send(*users, number=number) == 250:
                accepted.append(number)

    senders = [threading.Thread(target=send, args=(first,)) for first in range(4)]
    for sender in senders:
        sender.start()
    for _ in range(4):
        time.sleep(0.6)
        before = len(accepted)
        said = world.stores[1].said()
        world.stores[1].kill_role()
        end = time.monotonic() + PATIENCE
        while len(accepted) < before + 20:
            assert time.monotonic() < end
            time.sleep(0.02)
        world.stores[1].await_ready(said)
    stop.set()
    for sender in senders:
        sender.join()
    world.await_empty()
    for store, user in enumerate(users):
        got = world.numbers(store, user)
        assert set(accepted) <= set(got), "lost"
        assert len(got) == len(set(got)), "doubled"
