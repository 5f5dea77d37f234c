"""A user moves from one store node to another while he works."""

import itertools
import json
import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from backends import DOMAIN, ROOT, Backend, certificate, message, ports, seen_by_client
from faults import FULL, Faults
from halves import PASSWORD
from imap_client import Imap
from postgresql import Postgresql
from postgresql import why_not as postgresql_why_not
from shape import PATIENCE
from slapd import BASE, Slapd
from slapd import why_not as slapd_why_not

LDAP_DOMAIN = "halves.test"
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


def refusal(node: Backend, *words: str) -> str:
    done = node.command(*words)
    assert done.returncode != 0, done.stdout
    return str(json.loads(done.stdout)["error"])


def assert_he_works(node: Backend, user: str) -> None:
    assert node.login(user) == "" and node.deliver(user, message("works")) == 250


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


def await_mark(node: Backend, user: str, state: str) -> None:
    end = time.monotonic() + PATIENCE
    while node.marks().get(user) != state:
        assert time.monotonic() < end
        time.sleep(0.002)


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
            assert user not in a.marks() and user not in b.marks()
            assert "there is no user" in refusal(b, "user", "show", user)
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
    assert user not in b.marks()
    a.move(user, b)


class Mirrored:
    """A node alone, and two that are each the other's mirror."""

    def __init__(self, folder: Path) -> None:
        self.a = Backend(folder, "a", "")
        self.b, self.c = (Backend(folder, name, "", mirrored=True) for name in ("b", "c"))
        for node in (self.a, self.b, self.c):
            node.start()
        made = self.b.run("mirror", "pair", f"127.0.0.1:{self.c.mirror}")
        self.c.run("mirror", "pair", f"127.0.0.1:{self.b.mirror}", made["key"])
        end = time.monotonic() + PATIENCE
        while {node.run("mirror", "status")["state"] for node in (self.b, self.c)} != {"in sync"}:
            assert time.monotonic() < end
            time.sleep(0.02)
        for node in (self.a, self.b):
            node.run("domain", "add", DOMAIN)


def test_a_mirror_takes_him_in_and_gives_him_back_at_either_node(tmp_path: Path) -> None:
    world = Mirrored(tmp_path)
    a, b, c = world.a, world.b, world.c
    user = f"ann@{DOMAIN}"
    try:
        a.run("user", "add", user, text=f"{PASSWORD}\n")
        for i in range(50):
            assert a.deliver(user, message(f"m{i}")) == 250
        before = seen_by_client(a, user)
        a.move(user, b)
        for node in (b, c):
            assert seen_by_client(node, user) == before
            assert node.marks()[user] == "lives here"
        assert c.deliver(user, message("by the other one")) == 250
        before = seen_by_client(b, user)
        going = c.begin("user", "move", user, b.where, a.where, "--at", f"127.0.0.1:{a.moves}", "--no-flip")
        await_mark(c, user, "flipping")
        for node in (b, c):
            assert node.login(user) == "UNAVAILABLE" and node.deliver(user, message("now")) == 451
        c.run("user", "set", user, "--to-host", a.where)
        assert going.wait(PATIENCE) == 0
        assert seen_by_client(a, user) == before
        b.run("user", "move", user, "--forget")
        assert b.run("mirror", "verify")["damage"] == 0
        for node in (a, b, c):
            assert node.run("store", "check")["damage"] == 0
    finally:
        for node in (a, b, c):
            node.remove()


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


class Elsewhere:
    """Two back ends with a directory that both ask."""

    def __init__(self, folder: Path, block: Callable[[Backend], str]) -> None:
        self.a, self.b = Backend(folder, "a", ""), Backend(folder, "b", "")
        for node in (self.a, self.b):
            node.config.write_text(node.config.read_text() + block(node))
            node.start()

    def remove(self) -> None:
        self.a.remove()
        self.b.remove()

    def host(self, user: str) -> str | None:
        self.a.run("directory", "flush", user)
        return str(self.a.run("directory", "test", user)["to_host"])

    def move_there_and_back(self, user: str) -> None:
        for i in range(10):
            assert self.a.deliver(user, message(f"m{i}")) == 250
        before = seen_by_client(self.a, user)
        for here, there in ((self.a, self.b), (self.b, self.a), (self.a, self.b)):
            assert here.login(user) == ""
            here.move(user, there)
            assert self.host(user) == there.where
            assert seen_by_client(there, user) == before
            # asked as a directory, the node that he has left tells of him as before
            assert here.run("directory", "test", user, "--service", "imap")["login"] == "allowed"
            assert here.login(user) == "UNAVAILABLE" and here.deliver(user, message("late")) == 451
        self.a.run("user", "move", user, "--forget")
        assert self.a.run("directory", "test", user, "--service", "imap")["login"] == "allowed"
        assert self.a.login(user) == "UNAVAILABLE" and self.a.deliver(user, message("late")) == 451
        assert_he_works(self.b, user)


def person(name: str, number: int) -> str:
    return (f"dn: uid={name},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: rookeryUser\nuid: {name}\ncn: {name}\n"
            f"sn: {name}\nuserPassword: {PASSWORD}\nmail: {name}@{LDAP_DOMAIN}\n"
            f"entryUUID: 00000000-0000-4000-8000-{number:012d}\n\n")  # fmt: skip


