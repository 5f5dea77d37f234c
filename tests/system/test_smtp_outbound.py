"""Sending to servers elsewhere: Postfix's smtp-sink, aiosmtpd, and a node of our own."""

import email
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import samples
from elsewhere import Sink, free_port, send, sender
from shape import Node, User, fetch, wait_for_mail

pytestmark = pytest.mark.skipif(not sender().is_file(), reason=f"{sender()} is not built")

TO = "ben@b.test"
TEXT = "Füße, naïve, 日本語, and a good deal of plain text around it. - \r\n-- \r\n.\r\nend \r\n"
EIGHT_BIT = (
    b"From: sue@client.test\r\nSubject: eight\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    + TEXT.encode()
)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Callable[..., Sink]]:
    started: list[Sink] = []

    def start(*options: str) -> Sink:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Sink(folder, *options))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def content(dumped: bytes) -> bytes:
    """The message behind what smtp-sink says about it."""
    _, _, rest = dumped.partition(b"\nReceived: ")
    while True:  # a field of its own, folded
        _, _, rest = rest.partition(b"\n")
        if not rest.startswith((b"\t", b" ")):
            return rest


@pytest.mark.parametrize("name", samples.ALL)
def test_a_message_arrives_as_it_was(sink: Callable[..., Sink], name: str) -> None:
    server = sink()
    sent = send(server.port, samples.ALL[name], TO)
    assert [(r.outcome, r.code) for r in sent.results] == [("taken", 250)]
    (dumped,) = server.messages()
    assert content(dumped).rstrip(b"\n") == samples.ALL[name].replace(b"\r\n", b"\n").rstrip(b"\n")
    assert b"X-Mail-Args: <sue@client.test>" in dumped
    assert b"X-Rcpt-Args: <ben@b.test>" in dumped
    assert b"X-Helo-Args: client.test" in dumped


@pytest.mark.parametrize("lacks", ["-e", "-p", "-8", "-E"])
def test_servers_may_lack_extensions(sink: Callable[..., Sink], lacks: str) -> None:
    server = sink(lacks)
    sent = send(server.port, samples.DOTS, TO, "cyd@b.test")
    assert [r.outcome for r in sent.results] == ["taken", "taken"]
    assert len(server.messages()) == 1


@pytest.mark.parametrize("lacks", ["-8", "-e"])
def test_without_8bitmime_text_arrives_all_the_same(sink: Callable[..., Sink], lacks: str) -> None:
    server = sink(lacks)
    assert send(server.port, EIGHT_BIT, TO).results[0].outcome == "taken"
    got = content(server.messages()[0])
    assert max(got) < 128
    parsed = email.message_from_bytes(got)
    assert parsed["Content-Transfer-Encoding"] == "quoted-printable"
    decoded = parsed.get_payload(decode=True)
    assert isinstance(decoded, bytes)
    assert decoded.splitlines()[:4] == TEXT.encode().splitlines()


def test_what_cannot_become_7_bit_is_refused_unsent(sink: Callable[..., Sink]) -> None:
    server = sink("-8")
    (result,) = send(server.port, samples.EIGHT_BIT, TO).results
    assert (result.outcome, result.code, result.status) == ("never", 0, "5.6.3")
    assert server.messages() == []


def test_many_messages_on_one_connection(sink: Callable[..., Sink]) -> None:
    server = sink()
    sent = send(server.port, samples.PLAIN, TO, options=["--times", "50"])
    assert [r.outcome for r in sent.results] == ["taken"] * 50
    assert sent.ends == ["sent"] * 50
    assert len(server.messages()) == 50


def test_many_recipients(sink: Callable[..., Sink]) -> None:
    server = sink("-m", "10")
    names = [f"user{number}@b.test" for number in range(900)]
    sent = send(server.port, samples.PLAIN, *names)
    assert [r.outcome for r in sent.results] == ["taken"] * 900
    assert server.messages()[0].count(b"X-Rcpt-Args") == 900


