"""REQUIRETLS and "TLS-Required: No" (RFC 8689): what comes in with them, and where it may go."""

import imaplib
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from elsewhere import TlsServer
from halves import PASSWORD, Halves
from name_server import NameServer, dns, why_not
from shape import PATIENCE
from smtp_client import Client, encode

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


def certificate(folder: Path, name: str, *names: str) -> tuple[Path, Path, str]:
    """A file with key and certificate, the certificate, and the SHA-256 of its public key."""
    both, key, chain = (folder / f"{name}.{part}" for part in ("both", "key", "chain"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", chain, "-days", "9", "-subj", f"/CN={names[0]}",
         "-addext", "subjectAltName=" + ",".join(f"DNS:{each}" for each in names)],
        check=True, capture_output=True)  # fmt: skip
    both.write_bytes(key.read_bytes() + chain.read_bytes())
    words = f"openssl x509 -in {chain} -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r"
    digest = subprocess.run(words, shell=True, check=True, capture_output=True).stdout
    return both, chain, digest.split()[0].decode()


class World:
    """Two servers elsewhere, one that offers REQUIRETLS and one that does not, and a pair of ours."""

    def __init__(self, folder: Path) -> None:
        both, chain, digest = certificate(folder, "good", "mx.safe.test", "named.safe.test")
        self.offers = TlsServer(both, "REQUIRETLS", "DSN")
        port = self.offers.port
        self.lacks = TlsServer(both, host="127.0.0.2", port=port)
        self.names = NameServer(folder)
        self.names.add(
            "safe.test",
            f"@ MX 10 mx\nmx A 127.0.0.1\n_{port}._tcp.mx TLSA 3 1 1 {digest}\n"
            "two MX 10 old\ntwo MX 20 mx\n"
            f"lacks MX 10 old\nold A 127.0.0.2\n_{port}._tcp.old TLSA 3 1 1 {digest}\n"
            f"wrong MX 10 bad\nbad A 127.0.0.1\n_{port}._tcp.bad TLSA 3 1 1 {'0' * 64}\n"
            "pkix MX 10 named\nnamed A 127.0.0.1\nother MX 10 another\nanother A 127.0.0.1\n",
            signed=True,
        )
        self.names.add("plain.test", "@ MX 10 mx\nmx A 127.0.0.1\n")
        self.names.start()
        self.pair = Halves(folder, f"    outbound {{\n        port {port};\n        mta_sts no;\n"
                           '        authorities "@RUN@/authority.pem";\n    }\n')  # fmt: skip
        run, config = self.pair.run, self.pair.mx.config
        (run / "authority.pem").write_bytes(chain.read_bytes())
        (run / "anchors").write_bytes((folder / "anchors").read_bytes())
        config.write_text(
            config.read_text().replace("@RUN@", str(run))
            + dns(self.names, run / "anchors", "safe.test", "plain.test")
        )
        self.pair.begin()
        self.ann = self.pair.add_user("ann")

    def stop(self) -> None:
        self.pair.stop()
        self.names.stop()

    def connect(self, submission: bool) -> Client:
        """Within TLS; who submits is logged in."""
        port = self.pair.submission if submission else self.pair.mx.port
        client = Client("127.0.0.1", port)
        assert b"REQUIRETLS" not in client.offers
        assert client.command(b"STARTTLS").code == 220
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.socket = context.wrap_socket(client.socket)
        client.input = client.socket.makefile("rb")
        client.greet()
        if submission:
            secret = encode(b"\0%s\0%s" % (self.ann.encode(), PASSWORD.encode()))
            assert client.command(b"AUTH PLAIN " + secret).code == 235
        return client

    def submit(self, subject: str, to: str, mail: bytes = b" REQUIRETLS", field: str = "") -> None:
        with self.connect(True) as client:
            client.begin(to, sender=self.ann.encode(), mail=mail)
            assert client.data(f"Subject: {subject}\r\n{field}\r\nsecret words\r\n".encode()).code == 250

    def await_one(self, server: TlsServer, subject: str) -> tuple[bytes, bool]:
        """MAIL, and whether it came by TLS."""
        end = time.monotonic() + PATIENCE
        while True:
            for envelope, (secure, text) in zip(server.envelopes, server.messages, strict=False):
                if f"Subject: {subject}\r\n".encode() in text:
                    return envelope[0], secure
            assert time.monotonic() < end, self.pair.mx.log.read_text()[-3000:]
            time.sleep(0.05)

    def await_report(self, subject: str) -> bytes:
        end = time.monotonic() + PATIENCE
        with imaplib.IMAP4("127.0.0.1", self.pair.store.port, timeout=PATIENCE) as client:
            client.login(self.ann, PASSWORD)
            while True:
                count = int(client.select("INBOX")[1][0] or b"0")
                for number in range(1, count + 1):
                    _, answers = client.fetch(str(number), "(BODY.PEEK[])")
                    assert isinstance(answers[0], tuple)
                    if f"Subject: {subject}\r\n".encode() in answers[0][1]:
                        return bytes(answers[0][1])
                assert time.monotonic() < end, self.pair.mx.log.read_text()[-3000:]
                time.sleep(0.05)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = World(tmp_path_factory.mktemp("requiretls"))
    yield built
    built.stop()


