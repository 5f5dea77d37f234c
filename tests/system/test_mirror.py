"""Two nodes that are each the other's mirror: what users and operators see of it."""

import contextlib
import json
import os
import shutil
import smtplib
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import shape as shapes
from imap_client import Imap, uid_set
from mirror import Mirror
from pop3_client import Pop3
from shape import Node, User, wait_for_mail

SILENCE = 2  # seconds, the default
KEY = "rookery-1-"
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="cutting a wire needs network namespaces")


@contextlib.contextmanager
def started(folder: Path, users: int) -> Iterator[Mirror]:
    shapes.open_to_roles(folder)
    shape = shapes.up("mirror", folder / "m", users)
    yield Mirror(shape)
    shapes.down(folder / "m")


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mirror]:
    """For tests that leave both nodes linked."""
    with started(tmp_path_factory.mktemp("mirror"), 40) as mirror:
        yield mirror


@pytest.fixture
def own_mirror(tmp_path: Path) -> Iterator[Mirror]:
    with started(tmp_path, 4) as mirror:
        yield mirror


@pytest.fixture
def user(mirror: Mirror) -> User:
    return mirror.shape.fresh_user()


def mail(subject: str) -> bytes:
    return f"Subject: {subject}\r\nMessage-ID: <{subject}@test>\r\n\r\nbody of {subject}\r\n".encode()


def imap(node: Node, user: User, mailbox: str = "INBOX") -> Imap:
    client = Imap(node, user, tls=True)
    client.ok(f"SELECT {mailbox}")
    return client


def flags(client: Imap) -> dict[int, set[str]]:
    """By UID, but \\Recent."""
    found = client.ok("FETCH 1:* (UID FLAGS)").fetched() if exists(client) else {}
    return {items["UID"]: {*items["FLAGS"]} - {"\\Recent"} for items in found.values()}


def exists(client: Imap) -> int:
    return int(client.ok("STATUS INBOX (MESSAGES)").one("STATUS")[1][1])


def subjects(client: Imap) -> list[str]:
    fetched = client.ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])").fetched()
    return sorted(
        next(iter(items.values())).decode().removeprefix("Subject: ").strip()
        for items in fetched.values()
    )


def test_what_either_node_took_both_serve_with_the_same_uids(mirror: Mirror, user: User) -> None:
    for number in range(6):
        (mirror.a, mirror.b)[number % 2].send([user], mail(f"n{number}"))
    for node in (mirror.a, mirror.b):
        client = imap(node, user)
        assert subjects(client) == [f"n{number}" for number in range(6)]
        assert sorted(flags(client)) == [1, 2, 3, 4, 5, 6]


def test_a_change_at_one_node_wakes_a_client_at_the_other(mirror: Mirror, user: User) -> None:
    here, there = imap(mirror.a, user), imap(mirror.b, user)
    tag = there.begin("IDLE")
    there.continuation()
    mirror.a.send([user], mail("news"))
    assert there.wait_for("EXISTS")[0] == 1
    here.ok("NOOP")
    here.ok("STORE 1 +FLAGS (\\Flagged)")
    assert there.wait_for("FETCH")[0] == 1
    here.ok("STORE 1 +FLAGS (\\Deleted)")
    here.ok("EXPUNGE")
    assert there.wait_for("EXPUNGE")[0] == 1
    there.send(b"DONE\r\n")
    there.finish(tag)


def test_one_mailbox_written_through_both_nodes_keeps_its_numbers(mirror: Mirror, user: User) -> None:
    clients = [imap(mirror.a, user), imap(mirror.b, user)]
    uids = [clients[number % 2].append("INBOX", mail(f"n{number}")) for number in range(30)]
    assert uids == list(range(1, 31))
    for client in clients:
        client.ok("NOOP")
    clients[0].ok("UID MOVE 1:10 Trash")
    clients[1].ok("UID STORE 11:20 +FLAGS (\\Seen)")
    for client in clients:
        client.ok("NOOP")
        assert sorted(flags(client)) == list(range(11, 31))
        assert [uid for uid, on in flags(client).items() if "\\Seen" in on] == list(range(11, 21))
    mirror.assert_equal()