# What smtp-sink does with which command; what is known then of a message.
@pytest.mark.parametrize(
    ("options", "outcome", "code", "end"),
    [
        (["-r", "mail"], "later", 450, "sent"),
        (["-r", "rcpt"], "later", 450, "sent"),
        (["-r", "data"], "later", 450, "sent"),
        (["-r", "."], "later", 450, "sent"),
        (["-f", "mail"], "never", 500, "sent"),
        (["-f", "rcpt"], "never", 500, "sent"),
        (["-f", "data"], "never", 500, "sent"),
        (["-f", "."], "never", 500, "sent"),
        (["-q", "mail"], "later", 0, "ended"),
        (["-q", "rcpt"], "later", 0, "ended"),
        (["-q", "data"], "later", 0, "ended"),
        (["-q", "."], "later", 0, "in doubt"),
        (["-Q", "mail"], "later", 421, "ended"),
        (["-Q", "rcpt"], "later", 421, "ended"),
        (["-Q", "data"], "later", 421, "ended"),
        (["-Q", "."], "later", 421, "ended"),
    ],
)
@pytest.mark.parametrize("pipelining", [[], ["-p"]], ids=["pipelining", "one by one"])
def test_each_command_may_fail(
    sink: Callable[..., Sink],
    options: list[str],
    outcome: str,
    code: int,
    end: str,
    pipelining: list[str],
) -> None:
    server = sink(*options, *pipelining)
    sent = send(server.port, samples.PLAIN, TO)
    assert [(r.outcome, r.code) for r in sent.results] == [(outcome, code)]
    assert sent.ends == [end]


@pytest.mark.parametrize(
    ("options", "failed"),
    [
        (["-f", "connect"], "never"),
        (["-r", "connect"], "later"),
        (["-Q", "connect"], "later"),
        (["-q", "connect"], "later"),
        (["-r", "ehlo"], "later"),
        (["-q", "ehlo"], "later"),
        (["-f", "ehlo,helo"], "never"),
    ],
)
def test_a_host_may_take_no_mail(sink: Callable[..., Sink], options: list[str], failed: str) -> None:
    sent = send(sink(*options).port, samples.PLAIN, TO)
    assert sent.results == []
    assert sent.failed.startswith(failed)


def test_helo_is_tried_when_ehlo_is_refused(sink: Callable[..., Sink]) -> None:
    assert send(sink("-f", "ehlo").port, samples.PLAIN, TO).results[0].outcome == "taken"


def test_nobody_is_there() -> None:
    assert send(free_port(), samples.PLAIN, TO).failed.startswith("later")


class Taker:
    """aiosmtpd's handler: keeps what comes."""

    def __init__(self) -> None:
        self.got: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.got.append(envelope)
        return "250 2.0.0 kept"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """For mx.b.test, signed by itself; and its key."""
    chain, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    words += ["-keyout", str(key), "-out", str(chain), "-days", "2", "-subj", "/CN=mx.b.test"]
    words += ["-addext", "subjectAltName=DNS:mx.b.test"]
    subprocess.run(words, check=True, capture_output=True)
    return chain, key


@pytest.fixture
def aio(certificate: tuple[Path, Path]) -> Iterator[Callable[..., tuple[Taker, int]]]:
    controller = pytest.importorskip("aiosmtpd.controller")
    started: list[Any] = []

    def start(tls: bool = True, **options: Any) -> tuple[Taker, int]:
        context = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*map(str, certificate))
        taker, port = Taker(), free_port()
        server = controller.Controller(taker, "127.0.0.1", port, tls_context=context, **options)
        server.start()
        started.append(server)
        return taker, port

    yield start
    for server in started:
        server.stop()


def test_starttls_with_a_certificate_that_is_verified(
    aio: Callable[..., tuple[Taker, int]], certificate: tuple[Path, Path]
) -> None:
    taker, port = aio(require_starttls=True)
    tls = ["--tls", "required", "--ca", str(certificate[0]), "--host", "mx.b.test"]
    sent = send(port, samples.DOTS, TO, options=[*tls, "--times", "3"])
    assert sent.tls == "done TLSv1.3 name"
    assert [r.outcome for r in sent.results] == ["taken"] * 3
    assert [envelope.content for envelope in taker.got] == [samples.DOTS] * 3


