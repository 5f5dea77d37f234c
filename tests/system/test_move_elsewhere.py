"""Users whose directory is kept elsewhere, or whose back end is a mirror, move."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from backends import (DOMAIN, ROOT, Backend, assert_he_works, await_mark, certificate, message, ports, refusal,
                      seen_by_client)  # fmt: skip
from halves import PASSWORD
from postgresql import Postgresql
from postgresql import why_not as postgresql_why_not
from shape import PATIENCE
from slapd import BASE, Slapd
from slapd import why_not as slapd_why_not

LDAP_DOMAIN = "halves.test"


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