def test_users_domains_and_passwords_are_everywhere(mirror: Mirror) -> None:
    command = ["domain", "add", "second.test"]
    mirror.command(mirror.b, *command)
    batch = mirror.shape.folder / "more.batch"
    batch.write_text("carla@second.test secret\n")
    mirror.command(mirror.a, "user", "add", "--batch", str(batch))
    carla = User("carla@second.test", "secret")
    for node in (mirror.a, mirror.b):
        node.send([carla], mail(f"to-{node.name}"))
    for node in (mirror.a, mirror.b):
        assert subjects(imap(node, carla)) == ["to-a", "to-b"]


def test_the_status_says_how_it_is(mirror: Mirror) -> None:
    for node, first in ((mirror.a, True), (mirror.b, False)):
        status = mirror.status(node)
        assert status["state"] == "in sync"
        assert status["this_is"] == ("the first node" if first else "the second node")
        assert status["on_this_disk_only"] == status["accounts_apart"] == 0
        assert "link_error" not in status
        assert mirror.health(node)[0] == 200
        assert 'rookery_mirror_in_sync{role="store"} 1' in mirror.metrics(node)


def test_a_paired_node_is_not_paired_again(mirror: Mirror) -> None:
    done = mirror.run(mirror.a, "mirror", "pair", "127.0.0.1")
    assert done.returncode != 0 and "paired already" in done.stdout


