"""Users in PostgreSQL: the tables of deploy/directory.sql behind an mx and a store."""

import base64
import ctypes
import hashlib
import imaplib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from halves import DOMAIN, PASSWORD, ROOT, Halves, await_first
from postgresql import Postgresql, why_not
from shape import PATIENCE
from smtp_client import Client

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
REFUSED, TEMPORARY = "AUTHENTICATIONFAILED", "UNAVAILABLE"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def argon2id(password: str) -> str:
    library = ctypes.CDLL("libargon2.so.1")
    text = ctypes.create_string_buffer(256)
    salt, secret, size = b"saltsaltsaltsalt", password.encode(), ctypes.c_size_t
    code = library.argon2id_hash_encoded(1, 1024, 1, secret, size(len(secret)), salt, size(len(salt)), size(32), text,
                                         size(256))  # fmt: skip
    assert code == 0
    return text.value.decode()


def ssha(password: str) -> str:
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + b"salt").digest() + b"salt").decode()


def row(name: str, **columns: str) -> str:
    columns = {"address": f"{name}@{DOMAIN}", "password": argon2id(PASSWORD)} | columns
    values = ", ".join(f"'{value}'" for value in columns.values())
    return f"INSERT INTO rookery_user ({', '.join(columns)}) VALUES ({values});"


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Postgresql(free_port())
        self.database.start()
        self.database.sql("CREATE DATABASE rookery;", "postgres")
        self.database.sql((ROOT / "deploy" / "directory.sql").read_text())
        self.database.sql("CREATE EXTENSION pgcrypto;")
        self.database.sql("\n".join([
            f"INSERT INTO rookery_domain VALUES ('{DOMAIN}'), ('catch.test');",
            row("ann", full_name="Ann", quota_bytes="100000"),
            row("bob", password=self.database.sql(f"SELECT crypt('{PASSWORD}', gen_salt('bf', 4));")),
            row("sha", password=ssha(PASSWORD)),
            row("none", password="plain"),
            row("sue", suspended="t"),
            row("pop", services="pop3, delivery"),
            row("vague", services="telepathy"),
            f"INSERT INTO rookery_alias VALUES ('all@{DOMAIN}', 'ann@{DOMAIN}'), ('all@{DOMAIN}', 'bob@{DOMAIN}'),"
            f" ('@catch.test', 'ann@{DOMAIN}');",
        ]))  # fmt: skip
        # the first server is not there: the second one is asked
        self.pair = Halves(folder)
        self.configure(f"unix:{self.database.folder}")
        self.pair.start()

    def configure(self, socket_: str, more: str = "") -> None:
        block = (f"directory {{\n    driver postgresql;\n    cache_positive 0s;\n    cache_negative 0s;\n"
                 f"    postgresql {{\n        servers 127.0.0.1:1 127.0.0.1:{self.database.port};\n"
                 f"        timeout 2s;\n{more}    }}\n}}\n")  # fmt: skip
        for half in (self.pair.store, self.pair.mx):
            text = half.config.read_text().split("directory {")[0]
            half.config.write_text(text + block)

    def login(self, name: str, password: str = PASSWORD) -> str:
        """"" when he is in, else why not."""
        client = imaplib.IMAP4("127.0.0.1", self.pair.store.port, timeout=PATIENCE)
        try:
            client.login(name if "@" in name else f"{name}@{DOMAIN}", password)
        except imaplib.IMAP4.error as refusal:
            return str(refusal)
        finally:
            client.shutdown()
        return ""

    def rcpt(self, address: str) -> int:
        with Client("127.0.0.1", self.pair.mx.port) as client:
            assert client.command(b"MAIL FROM:<someone@elsewhere.test>").code == 250
            return int(client.command(f"RCPT TO:<{address}>".encode()).code)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("sql"))
    yield world
    world.pair.stop()
    world.database.remove()
    for half in (world.pair.store, world.pair.mx):
        assert PASSWORD + "\n" not in half.log.read_text()


@pytest.mark.parametrize("name", ["ann", "bob", "sha", f"ANN@{DOMAIN.upper()}"])
def test_the_right_password_lets_in_whatever_hash_it_has(world: World, name: str) -> None:
    assert world.login(name) == ""
    assert REFUSED in world.login(name, "wrong")


