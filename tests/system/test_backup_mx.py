"""A backup MX: mail of a domain elsewhere is taken for its better host, for whom that host does not refuse."""

import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from halves import Halves
from name_server import NameServer, why_not
from shape import PATIENCE
from smtp_client import Client, Reply

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


class Primary:
    """The domain's own server: it knows who begins with "a", and nobody who begins with "n"."""

    def __init__(self, port: int) -> None:
        self.address = ("127.0.0.2", port)
        self.asked: Counter[bytes] = Counter()
        self.messages: list[bytes] = []
        self.listener: socket.socket | None = None
        self.start()

    def start(self) -> None:
        self.listener = socket.create_server(self.address)
        threading.Thread(target=self.accept, args=[self.listener], daemon=True).start()

    def stop(self) -> None:
        assert self.listener
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=[connection], daemon=True).start()

    def talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb", buffering=0) as wire:
            wire.write(b"220 primary.far.test ready\r\n")
            while line := wire.readline():
                verb = line[:4].upper()
                answer = b"250 2.0.0 fine"
                if verb == b"RCPT":
                    name = line.partition(b"<")[2].partition(b">")[0]
                    self.asked[name] += 1
                    if name.startswith(b"n"):
                        answer = b"550 5.1.1 nobody of that name"
                    elif not name.startswith(b"a"):
                        answer = b"450 4.2.0 later"
                elif verb == b"DATA":
                    wire.write(b"354 go on\r\n")
                    text = b""
                    while not text.endswith(b"\r\n.\r\n"):
                        text += wire.readline()
                    self.messages.append(text)
                wire.write(answer + b"\r\n")
                if verb == b"QUIT":
                    return


class World:
    def __init__(self, folder: Path) -> None:
        self.pair = Halves(folder, "    backup {\n        for far.test *.below.test;\n        verify_timeout 2s;\n    }\n"
                           "    checks {\n        on no;\n    }\n")  # fmt: skip
        port = self.pair.mx.port
        self.names = NameServer(folder)
        hosts = "@ MX 10 primary\n@ MX 20 backup\nprimary A 127.0.0.2\nbackup A 127.0.0.1\n"
        self.names.add("far.test", hosts)
        self.names.add("below.test", "@ MX 20 backup\nx MX 10 gone\nx MX 20 backup\nbackup A 127.0.0.1\n"
                       "gone A 127.0.0.3\nloop MX 20 backup\n")  # fmt: skip
        self.names.start()
        zones = "".join(
            f"    zone {zone} {{\n        servers {self.names.address};\n    }}\n"
            for zone in ("far.test", "below.test")
        )
        config = self.pair.mx.config
        text = config.read_text()
        config.write_text(
            text.rstrip("}\n") + f"\n    }}\n    outbound {{\n        port {port};\n        mta_sts no;\n    }}\n}}\n"
            + f'dns {{\n    root_key "";\n{zones}}}\n'
        )
        self.primary = Primary(port)
        self.pair.begin()

    def stop(self) -> None:
        self.pair.stop()
        self.names.stop()
        self.primary.stop()

    def rcpt(self, *addresses: str) -> list[Reply]:
        with Client("127.0.0.1", self.pair.mx.port) as client:
            client.begin()
            return [client.command(f"RCPT TO:<{address}>".encode()) for address in addresses]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = World(tmp_path_factory.mktemp("backup"))
    yield built
    built.stop()


def await_messages(world: World, count: int) -> list[bytes]:
    end = time.monotonic() + PATIENCE
    while len(world.primary.messages) < count:
        assert time.monotonic() < end, world.pair.mx.log.read_text()[-3000:]
        time.sleep(0.05)
    return world.primary.messages


def test_mail_of_the_domain_goes_to_its_better_host(world: World) -> None:
    with Client("127.0.0.1", world.pair.mx.port) as client:
        client.begin("ann@far.test", "al@FAR.test.")
        assert client.data(b"Subject: backed up\r\n\r\n").code == 250
    assert any(b"Subject: backed up" in text for text in await_messages(world, 1))


def test_whom_the_primary_refuses_is_refused_and_remembered(world: World) -> None:
    (first,) = world.rcpt("nobody@far.test")
    assert (first.code, first.status) == (550, "5.1.1") and b"own server" in first.text
    (again,) = world.rcpt("nobody@Far.test")
    assert again == first and world.primary.asked[b"nobody@far.test"] == 1
    assert [reply.code for reply in world.rcpt("abe@far.test", "abe@far.test")] == [250, 250]
    assert world.primary.asked[b"abe@far.test"] == 1


def test_other_domains_are_not_backed_up(world: World) -> None:
    for address in ("x@below.test", "x@sub.far.test", "x@notfar.test", "x@far.test.other.test"):
        (reply,) = world.rcpt(address)
        assert (reply.code, reply.status) == (550, "5.7.1"), address


@pytest.mark.parametrize("address", ["a%one.test@far.test", "one.test!a@far.test", '"a@one.test"@far.test'])
def test_no_route_is_passed_on(world: World, address: str) -> None:
    (reply,) = world.rcpt(address)
    assert (reply.code, reply.status) == (550, "5.7.1") and b"route" in reply.text


def test_when_the_primary_can_not_tell_mail_is_taken(world: World) -> None:
    """It says later; or it is away, and is then left alone for a while; what was taken arrives."""
    (reply,) = world.rcpt("later@far.test")
    assert reply.code == 250
    (reply,) = world.rcpt("someone@x.below.test")
    assert reply.code == 250, "nobody listens there"
    began = time.monotonic()
    assert all(reply.code == 250 for reply in world.rcpt("a1@x.below.test", "a2@x.below.test"))
    assert time.monotonic() - began < 1


def test_mail_waits_for_a_primary_that_is_away(world: World) -> None:
    before = len(world.primary.messages)
    world.primary.stop()
    try:
        with Client("127.0.0.1", world.pair.mx.port) as client:
            client.begin("ada@far.test")
            assert client.data(b"Subject: waited\r\n\r\n").code == 250
        end = time.monotonic() + PATIENCE
        while not any(row["reason"] for row in world.pair.mx.run("queue", "destinations")["rows"]):
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        world.primary.start()
    world.pair.mx.run("queue", "flush", "far.test")
    assert any(b"Subject: waited" in text for text in await_messages(world, before + 1))


def test_we_never_send_to_ourselves(world: World) -> None:
    """The only host of that name has our address: nobody is better."""
    with Client("127.0.0.1", world.pair.mx.port) as client:
        client.begin("a@loop.below.test", sender=b"")
        assert client.data(b"Subject: loop\r\n\r\n").code == 250
    end = time.monotonic() + PATIENCE
    while not re.search(r"queued message failed.*comes back to this server", world.pair.mx.log.read_text()):
        assert time.monotonic() < end, world.pair.mx.log.read_text()[-3000:]
        time.sleep(0.05)