def test_a_node_that_dies_is_missed_by_nobody(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    m.a.send([user], mail("before"))
    m.b.do("kill")
    begin = time.monotonic()
    m.a.send([user], mail("meanwhile"))
    assert time.monotonic() - begin < SILENCE + 2
    assert m.await_state(m.a, "alone")["on_this_disk_only"] >= 1
    client = imap(m.a, user)
    client.ok("STORE 1 +FLAGS (\\Seen)")
    m.b.do("start")
    m.assert_equal()
    assert subjects(imap(m.b, user)) == ["before", "meanwhile"]
    assert "\\Seen" in flags(imap(m.b, user))[1]


def test_both_die_and_come_back(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    m.a.send([user], mail("before"))
    for node in (m.a, m.b):
        node.do("kill")
    for node in (m.b, m.a):
        node.do("start")
    m.b.send([user], mail("after"))
    m.assert_equal()
    assert subjects(imap(m.a, user)) == ["after", "before"]


@needs_root
def test_apart_both_take_everything_and_then_both_have_it(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    for number in range(1, 6):
        m.a.send([user], mail(f"n{number}"))
    here, there = imap(m.a, user), imap(m.b, user)
    m.a.do("partition")
    for node in (m.a, m.b):
        m.await_state(node, "alone")
    m.a.send([user], mail("at-a"))
    m.b.send([user], mail("at-b"))
    here.ok("UID STORE 1 +FLAGS (\\Seen)")
    there.ok("UID STORE 2 +FLAGS (\\Flagged)")
    here.ok("UID STORE 3 +FLAGS (\\Deleted)")
    here.ok("UID EXPUNGE 3")
    there.ok("UID STORE 3 +FLAGS (\\Flagged)")
    there.ok("UID MOVE 4 Archive")
    here.ok("CREATE both")
    there.ok("CREATE both")
    here.append("both", mail("kept-a"))
    there.append("both", mail("kept-b"))
    m.a.do("heal")
    m.assert_equal()
    for node in (m.a, m.b):
        client = imap(node, user)
        assert subjects(client) == ["at-a", "at-b", "n1", "n2", "n5"]
        found = flags(client)
        assert found[1] == {"\\Seen"} and found[2] == {"\\Flagged"}
        assert 3 not in found and 4 not in found
        assert subjects(imap(node, user, "Archive")) == ["n4"]
        assert subjects(imap(node, user, "both")) == ["kept-a", "kept-b"]


def test_uids_that_are_told_while_apart_are_right(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    m.command(m.a, "mirror", "pause")
    for node in (m.a, m.b):
        m.await_state(node, "paused", "alone")
        client = imap(node, user)
        for number in range(3):
            client.append("INBOX", mail(f"{node.name}{number}"))
        client.ok("NOOP")
        _, copied, given = client.ok("UID COPY 1:* Archive").code_value("COPYUID").split()
        assert sorted(flags(client)) == uid_set(copied)
        assert len(uid_set(given)) == 3
        client.ok("SELECT Archive")
        there = client.ok("FETCH 1:* (UID)").fetched()
        assert sorted(items["UID"] for items in there.values()) == uid_set(given)
    m.command(m.a, "mirror", "resume")
    m.assert_equal()


def test_pop3_deletes_what_got_another_uid_before_quit(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    m.a.send([user], mail("before"))
    m.command(m.a, "mirror", "pause")
    for node in (m.a, m.b):
        m.await_state(node, "paused", "alone")
        for number in range(3):
            node.send([user], mail(f"{node.name}{number}"))
        wait_for_mail(node, user, 4)
    told = {node: sorted(flags(imap(node, user))) for node in (m.a, m.b)}
    pops = {node: Pop3(node, user, tls=True) for node in (m.a, m.b)}
    for node, pop in pops.items():
        assert len(pop.listing("LIST")) == 4
        for number in (3, 4):  # the second and the third of those that came there
            pop.ok(f"DELE {number}")
    m.command(m.a, "mirror", "resume")
    m.await_sync()
    merged = set(flags(imap(m.a, user)))
    changed = [node for node, uids in told.items() if told[node][1] not in merged]
    assert changed, "no UID has changed"
    for node in changed:  # what can't be found is not promised
        pops[node].err("DELE 2")
    for pop in pops.values():
        pop.ok("QUIT")
    for node in (m.a, m.b):
        assert subjects(imap(node, user)) == ["a0", "b0", "before"]
    m.assert_equal()


@needs_root
def test_a_cut_of_a_moment_is_not_noticed(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    for node in (m.a, m.b):
        m.configure(node, "silence 20s;", queue=True)
    m.await_sync()
    before = m.status(m.a)
    m.a.do("partition")
    time.sleep(1)
    m.a.do("heal")
    m.b.send([user], mail("x"))
    m.assert_equal()
    after = m.status(m.a)
    assert after["since"] == before["since"] and after["queue"]["since"] == before["queue"]["since"]


def test_a_new_disk_is_filled_while_the_other_node_serves(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    m.b.send([user], mail("before"))
    m.b.do("wipe")
    m.a.send([user], mail("meanwhile"))
    key = m.command(m.a, "mirror", "replace")["key"]
    assert key.startswith(KEY)
    m.b.do("start")
    first = json.loads((m.shape.folder / "a" / "node.json").read_text())["mirror"]
    m.command(m.b, "mirror", "pair", first, key)
    m.assert_equal()
    assert subjects(imap(m.b, user)) == ["before", "meanwhile"]


def ailment(m: Mirror, node: Node) -> str:
    try:
        return m.health(node)[1]
    except OSError:
        return ""


@pytest.mark.parametrize("other_is_there", [True, False])
def test_an_empty_store_of_a_pair_that_wants_both_disks_starts(own_mirror: Mirror, other_is_there: bool) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    m.configure(m.b, "ack both-or-tempfail;")
    m.await_sync()
    m.a.send([user], mail("before"))
    m.b.do("stop")
    if not other_is_there:
        m.a.do("stop")
    shutil.rmtree(m.shape.folder / "b" / "data" / "store" / "mail")
    starting = Thread(target=m.b.do, args=("start",))  # until it is green
    starting.start()
    if not other_is_there:
        # a command would open the store itself, before the server does
        while starting.is_alive() and "other node" not in ailment(m, m.b):
            time.sleep(0.02)
        m.await_state(m.b, "alone")
        m.a.do("start")
    starting.join()
    m.assert_equal()
    assert subjects(imap(m.b, user)) == ["before"]


def metric(m: Mirror, node: Node, name: str) -> int:
    return sum(int(line.split()[-1]) for line in m.metrics(node).splitlines()
               if line.startswith(f"rookery_{name}{{"))  # fmt: skip


def damage_body(folder: Path, body: bytes) -> None:
    """One letter of it, on the disk."""
    for segment in (folder / "data" / "store" / "mail" / "segments").iterdir():
        if (at := segment.read_bytes().find(body)) >= 0:
            with segment.open("r+b") as file:
                file.seek(at)
                file.write(b"X")
            return
    raise AssertionError("the body is in no segment")


def test_a_damaged_body_is_healed_without_a_command(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    for node in (m.a, m.b):
        m.configure(node, "scrub 1s;")
    m.await_sync()
    m.a.send([user], mail("whole"))
    wait_for_mail(m.b, user, 1)
    for node in (m.a, m.b):
        damage_body(m.shape.folder / node.name, b"body of whole")
        end = time.monotonic() + shapes.PATIENCE
        while not metric(m, node, "mirror_scrub_healed_total") or "scrub_ended" not in m.status(node):
            assert time.monotonic() < end, m.status(node)
            time.sleep(0.05)
        client = imap(node, user)
        text = client.ok("FETCH 1 BODY[TEXT]").fetched()[1]
        assert b"body of whole\r\n" in text.values()
        status = m.status(node)
        assert status["scrub_bodies_healed"] == 1 and status["scrub_bodies_damaged"] == 0
    m.assert_equal()


def test_a_machine_that_was_replaced_does_not_come_back(own_mirror: Mirror) -> None:
    m = own_mirror
    m.command(m.a, "mirror", "replace")
    status = m.await_state(m.b, "alone")
    end = time.monotonic() + shapes.PATIENCE
    while "key" not in status.get("link_error", ""):
        assert time.monotonic() < end, status
        status = m.status(m.b)
        time.sleep(0.05)
    assert m.status(m.a)["state"] == "alone"


def test_paused_it_stays_so_until_it_is_resumed(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    m.command(m.a, "mirror", "pause")
    m.b.do("stop")
    m.b.do("start")
    m.b.send([user], mail("x"))
    assert m.status(m.a)["state"] == "paused"
    assert "paused" in m.await_state(m.b, "alone").get("link_error", "paused")
    m.a.do("stop")
    m.a.do("start")
    assert m.status(m.a)["state"] == "paused"
    m.command(m.a, "mirror", "resume")
    m.assert_equal()
    assert subjects(imap(m.a, user)) == ["x"]


def test_unpaired_both_go_their_own_way(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    for node in (m.a, m.b):
        m.command(node, "mirror", "unpair")
        assert m.status(node)["state"] == "not paired"
    m.a.send([user], mail("x"))
    assert exists(imap(m.b, user)) == 0
    assert m.run(m.a, "mirror", "unpair").returncode != 0


def test_who_wants_both_disks_or_nothing_is_refused_for_now(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    m.configure(m.a, "ack both-or-tempfail;")
    m.await_sync()
    m.a.send([user], mail("both"))
    m.b.do("stop")
    m.await_state(m.a, "alone")
    with pytest.raises(smtplib.SMTPResponseException) as refused:
        with smtplib.SMTP(m.a.host, m.a.smtp, timeout=shapes.PATIENCE) as client:
            client.ehlo()
            client.mail("x@elsewhere.test")
            client.rcpt(user.name)
            code, answer = client.data(mail("one"))
            raise smtplib.SMTPResponseException(code, answer)
    assert 400 <= refused.value.smtp_code < 500
    client = imap(m.a, user)
    assert client.no("STORE 1 +FLAGS (\\Seen)").code == "UNAVAILABLE"
    assert m.health(m.a)[0] == 503
    m.b.do("start")
    m.await_sync()
    wait_for_mail(m.b, user, 1)
    assert m.health(m.a)[0] == 200


@needs_root
def test_who_wants_one_disk_is_answered_while_the_other_can_not_be_reached(own_mirror: Mirror) -> None:
    m, user = own_mirror, own_mirror.shape.users[0]
    m.configure(m.a, "ack one;\n        silence 60s;")
    m.configure(m.b, "silence 60s;")
    m.await_sync()
    m.a.send([user], mail("both"))  # and the account's lease is here
    m.await_sync()
    m.a.do("partition")
    m.a.send([user], mail("one"))
    status = m.status(m.a)
    assert (status["state"], status["under_way"], status["under_way_messages"]) == ("in sync", 1, 1)
    assert status["on_this_disk_only"] == 1 and status["under_way_bytes"] > 0
    assert "rookery_mirror_under_way_commits{role=\"store\"} 1\n" in m.metrics(m.a)
    m.a.do("heal")
    wait_for_mail(m.b, user, 2)
    m.assert_equal()
    status = m.status(m.a)
    assert status["on_this_disk_only"] == 0 and "under_way" not in status


def test_a_mirror_needs_a_running_server(own_mirror: Mirror) -> None:
    own_mirror.b.do("stop")
    done = own_mirror.run(own_mirror.b, "mirror", "status")
    assert done.returncode != 0 and "running server" in done.stdout
