"""Front ends of ours that pass clients on: XCLIENT, what the store hears of clients, and what one mx believes
of another one's checks."""

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from halves import DOMAIN, Halves, await_first
from name_server import NameServer, why_not
from smtp_client import Client, Reply

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

LISTED = "203.0.113.9"
LISTED_6 = "2001:db8::9"
NIBBLES = ".".join(reversed("20010db8000000000000000000000009"))
OFFER = b"XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT REVERSE_NAME SESSION TTL"
BLOCK = """\
    xclient {
        from 127.0.0.1;
    }
    dns_list list.test {
        score 6;
    }
    checks {
        trusted 127.0.0.0/8;
        no_ptr_score 0;
    }
"""


class World:
    def __init__(self, folder: Path) -> None:
        self.names = NameServer(folder)
        self.names.add("list.test", f"9.113.0.203 A 127.0.0.2\n{NIBBLES} A 127.0.0.2\n")
        self.names.add("test", "")
        self.names.start()
        self.pair = Halves(folder, BLOCK)
        config = self.pair.mx.config
        listen = f"listen smtp 127.0.0.1:{self.pair.mx.port};"
        zones = "".join(
            f"    zone {zone} {{\n        servers {self.names.address};\n    }}\n" for zone in ("list.test", "test")
        )
        config.write_text(
            config.read_text().replace(listen, listen + f"\n    listen smtp 127.0.0.2:{self.pair.mx.port};")
            + f'dns {{\n    root_key "";\n{zones}}}\n'
        )
        self.pair.begin()
        self.users = iter([self.pair.add_user(f"u{i}") for i in range(12)])

    def connect(self) -> Client:
        return Client("127.0.0.1", self.pair.mx.port)

    def stop(self) -> None:
        self.pair.stop()
        self.names.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = World(tmp_path_factory.mktemp("front"))
    yield built
    built.stop()


def become(client: Client, what: str, hello: bytes = b"EHLO mail.client.test") -> None:
    reply = client.command(b"XCLIENT " + what.encode())
    assert reply.code == 220, reply
    client.greet(hello)


def give(client: Client, to: str, sender: bytes = b"x@one.test", field: bytes = b"") -> None:
    client.begin(to, sender=sender)
    assert client.data(field + b"Subject: front\r\n\r\n").code == 250


def header(world: World, user: str) -> str:
    text = await_first(world.pair, user).partition(b"\r\n\r\n")[0]
    return re.sub(r"\r\n[ \t]+", " ", text.decode())


def test_it_is_offered_to_front_ends_alone(world: World) -> None:
    with world.connect() as client:
        assert OFFER in client.offers
    with socket.create_connection(("127.0.0.2", world.pair.mx.port), 10, ("127.0.0.3", 0)) as wire:
        wire.sendall(b"EHLO a.test\r\nXCLIENT ADDR=192.0.2.1\r\nQUIT\r\n")
        said = b""
        while got := wire.recv(4096):
            said += got
    assert b"XCLIENT" not in said and b"550 5.7.0 You may not speak for others" in said


@pytest.mark.parametrize("ip", [LISTED, LISTED_6])
def test_the_client_is_judged_and_not_the_front_end(world: World, ip: str) -> None:
    """The front end itself is trusted, and on this machine."""
    user = next(world.users)
    address = f"IPV6:{ip}" if ":" in ip else ip
    with world.connect() as client:
        become(client, f"ADDR={address} PORT=40000 NAME=mail.client.test REVERSE_NAME=[TEMPUNAVAIL]")
        give(client, user, field=b"X-Rookery-Score: 0\r\n")
    found = header(world, user)
    shown = f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]"
    assert f"Received: from mail.client.test ({shown})" in found
    assert "X-Rookery-Score: 6 (list.test 6)" in found and "X-Rookery-Score: 0" not in found
    assert "Authentication-Results: mail.halves.test; spf=" in found
    store = world.pair.store.log.read_text()
    assert f"origin={ip}" in store, "the store's log has the client"
    assert f"client={ip}" in world.pair.mx.log.read_text()