def test_who_is_not_there_is_refused_as_who_has_a_wrong_password(world: World) -> None:
    assert world.login("nobody") == world.login("ann", "wrong")


def test_who_is_suspended_or_may_not_use_the_service_is_refused(world: World) -> None:
    assert "suspended" in world.login("sue")
    assert "imap" in world.login("pop")


@pytest.mark.parametrize("name", ["none", "vague"])
def test_a_row_that_makes_no_sense_is_no_refusal(world: World, name: str) -> None:
    assert TEMPORARY in world.login(name)


def test_addresses_are_users_aliases_plus_addresses_and_the_catch_all(world: World) -> None:
    codes = {name: world.rcpt(f"{name}@{DOMAIN}") for name in ["ann", "ann+lists", "all", "zoe", "sue", "vague"]}
    assert (codes["ann"], codes["ann+lists"], codes["all"]) == (250, 250, 250)
    assert codes["zoe"] // 100 == 5 and codes["sue"] // 100 == 5
    assert codes["vague"] // 100 == 4
    assert world.rcpt("anybody@catch.test") == 250
    assert world.rcpt("anybody@other.test") // 100 == 5


def test_mail_for_an_alias_comes_to_users_who_never_logged_in_before(world: World) -> None:
    world.database.sql(row("new") + f"INSERT INTO rookery_alias VALUES ('team@{DOMAIN}', 'new@{DOMAIN}');")
    with Client("127.0.0.1", world.pair.mx.port) as client:
        client.command(b"MAIL FROM:<someone@elsewhere.test>")
        assert client.command(f"RCPT TO:<team@{DOMAIN}>".encode()).code == 250
        assert client.command(b"DATA").code == 354
        assert client.command(b"Subject: hello\r\n\r\nthere\r\n.").code == 250
    assert b"Subject: hello" in await_first(world.pair, f"new@{DOMAIN}")


def test_users_are_listed_by_domain_and_pattern(world: World) -> None:
    def listed(*words: str) -> list[str]:
        rows = world.pair.store.run("user", "list", *words)["rows"]
        return [str(found["name"]).partition("@")[0] for found in rows]

    # "vague" has a row that makes no sense
    names = listed()
    assert names == listed(DOMAIN) == sorted(names) and "vague" not in names
    assert {"ann", "bob", "none", "pop", "sha", "sue"} <= set(names)
    assert listed("catch.test") == []
    assert listed(DOMAIN, "--match", "s*") == ["sha", "sue"]
    assert "a user is left out of the list" in world.pair.store.log.read_text()


def test_a_new_password_counts_at_once(world: World) -> None:
    world.database.sql(row("eve"))
    assert world.login("eve") == ""
    world.database.sql(f"UPDATE rookery_user SET password = '{argon2id('other')}' WHERE address LIKE 'eve@%';")
    assert REFUSED in world.login("eve")
    assert world.login("eve", "other") == ""


def test_without_the_database_nothing_can_be_told_and_with_it_all_goes_on(world: World) -> None:
    world.database.stop()
    assert TEMPORARY in world.login("ann")
    assert world.rcpt(f"unheard@{DOMAIN}") // 100 == 4
    world.database.start()
    assert world.login("ann") == ""


def test_a_wrong_query_is_told_in_the_log_with_its_place_and_lets_nobody_bounce(world: World) -> None:
    store = world.pair.store
    said = store.said()
    store.stop()
    world.configure("", '        user_query "SELECT nothing_there FROM rookery_user WHERE address = :user";\n')
    store.start()
    assert "nothing_there FROM" in store.log.read_bytes()[said:].decode()
    assert TEMPORARY in world.login("ann")
    assert world.rcpt(f"unheard2@{DOMAIN}") // 100 == 4
    store.stop()
    world.configure("")
    store.start()


def test_the_server_can_check_passwords_itself(world: World) -> None:
    store = world.pair.store
    query = "SELECT password = crypt(:password, password) FROM rookery_user WHERE address = :user"
    store.stop()
    world.configure("", f'        check_query "{query}";\n')
    store.start()
    assert world.login("bob") == ""
    assert REFUSED in world.login("bob", "wrong")
    assert REFUSED in world.login("nobody")
    store.stop()
    world.configure("")
    store.start()