def test_starttls_with_another_certificate(
    aio: Callable[..., tuple[Taker, int]], certificate: tuple[Path, Path]
) -> None:
    taker, port = aio()
    tls = ["--tls", "required", "--ca", str(certificate[0]), "--host", "other.test"]
    sent = send(port, samples.PLAIN, TO, options=tls)
    assert sent.tls.startswith("untrusted")
    assert sent.failed.startswith("later 4.7.5")
    opportunistic = ["--tls", "opportunistic", "--host", "other.test"]
    assert send(port, samples.PLAIN, TO, options=opportunistic).tls == "done TLSv1.3 -"
    assert len(taker.got) == 1


def test_no_starttls(aio: Callable[..., tuple[Taker, int]]) -> None:
    taker, port = aio(tls=False)
    assert send(port, samples.PLAIN, TO, options=["--tls", "required"]).failed.startswith("later 4.7.4")
    sent = send(port, samples.PLAIN, TO, options=["--tls", "opportunistic"])
    assert sent.tls.startswith("not-offered")
    assert len(taker.got) == 1


def test_addresses_in_utf8(aio: Callable[..., tuple[Taker, int]]) -> None:
    taker, port = aio(tls=False, enable_SMTPUTF8=True)
    names = ("grüße@b.test", TO)
    sent = send(port, samples.EIGHT_BIT, *names, options=["--utf8"], sender_name="süe@client.test")
    assert [r.outcome for r in sent.results] == ["taken", "taken"]
    (envelope,) = taker.got
    assert envelope.mail_from == "süe@client.test"
    assert envelope.rcpt_tos == list(names)
    assert envelope.content == samples.EIGHT_BIT
    taker, port = aio(tls=False, enable_SMTPUTF8=False)
    sent = send(port, samples.PLAIN, *names, options=["--utf8"])
    assert [(r.outcome, r.code) for r in sent.results] == [("never", 0), ("taken", 250)]
    assert sent.results[0].status == "5.6.7"


def test_a_message_that_is_too_large_is_not_sent(aio: Callable[..., tuple[Taker, int]]) -> None:
    taker, port = aio(tls=False, data_size_limit=1000)
    (result,) = send(port, samples.PLAIN + b"x" * 900 + b"\r\n", TO).results
    assert (result.outcome, result.code, result.status) == ("never", 0, "5.3.4")
    assert taker.got == []


def test_a_login_at_a_smart_host(aio: Callable[..., tuple[Taker, int]]) -> None:
    smtp = pytest.importorskip("aiosmtpd.smtp")

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        good = (data.login, data.password) == (b"sue", b"s3cret")
        return smtp.AuthResult(success=good, handled=False)

    taker, port = aio(auth_required=True, authenticator=check)
    login = ["--tls", "required", "--user", "sue", "--password"]
    assert send(port, samples.PLAIN, TO, options=[*login, "s3cret"]).results[0].outcome == "taken"
    assert send(port, samples.PLAIN, TO, options=[*login, "wrong"]).failed.startswith("later 4.7.8")
    assert len(taker.got) == 1


@pytest.mark.parametrize("name", samples.ALL)
def test_our_own_exchanger_takes_it_in_chunks(node: Node, user: User, name: str) -> None:
    sent = send(node.smtp, samples.ALL[name], user.name, options=["--tls", "opportunistic"])
    assert [r.outcome for r in sent.results] == ["taken"]
    assert fetch(wait_for_mail(node, user, 1), 1).endswith(samples.ALL[name])


def test_our_own_exchanger_takes_binary_parts(node: Node, user: User) -> None:
    binary = EIGHT_BIT.replace(b"8bit", b"binary") + b"\0\n\r\xff"
    assert send(node.smtp, binary, user.name, options=["--binary"]).results[0].outcome == "taken"
    assert fetch(wait_for_mail(node, user, 1), 1).endswith(binary)


def test_a_login_at_our_own_submission_proves_the_password(
    node: Node, user: User, other_user: User
) -> None:
    login = ["--tls", "required", "--ca", str(node.ca), "--host", "localhost", "--user", user.name]
    options = [*login, "--password", user.password]
    sent = send(node.submission, samples.PLAIN, other_user.name, options=options, sender_name=user.name)
    assert sent.tls == "done TLSv1.3 name"
    assert [r.outcome for r in sent.results] == ["taken"], sent
    wait_for_mail(node, other_user, 1)
    refused = send(node.submission, samples.PLAIN, TO, options=[*login, "--password", "wrong"])
    assert refused.failed.startswith("later 4.7.8"), refused
