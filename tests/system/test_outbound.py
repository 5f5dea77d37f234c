"""Mail that users send to other servers: by the DNS with DANE, or by a smart host; and what comes
back when it can't be delivered."""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dkim
import pytest
import samples
from elsewhere import Sink, TlsServer
from halves import DOMAIN, PASSWORD, Halves, await_first
from name_server import NameServer, dns, why_not
from shape import PATIENCE
from smtp_client import Client, encode

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
Start = Callable[..., Halves]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a pair whose mx has these lines in its block, and these in its file."""
    started: list[Halves] = []

    def begin(block: str, lines: Callable[[Halves], str] = lambda pair: "") -> Halves:
        pair = Halves(tmp_path, block)
        pair.mx.config.write_text(pair.mx.config.read_text() + lines(pair))
        started.append(pair)
        return pair.begin()

    yield begin
    for pair in started:
        pair.stop()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Callable[..., Sink]]:
    started: list[Sink] = []

    def begin(*options: str) -> Sink:
        folder = tmp_path / f"sink{len(started)}"
        folder.mkdir()
        started.append(Sink(folder, *options))
        return started[-1]

    yield begin
    for each in started:
        each.stop()


def submit(pair: Halves, user: str, number: int, *to: str, rcpt: bytes = b"") -> None:
    with Client("127.0.0.1", pair.submission) as client:
        secret = encode(b"\0%s\0%s" % (user.encode(), PASSWORD.encode()))
        assert client.command(b"AUTH PLAIN " + secret).code == 235
        assert client.command(b"MAIL FROM:<%s>" % user.encode()).code == 250
        for address in to:
            reply = client.command(b"RCPT TO:<%s>%s" % (address.encode(), rcpt))
            assert reply.code == 250, reply
        assert client.data(samples.numbered(number)).code == 250


def await_messages(server: Sink, count: int) -> list[bytes]:
    end = time.monotonic() + PATIENCE
    while len(server.messages()) < count:
        assert time.monotonic() < end, "nothing comes"
        time.sleep(0.05)
    time.sleep(0.1)  # written whole
    return server.messages()


def smart(server: Sink) -> str:
    return f'    outbound {{\n        smart_host "127.0.0.1:{server.port}";\n    }}\n'


def test_a_smart_host_gets_all_mail_for_elsewhere(
    start: Start, sink: Callable[..., Sink]
) -> None:
    server = sink()
    pair = start(smart(server))
    user, other = pair.add_user("ann"), pair.add_user("bob")
    submit(pair, user, 7, "x@one.test", "y@one.test", other)
    (dumped,) = await_messages(server, 1)
    assert b"number 7" in dumped and f"X-Mail-Args: <{user}>".encode() in dumped
    assert b"<x@one.test>" in dumped and b"<y@one.test>" in dumped
    assert b"number 7" in await_first(pair, other), "the one here has it too"
    end = time.monotonic() + PATIENCE
    while pair.mx.run("queue", "list")["rows"]:
        assert time.monotonic() < end
        time.sleep(0.05)


def transport(domain: str, server: Sink, more: str = "") -> str:
    return f'    transport "{domain}" {{\n        host 127.0.0.1;\n        port {server.port};\n{more}    }}\n'


def test_transports_say_where_mail_for_a_domain_goes(
    start: Start, sink: Callable[..., Sink]
) -> None:
    one, below, deep, others = (sink() for _ in range(4))
    pair = start(
        transport("one.test", one) + transport(".two.test", below)
        + transport(".deep.two.test", deep) + transport("*", others)
    )  # fmt: skip
    user = pair.add_user("ann")
    submit(pair, user, 1, "x@ONE.test", "x@a.two.test", "x@b.deep.two.test", "x@two.test", "x@x.one.test")
    wanted = {
        b"<x@ONE.test>": one,
        b"<x@a.two.test>": below,
        b"<x@b.deep.two.test>": deep,
        b"<x@two.test>": others,
        b"<x@x.one.test>": others,
    }
    for server in (one, below, deep, others):
        here = [address for address, place in wanted.items() if place is server]
        dumped = b"".join(await_messages(server, len(here)))
        assert [address for address in wanted if address in dumped] == here


def test_a_transport_with_a_login_over_tls(
    start: Start, sink: Callable[..., Sink], tmp_path: Path
) -> None:
    """The gateway is a submission service of our own, with another one's mail behind it."""
    server = sink()
    folder = tmp_path / "gateway"
    folder.mkdir()
    gateway = Halves(folder, smart(server))
    try:
        gateway.begin()
        user = gateway.add_user("ann")
        login = f"        tls required;\n        user {user};\n        password {PASSWORD};\n"
        block = (f'    transport "*" {{\n        host 127.0.0.1;\n        port {gateway.submission};\n'
                 f"{login}    }}\n")  # fmt: skip
        pair = start(block)
        pair.add_user("ann")
        submit(pair, user, 5, "x@one.test")
        (dumped,) = await_messages(server, 1)
        assert b"number 5" in dumped and f"X-Mail-Args: <{user}>".encode() in dumped
    finally:
        gateway.stop()