def test_what_the_front_end_says_of_helo_and_protocol_holds(world: World) -> None:
    user = next(world.users)
    with world.connect() as client:
        become(client, "ADDR=203.0.113.10 HELO=their.test PROTO=SMTP DESTADDR=192.0.2.25 DESTPORT=25")
        give(client, user)
    assert re.search(r"Received: from their.test \(\[203.0.113.10\]\) by \S+ \(Rookery\) with SMTP id", header(world, user))


def test_swaks_as_a_front_end(world: World) -> None:
    """A program that others wrote says it the same way."""
    user = next(world.users)
    words = ["swaks", "--server", f"127.0.0.1:{world.pair.mx.port}", "--to", user, "--from", "x@one.test",
             "--ehlo", "front.test", "--xclient-addr", "203.0.113.20", "--xclient-helo", "swaks.test",
             "--xclient-name", "[UNAVAILABLE]", "--xclient-proto", "ESMTP"]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout
    assert "Received: from swaks.test ([203.0.113.20])" in header(world, user)


def test_attributes_hold_until_others_are_given(world: World) -> None:
    user = next(world.users)
    with world.connect() as client:
        become(client, "ADDR=203.0.113.10 HELO=one.test")
        become(client, "HELO=two.test")
        give(client, user)
        become(client, f"ADDR={LISTED} HELO=[UNAVAILABLE]", b"EHLO three.test")
        client.begin(user)
    assert "Received: from two.test ([203.0.113.10])" in header(world, user)


def test_a_login_at_the_front_end_is_one_here(world: World) -> None:
    """Users may send to elsewhere, as themselves."""
    user = next(world.users)
    with world.connect() as client:
        become(client, f"ADDR={LISTED} LOGIN={user.replace('@', '+40')}")
        client.begin("x@one.test", sender=user.encode())
        client.command(b"RSET")
        assert client.command(b"MAIL FROM:<x@one.test>").code == 550
        become(client, "LOGIN=[UNAVAILABLE]")
        client.begin(sender=user.encode())
        assert client.command(b"RCPT TO:<x@one.test>").code == 550


@pytest.mark.parametrize(
    ("words", "code", "status"),
    [
        ("", 501, "5.5.4"),
        ("COLOUR=red", 501, "5.5.4"),
        ("ADDR=[UNAVAILABLE]", 501, "5.5.4"),
        ("ADDR=mail.client.test", 501, "5.5.4"),
        ("ADDR=203.0.113.9 PORT=x", 501, "5.5.4"),
        ("ADDR=203.0.113.9+0D+0A", 501, "5.5.4"),
        ("PROTO=HTTP", 501, "5.5.4"),
        ("HELO=a+20b", 501, "5.5.4"),
        ("TTL=x", 501, "5.5.4"),
        ("SESSION=a+20b", 501, "5.5.4"),
    ],
)
def test_nonsense_changes_nothing(world: World, words: str, code: int, status: str) -> None:
    with world.connect() as client:
        reply: Reply = client.command(b"XCLIENT " + words.encode())
        assert (reply.code, reply.status) == (code, status)
        assert client.command(b"MAIL FROM:<a@b.test>").code == 250, "the session is as it was"
        assert client.command(b"XCLIENT ADDR=203.0.113.9").code == 503, "not in a transaction"


def test_checks_of_a_front_end_are_believed_and_not_repeated(world: World) -> None:
    """It hands on what it has checked, and its address is in `trusted`; a stranger's word goes."""
    believed, stranger = next(world.users), next(world.users)
    theirs = b"Authentication-Results: front.test; spf=pass\r\nX-Rookery-Score: 7 (list.test 7)\r\n"
    with world.connect() as client:
        give(client, believed, field=theirs)
        become(client, "ADDR=203.0.113.10")
        give(client, stranger, field=theirs)
    found = header(world, believed)
    assert "Authentication-Results: front.test; spf=pass" in found
    assert "X-Rookery-Score: 7 (list.test 7)" in found
    assert f"Authentication-Results: mail.{DOMAIN}" not in found, "nothing was asked again"
    found = header(world, stranger)
    assert "X-Rookery-Score" not in found
    assert f"Authentication-Results: mail.{DOMAIN}" in found