def test_it_is_offered_and_taken_within_tls_only(world: World) -> None:
    with Client("127.0.0.1", world.pair.mx.port) as client:
        reply = client.command(b"MAIL FROM:<x@plain.test> REQUIRETLS")
        assert (reply.code, reply.status) == (555, "5.5.4") and b"STARTTLS" in reply.text
    with world.connect(False) as client:
        assert b"REQUIRETLS" in client.offers
        assert client.command(b"MAIL FROM:<x@plain.test> REQUIRETLS=1").code == 555
        client.begin(world.ann, sender=b"x@plain.test", mail=b" REQUIRETLS")
        assert client.data(b"Subject: to our own store\r\n\r\n").code == 250
    assert b"Return-Path: <x@plain.test>" in world.await_report("to our own store")


@pytest.mark.parametrize("domain", ["safe.test", "pkix.safe.test", "two.safe.test"])
def test_it_goes_on_to_a_host_that_is_verified(world: World, domain: str) -> None:
    """By DANE; or by the host's certificate where DNSSEC vouches for the MX record; past one that does
    not offer it."""
    world.submit(domain, f"x@{domain}")
    mail, secure = world.await_one(world.offers, domain)
    assert mail.endswith(b" REQUIRETLS") and secure


@pytest.mark.parametrize(
    ("domain", "why"),
    [("plain.test", b"vouches"), ("lacks.safe.test", b"does not offer it")],
)
def test_without_it_the_message_comes_back(world: World, domain: str, why: bytes) -> None:
    """At once, without the message's text (RFC 8689 section 5), though it was asked for whole."""
    world.submit(f"no {domain}", f"x@{domain}", mail=b" REQUIRETLS RET=FULL")
    report = world.await_report(f"no {domain}")
    assert b"Status: 5.7.30" in report and why in report
    assert b"secret words" not in report


def test_a_certificate_that_does_not_fit_stops_it(world: World) -> None:
    world.submit("never", "x@other.safe.test")
    end = time.monotonic() + PATIENCE
    while not (rows := [row for row in world.pair.mx.run("queue", "destinations")["rows"] if row["reason"]]):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert rows[0]["name"] == "other.safe.test requiretls"
    assert [row["tls"] for row in world.pair.mx.run("queue", "list")["rows"]] == ["required"]
    assert not any(b"Subject: never" in text for _, text in world.offers.messages)


def test_a_report_about_it_demands_tls_too(world: World) -> None:
    with world.connect(False) as client:
        client.begin(sender=b"x@safe.test", mail=b" REQUIRETLS")
        reply = client.command(b"RCPT TO:<%s> NOTIFY=SUCCESS" % world.ann.encode())
        assert reply.code == 250
        assert client.data(b"Subject: told\r\n\r\n").code == 250
    mail, secure = world.await_one(world.offers, "Your message was delivered")
    assert mail.startswith(b"MAIL FROM:<>") and mail.endswith(b" REQUIRETLS") and secure


def test_who_waives_tls_gets_past_policies(world: World) -> None:
    """Without the field such mail waits: test_outbound.py."""
    world.submit("waived", "x@wrong.safe.test", mail=b"", field="TLS-Required: No\r\n")
    mail, secure = world.await_one(world.offers, "waived")
    assert b"REQUIRETLS" not in mail and secure, "TLS is used where it can be"


def test_requiretls_outweighs_the_field(world: World) -> None:
    world.submit("both", "x@plain.test", field="TLS-Required: no\r\n")
    assert b"Status: 5.7.30" in world.await_report("both")