class Ldap(Elsewhere):
    def __init__(self, folder: Path) -> None:
        certificate.authority(folder)
        chain, key = certificate.issue(folder, folder / "ldap")
        people = "".join(person(name, n) for n, name in enumerate(("ann", "bob", "sue", "tom")))
        self.server = Slapd(folder / "slapd", f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: halves\n"
                            f"o: Halves\n\n{people}", chain, key)  # fmt: skip
        super().__init__(folder, self.block)

    def block(self, node: Backend, writer: str = f"cn=admin,{BASE}", password: str = "admin") -> str:
        (node.place / "reader").write_text("admin\n")
        (node.place / "writer").write_text(f"{password}\n")
        return (f'directory {{\n    driver ldap;\n    ldap {{\n        servers "{self.server.plain}";\n        base "{BASE}";\n'
                f'        bind_dn "cn=admin,{BASE}";\n        password_file {node.place}/reader;\n'
                f'        domains {LDAP_DOMAIN};\n        timeout 2s;\n'
                f'        write_bind_dn "{writer}";\n        write_password_file {node.place}/writer;\n    }}\n}}\n')  # fmt: skip


@pytest.fixture(scope="module")
def ldap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ldap]:
    if reason := slapd_why_not():
        pytest.skip(reason)
    world = Ldap(tmp_path_factory.mktemp("ldap"))
    yield world
    world.remove()
    world.server.stop()


def test_ldap_is_told_where_he_lives(ldap: Ldap) -> None:
    ldap.move_there_and_back(f"ann@{LDAP_DOMAIN}")


def test_mail_that_lies_there_without_a_move_is_not_taken_for_his(ldap: Ldap) -> None:
    user = f"bob@{LDAP_DOMAIN}"
    assert ldap.a.deliver(user, message("here")) == 250
    assert ldap.b.deliver(user, message("there")) == 250
    assert "has 1 messages there" in refusal(ldap.a, *ldap.a.move_words(user, ldap.b))
    for node in (ldap.a, ldap.b):
        assert_he_works(node, user)
    client = ldap.b.imap(user)
    client.ok("SELECT INBOX")
    client.ok("UID STORE 1:* +FLAGS (\\Deleted)")
    client.ok("EXPUNGE")
    assert ldap.a.move(user, ldap.b)["messages"] == 2
    assert client.wait_for("BYE")[1] == "UNAVAILABLE"  # what he had open there was another mailbox
    assert_he_works(ldap.b, user)


def test_a_directory_that_may_not_be_written_is_heard_of_before_he_is_held(ldap: Ldap) -> None:
    user = f"sue@{LDAP_DOMAIN}"
    assert ldap.a.deliver(user, message("here")) == 250
    text = ldap.a.config.read_text()
    ldap.a.config.write_text(text.replace(f'write_bind_dn "cn=admin,{BASE}"', f'write_bind_dn "uid=tom,{BASE}"'))
    (ldap.a.place / "writer").write_text(f"{PASSWORD}\n")
    ldap.a.stop()
    ldap.a.start()
    try:
        assert "can't be told" in refusal(ldap.a, *ldap.a.move_words(user, ldap.b))
        assert_he_works(ldap.a, user)
        assert user not in ldap.a.marks()
    finally:
        ldap.a.stop()
        ldap.a.config.write_text(text)
        (ldap.a.place / "writer").write_text("admin\n")
        ldap.a.start()


def test_a_directory_that_hangs_at_the_flip_is_asked_again(ldap: Ldap) -> None:
    user = f"tom@{LDAP_DOMAIN}"
    for i in range(400):  # so that the copy takes a while
        assert ldap.a.deliver(user, message(f"m{i}", 60000)) == 250
    before = seen_by_client(ldap.a, user)
    going = ldap.a.begin(*ldap.a.move_words(user, ldap.b))
    await_mark(ldap.a, user, "copying")
    ldap.server.process.send_signal(signal.SIGSTOP)
    try:
        await_mark(ldap.a, user, "flipping")
        time.sleep(1)
        ldap.a.kill()
        assert going.wait(PATIENCE) != 0
    finally:
        ldap.server.process.send_signal(signal.SIGCONT)
    ldap.a.start()
    assert ldap.a.login(user) == "UNAVAILABLE"
    assert ldap.a.move(user, ldap.b)["resumed"]
    assert ldap.host(user) == ldap.b.where
    assert seen_by_client(ldap.b, user) == before


@pytest.mark.skipif(bool(postgresql_why_not()), reason=postgresql_why_not())
def test_postgresql_is_told_where_he_lives(tmp_path: Path) -> None:
    (port,) = ports.free(1)
    database = Postgresql(port)
    database.start()
    database.sql("CREATE DATABASE rookery;", "postgres")
    database.sql((ROOT / "deploy" / "directory.sql").read_text())
    database.sql("CREATE EXTENSION pgcrypto; GRANT UPDATE (to_host) ON rookery_user TO rookery;")
    database.sql(f"INSERT INTO rookery_domain VALUES ('{DOMAIN}'); INSERT INTO rookery_user (address, password) "
                 f"VALUES ('ann@{DOMAIN}', crypt('{PASSWORD}', gen_salt('bf', 4)));")  # fmt: skip

    def block(node: Backend) -> str:
        return (f"directory {{\n    driver postgresql;\n    postgresql {{\n        servers 127.0.0.1:{port};\n"
                '        move_query "UPDATE rookery_user SET to_host = :to WHERE address = :user";\n    }\n}\n')  # fmt: skip

    world = Elsewhere(tmp_path, block)
    try:
        world.move_there_and_back(f"ann@{DOMAIN}")
    finally:
        world.remove()
        database.remove()
