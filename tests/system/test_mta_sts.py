"""Policies of other domains that demand TLS (RFC 8461), from a web server and a name server of the test's
own: what they allow goes, all else waits, and a domain is believed when it is cut off."""

import ssl
import time
from pathlib import Path

import pytest
import samples
from elsewhere import TlsServer
from halves import DOMAIN, PASSWORD, Halves
from name_server import NameServer, dns, why_not
from shape import PATIENCE
from smtp_client import Client, encode
from web import Authority, Web

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
PATH = "/.well-known/mta-sts.txt"


class World:
    """One domain, one.test, with its exchanger mx.one.test, and our pair of servers."""

    def __init__(self, folder: Path, mx_name: str = "mx.one.test", record: str = "v=STSv1; id=1;") -> None:
        authority = Authority(folder)
        self.web = Web(authority.certify("mta-sts.one.test"))
        self.server = TlsServer(authority.certify(mx_name), "REQUIRETLS")
        (folder / "names").mkdir()
        self.names = NameServer(folder / "names")
        txt = f'_mta-sts TXT "{record}"\n' if record else ""
        self.names.add("one.test", f"@ MX 10 mx\nmx A 127.0.0.1\nmta-sts A 127.0.0.1\n{txt}")
        self.names.start()
        self.pair = Halves(folder, f"    outbound {{\n        port {self.server.port};\n        https_port "
                           f'{self.web.port};\n        authorities "@RUN@/authority.pem";\n    }}\n')  # fmt: skip
        # Where the confined role may read.
        (self.pair.run / "authority.pem").write_bytes(authority.file.read_bytes())
        config = self.pair.mx.config
        config.write_text(
            config.read_text().replace("@RUN@", str(self.pair.run))
            + dns(self.names, self.pair.run / "anchors", "one.test")
        )
        (self.pair.run / "anchors").write_text("")
        self.pair.begin()
        self.user = self.pair.add_user("ann")

    def policy(self, *hosts: str, mode: str = "enforce") -> None:
        lines = ["version: STSv1", f"mode: {mode}", "max_age: 86400", *(f"mx: {host}" for host in hosts)]
        self.web.answer = (200, "text/plain", "\r\n".join(lines) + "\r\n")

    def submit(self, number: int, requiretls: bool = False) -> None:
        with Client("127.0.0.1", self.pair.submission) as client:
            if requiretls:
                assert client.command(b"STARTTLS").code == 220
                client.socket = ssl._create_unverified_context().wrap_socket(client.socket)
                client.input = client.socket.makefile("rb")
                client.greet()
            secret = encode(b"\0%s\0%s" % (self.user.encode(), PASSWORD.encode()))
            assert client.command(b"AUTH PLAIN " + secret).code == 235
            mail = b"MAIL FROM:<%s>%s" % (self.user.encode(), b" REQUIRETLS" if requiretls else b"")
            assert client.command(mail).code == 250
            assert client.command(b"RCPT TO:<x@one.test>").code == 250
            assert client.data(samples.numbered(number)).code == 250

    def await_sent(self, count: int) -> None:
        end = time.monotonic() + PATIENCE
        while len(self.server.messages) < count:
            assert time.monotonic() < end, self.pair.mx.log.read_text()[-3000:]
            time.sleep(0.05)

    def await_reason(self) -> str:
        end = time.monotonic() + PATIENCE
        while not (found := self.pair.mx.run("queue", "destinations")["rows"]) or not found[0]["reason"]:
            assert time.monotonic() < end, self.pair.mx.log.read_text()[-3000:]
            time.sleep(0.05)
        return str(found[0]["reason"])

    def stop(self) -> None:
        self.pair.stop()
        self.web.stop()
        self.names.stop()


def test_what_a_policy_allows_goes_with_a_verified_certificate(tmp_path: Path) -> None:
    world = World(tmp_path)
    try:
        world.policy("*.one.test")
        world.submit(1)
        world.submit(2)
        world.await_sent(2)
        assert [secure for secure, _ in world.server.messages] == [True, True]
        assert world.web.asked == [f"mta-sts.one.test{PATH}"], "it is kept"
        assert "verified_by=sts" in world.pair.mx.log.read_text()
    finally:
        world.stop()


def test_an_exchanger_that_the_policy_does_not_name_gets_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    try:
        world.policy("other.one.test")
        world.submit(1)
        assert "MTA-STS" in world.await_reason()
        assert world.server.messages == []
    finally:
        world.stop()


def test_a_certificate_of_another_name_gets_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, mx_name="mail.one.test")
    try:
        world.policy("mx.one.test")
        world.submit(1)
        assert "certificate" in world.await_reason().lower()
        assert world.server.messages == []
    finally:
        world.stop()


def test_who_only_tests_his_policy_gets_mail_anyway(tmp_path: Path) -> None:
    world = World(tmp_path, mx_name="mail.one.test")
    try:
        world.policy("other.one.test", mode="testing")
        world.submit(1)
        world.await_sent(1)
    finally:
        world.stop()


def test_a_host_that_a_policy_names_may_have_what_demands_tls(tmp_path: Path) -> None:
    """Though the policy itself demands nothing yet (RFC 8689 section 4.2.1)."""
    world = World(tmp_path)
    try:
        world.policy("mx.one.test", mode="testing")
        world.submit(1, requiretls=True)
        world.await_sent(1)
        assert world.server.envelopes[0][0].endswith(b" REQUIRETLS")
        assert "verified_by=sts" in world.pair.mx.log.read_text()
    finally:
        world.stop()


@pytest.mark.parametrize(
    "answer",
    [
        (404, "text/plain", "version: STSv1\r\nmode: enforce\r\nmax_age: 86400\r\nmx: no.test\r\n"),
        (302, "https://mta-sts.one.test/elsewhere", ""),
        (200, "text/html", "version: STSv1\r\nmode: enforce\r\nmax_age: 86400\r\nmx: no.test\r\n"),
        (200, "text/plain", "no policy at all"),
        (200, "text/plain", "version: STSv1\r\n" + "x" * 70000),
    ],
)
def test_what_is_no_policy_demands_nothing(tmp_path: Path, answer: tuple[int, str, str]) -> None:
    world = World(tmp_path)
    try:
        world.web.answer = answer
        world.submit(1)
        world.await_sent(1)
        assert world.web.asked == [f"mta-sts.one.test{PATH}"]
        assert "can't be had" in world.pair.mx.log.read_text()
    finally:
        world.stop()


def test_without_a_record_nobody_is_asked(tmp_path: Path) -> None:
    world = World(tmp_path, record="")
    try:
        world.submit(1)
        world.await_sent(1)
        assert world.web.asked == []
    finally:
        world.stop()


def test_a_domain_that_is_cut_off_is_still_believed(tmp_path: Path) -> None:
    """Its record and its web server are gone, and its exchanger has another one's certificate."""
    world = World(tmp_path)
    try:
        world.policy("mx.one.test")
        world.submit(1)
        world.await_sent(1)
        world.names.stop()
        world.web.answer = (404, "text/plain", "")
        (world.names.folder / "one.test").write_text(
            (world.names.folder / "one.test").read_text().replace("_mta-sts", "_other")
        )
        world.names.start()
        authority = Authority(tmp_path)  # that nobody believes
        world.server.context.load_cert_chain(authority.certify("mx.one.test"))
        world.pair.mx.stop()
        world.pair.mx.start()
        world.submit(2)
        assert "certificate" in world.await_reason().lower()
        assert len(world.server.messages) == 1
    finally:
        world.stop()