def test_without_tls_that_is_required_mail_waits(start: Start, sink: Callable[..., Sink]) -> None:
    server = sink()
    pair = start(transport("*", server, "        tls required;\n"))
    user = pair.add_user("ann")
    submit(pair, user, 5, "x@one.test")
    end = time.monotonic() + PATIENCE
    while not (found := pair.mx.run("queue", "destinations")["rows"]) or not found[0]["reason"]:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    assert "TLS" in found[0]["reason"], found
    assert server.messages() == []
    assert PASSWORD not in pair.mx.log.read_text()


def test_strangers_may_not_relay(start: Start, sink: Callable[..., Sink]) -> None:
    pair = start(smart(sink()))
    pair.add_user("ann")
    ours = DOMAIN.encode()
    with Client("127.0.0.1", pair.mx.port) as client:
        for address in (
            b"x@one.test",
            b"x%one.test@" + ours,
            b'"x@one.test"@' + ours,
            b"@" + ours + b":x@one.test",
            b"one.test!x@" + ours,
            b"x@one.test@" + ours,
            b"x@[127.0.0.1]",
        ):
            client.begin()
            reply = client.command(b"RCPT TO:<%s>" % address)
            assert reply.code in (501, 550, 553), (address, reply)
            client.command(b"RSET")
        client.begin(mail=b" AUTH=ann@" + ours)
        assert client.command(b"RCPT TO:<x@one.test>").code == 550


def test_what_the_other_server_refuses_comes_back(
    start: Start, sink: Callable[..., Sink]
) -> None:
    pair = start(smart(sink("-f", "RCPT")))
    user = pair.add_user("ann")
    submit(pair, user, 7, "x@one.test")
    text = await_first(pair, user)
    for part in (b"Action: failed", b"Final-Recipient: rfc822; x@one.test", b"Remote-MTA: dns;",
                 b"Diagnostic-Code: smtp; 5", b"Subject: number 7"):  # fmt: skip
        assert part in text, part


def test_a_success_that_nobody_else_will_tell_is_told_as_relayed(
    start: Start, sink: Callable[..., Sink]
) -> None:
    pair = start(smart(sink("-N")))
    user = pair.add_user("ann")
    submit(pair, user, 7, "x@one.test", rcpt=b" NOTIFY=SUCCESS")
    assert b"Action: relayed" in await_first(pair, user)


def test_a_server_that_says_later_is_tried_again(
    start: Start, sink: Callable[..., Sink]
) -> None:
    server = sink("-r", "RCPT")
    pair = start(smart(server) + "    queue {\n        retry 1s 1h;\n    }\n")
    user = pair.add_user("ann")
    submit(pair, user, 7, "x@one.test")
    end = time.monotonic() + PATIENCE
    while not (rows := pair.mx.run("queue", "list")["rows"]) or rows[0]["attempts"] < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    (row,) = rows
    assert row["recipient"] == "x@one.test" and row["status"].startswith("4.") and row["host"]


def certificate(folder: Path) -> tuple[Path, str]:
    """A file with key and certificate, and the SHA-256 of its public key: TLSA 3 1 1."""
    file, key, chain = folder / "both.pem", folder / "key.pem", folder / "chain.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", key, "-out", chain, "-days", "9", "-subj", "/CN=mx.safe.test"],
        check=True, capture_output=True)  # fmt: skip
    file.write_bytes(key.read_bytes() + chain.read_bytes())
    public = subprocess.run(
        ["openssl", "x509", "-in", chain, "-noout", "-pubkey"], check=True, capture_output=True
    ).stdout
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, check=True, capture_output=True
    ).stdout
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-r"], input=der, check=True, capture_output=True
    ).stdout
    return file, digest.split()[0].decode()


