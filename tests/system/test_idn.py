"""Domains in other scripts: in UTF-8 and as A-labels they are the same, ours and others'."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from elsewhere import Sink
from halves import PASSWORD, Halves, await_first
from name_server import NameServer, why_not
from shape import PATIENCE
from smtp_client import Client, encode

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

THEIRS, THEIRS_ASCII = "bücher.test", "xn--bcher-kva.test"
OURS, OURS_ASCII = "münchen.test", "xn--mnchen-3ya.test"


class World:
    def __init__(self, folder: Path) -> None:
        self.sink, self.gateway = (self.begin(folder / name) for name in ("sink", "gateway"))
        self.names = NameServer(folder)
        self.names.add(THEIRS_ASCII, "@ MX 10 mx\nmx A 127.0.0.1\n")
        self.names.start()
        self.pair = Halves(
            folder,
            f"    outbound {{\n        port {self.sink.port};\n        mta_sts no;\n    }}\n"
            f'    transport "größe.test" {{\n        host 127.0.0.1;\n        port {self.gateway.port};\n    }}\n',
        )
        config = self.pair.mx.config
        config.write_text(
            config.read_text() + f'dns {{\n    root_key "";\n    zone {THEIRS_ASCII} {{\n'
            f"        servers {self.names.address};\n    }}\n}}\n"
        )
        self.pair.begin()
        self.pair.store.run("domain", "add", OURS)
        self.ann = f"ann@{OURS}"
        self.pair.store.run("user", "add", self.ann, text=f"{PASSWORD}\n")

    @staticmethod
    def begin(folder: Path) -> Sink:
        folder.mkdir()
        return Sink(folder)

    def submit(self, subject: str, *to: str) -> None:
        with Client("127.0.0.1", self.pair.submission) as client:
            secret = encode(b"\0%s\0%s" % (self.ann.encode(), PASSWORD.encode()))
            assert client.command(b"AUTH PLAIN " + secret).code == 235
            client.begin(*to, sender=self.ann.encode(), mail=b" SMTPUTF8")
            assert client.data(f"Subject: {subject}\r\n\r\nHello\r\n".encode()).code == 250

    def stop(self) -> None:
        self.pair.stop()
        self.names.stop()
        self.sink.stop()
        self.gateway.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = World(tmp_path_factory.mktemp("idn"))
    yield built
    built.stop()


def await_one(sink: Sink, subject: str) -> bytes:
    end = time.monotonic() + PATIENCE
    while True:
        for text in sink.messages():
            if f"Subject: {subject}\n".encode() in text and text.endswith(b"Hello\n\n"):
                return text
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("domain", [THEIRS, "BÜCHER.TEST.", THEIRS_ASCII])
def test_a_server_without_smtputf8_gets_a_labels(world: World, domain: str) -> None:
    """The DNS is asked for them, too; a header that names the recipient stays ASCII."""
    subject = f"to {len(domain)} {domain.isascii()}"
    world.submit(subject, f"x@{domain}")
    text = await_one(world.sink, subject)
    assert f"X-Rcpt-Args: <x@{THEIRS_ASCII}".encode() in text
    assert f"X-Mail-Args: <ann@{OURS_ASCII}>".encode() in text
    assert text.isascii()


def test_a_transport_may_be_named_in_utf8(world: World) -> None:
    world.submit("by gateway", "x@GRÖßE.test", "x@xn--gre-6ka8i.test")
    assert b"<x@xn--gre-6ka8i.test>" in await_one(world.gateway, "by gateway")


def test_a_local_part_in_utf8_comes_back(world: World) -> None:
    world.submit("no way", f"björn@{THEIRS}")
    report = await_first(world.pair, f"ann@{OURS_ASCII}")
    assert b"Status: 5.6.7" in report and "björn".encode() in report


def test_operators_may_write_either_form(world: World) -> None:
    route = world.pair.mx.run("dns", "route", THEIRS)
    assert route["domain"] == THEIRS_ASCII and route["rows"]
    assert world.pair.mx.run("dns", "lookup", THEIRS, "MX")["rows"][0]["name"] == THEIRS_ASCII


def test_our_own_domain_is_known_in_both_forms(world: World) -> None:
    world.pair.store.run("user", "add", f"bob@{OURS_ASCII}", text=f"{PASSWORD}\n")
    with Client("127.0.0.1", world.pair.mx.port) as client:
        client.begin(mail=b" SMTPUTF8")
        for address in (f"bob@{OURS}", f"BOB@{OURS.upper()}", f"bob@{OURS_ASCII}.", "bob@münchen。test"):
            assert client.command(f"RCPT TO:<{address}>".encode()).code == 250, address
        assert client.command(b"RCPT TO:<bob@munchen.test>").code == 550