@pytest.fixture
def names(tmp_path: Path) -> Iterator[NameServer]:
    folder = tmp_path / "names"
    folder.mkdir()
    server = NameServer(folder)
    yield server
    server.stop()


def test_the_dns_says_where_mail_goes_and_whom_to_trust(
    start: Start, names: NameServer, tmp_path: Path
) -> None:
    chain, digest = certificate(tmp_path)
    server = TlsServer(chain)
    tlsa = f"_{server.port}._tcp.mx TLSA 3 1 1 {digest}\n_{server.port}._tcp.bad TLSA 3 1 1 {'0' * 64}\n"
    names.add("safe.test", "@ MX 10 mx\nmx A 127.0.0.1\nwrong MX 10 bad\nbad A 127.0.0.1\n" + tlsa, signed=True)
    names.add("plain.test", "@ MX 10 mx\nmx A 127.0.0.1\nnothing MX 0 .\n")
    names.start()

    def resolver(pair: Halves) -> str:
        anchors = pair.run / "anchors"  # where the confined role may read
        anchors.write_bytes((names.folder / "anchors").read_bytes())
        return dns(names, anchors, "safe.test", "plain.test")

    pair = start(f"    outbound {{\n        port {server.port};\n    }}\n", resolver)
    user = pair.add_user("ann")
    submit(pair, user, 1, "x@safe.test")
    submit(pair, user, 2, "x@plain.test")
    end = time.monotonic() + PATIENCE
    while len(server.messages) < 2:
        assert time.monotonic() < end, pair.mx.log.read_text()[-3000:]
        time.sleep(0.05)
    assert all(secure for secure, _ in server.messages)
    log = pair.mx.log.read_text()
    assert "verified_by=dane" in log
    submit(pair, user, 3, "x@wrong.safe.test")
    while not (rows := pair.mx.run("queue", "destinations")["rows"]) or not rows[0]["reason"]:
        assert time.monotonic() < end + PATIENCE
        time.sleep(0.05)
    assert len(server.messages) == 2, "its certificate is another one"
    submit(pair, user, 4, "x@nothing.plain.test")
    assert b"Status: 5.1.10" in await_first(pair, user)


def test_what_users_send_is_signed(start: Start, sink: Callable[..., Sink]) -> None:
    """By each key of the author's domain; others find it good by the record that is printed."""
    server = sink()
    pair = start(smart(server))
    user = pair.add_user("ann")
    pair.mx.run("dkim", "add", DOMAIN, "s1")
    pair.mx.run("dkim", "add", DOMAIN, "s2", "--algorithm", "ed25519")
    pair.mx.run("dkim", "add", DOMAIN, "old")
    pair.mx.run("dkim", "retire", DOMAIN, "old")
    rows = pair.mx.run("domain", "dns", DOMAIN)["rows"]
    records = {
        row["name"]: "".join(re.findall(r'"([^"]*)"', row["data"]))
        for row in rows
        if "_domainkey" in row["name"]
    }
    assert len(records) == 3
    assert {row["type"] for row in rows} == {"MX", "TXT", "SRV"}
    with Client("127.0.0.1", pair.submission) as client:
        secret = encode(b"\0%s\0%s" % (user.encode(), PASSWORD.encode()))
        assert client.command(b"AUTH PLAIN " + secret).code == 235
        client.begin("x@one.test", sender=user.encode())
        text = b"From: Ann <%s>\r\nSubject: signed\r\n\r\nHello\r\n" % user.encode()
        assert client.data(text).code == 250
    (dumped,) = await_messages(server, 1)
    message = dumped[dumped.index(b"DKIM-Signature:") :].rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r\n"
    assert message.count(b"DKIM-Signature:") == 2 and b"s=old" not in message

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode()].encode()

    verifier = dkim.DKIM(message)
    assert verifier.verify(idx=0, dnsfunc=look_up) and verifier.verify(idx=1, dnsfunc=look_up)
