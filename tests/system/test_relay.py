"""What strangers may not make us do: relay, be deceived about where a command or a message ends, or write
into headers. Each attempt is refused with words that say what was wrong, or means a mere local name."""

import imaplib
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from elsewhere import Sink
from halves import DOMAIN, PASSWORD, Halves
from shape import PATIENCE
from smtp_client import Client, Reply, encode

OURS = DOMAIN.encode()


class World:
    def __init__(self, folder: Path) -> None:
        (folder / "sink").mkdir()
        self.sink = Sink(folder / "sink")
        self.pair = Halves(folder, f"    errors_max 1000;\n    outbound {{\n        smart_host 127.0.0.1:{self.sink.port};\n    }}\n")
        self.pair.begin()
        self.users = iter([self.pair.add_user(f"u{i}") for i in range(12)])
        self.ann = self.pair.add_user("ann").encode()

    def connect(self) -> Client:
        return Client("127.0.0.1", self.pair.mx.port)

    def login(self) -> Client:
        client = Client("127.0.0.1", self.pair.submission)
        assert client.command(b"AUTH PLAIN " + encode(b"\0%s\0%s" % (self.ann, PASSWORD.encode()))).code == 235
        return client

    def mailbox(self, user: str) -> list[bytes]:
        with imaplib.IMAP4("127.0.0.1", self.pair.store.port, timeout=PATIENCE) as client:
            client.login(user, PASSWORD)
            count = int(client.select("INBOX")[1][0] or b"0")
            texts = [client.fetch(str(number + 1), "(BODY.PEEK[])")[1][0] for number in range(count)]
            assert all(isinstance(text, tuple) for text in texts)
            return [bytes(text[1]) for text in texts if isinstance(text, tuple)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = World(tmp_path_factory.mktemp("relay"))
    yield built
    for text in built.sink.messages():
        assert b"X-Mail-Args: <%s>" % built.ann in text, "of others nothing has left"
    built.pair.stop()
    built.sink.stop()


def rcpt(client: Client, address: bytes, sender: bytes = b"x@one.test", more: bytes = b"") -> Reply:
    client.begin(sender=sender)
    reply = client.command(b"RCPT TO:<%s>%s" % (address, more))
    assert client.command(b"RSET").code == 250
    return reply


NO_RELAY = (550, "5.7.1", b"Relaying is not allowed")
NOBODY = (550, "5.1.1", b"No such user here")
MALFORMED = (501, "5.1.3", b"Malformed address")
REFUSED = [
    (b"x@one.test", NO_RELAY),
    (b"x@ONE.TEST.", NO_RELAY),
    (b"x%one.test@" + OURS, NOBODY),
    (b"x%one.test%two.test@" + OURS, NOBODY),
    (b"ann%" + OURS + b"@one.test", NO_RELAY),
    (b'"x@one.test"@' + OURS, NOBODY),
    (b'"x%one.test"@' + OURS, NOBODY),
    (b'"ann@' + OURS + b'"@one.test', NO_RELAY),
    (b"@" + OURS + b":x@one.test", NO_RELAY),
    (b"@one.test,@" + OURS + b":x@two.test", NO_RELAY),
    (b"one.test!x@" + OURS, NOBODY),
    (OURS + b"!one.test!x", (501, "5.1.3", b"A domain is missing")),
    (OURS + b"!ann@one.test", NO_RELAY),
    (b"x@one.test@" + OURS, MALFORMED),
    (OURS + b"@x@one.test", MALFORMED),
    (b"x@one.test%" + OURS, MALFORMED),
    (b"x@one.test(ann@" + OURS + b")", MALFORMED),
    (b"x@one.test,ann@" + OURS, MALFORMED),
    (b"ann@" + OURS + b"> <x@one.test", (555, "5.5.4", b"Unknown or malformed parameter")),
    (b"ann@" + OURS + b"\0.one.test", MALFORMED),
    (b"x\0@" + OURS, MALFORMED),
    (b"x%00@one.test", NO_RELAY),
    (b"ann@" + OURS + b"\r.one.test", MALFORMED),
    (b"x@[127.0.0.1]", NO_RELAY),
    (b"x@[IPv6:::1]", NO_RELAY),
    (b"x@[192.0.2.1]", NO_RELAY),
    (b"x@[IPv6:2001:db8::1]", NO_RELAY),
    (b"x@[one.test]", NO_RELAY),
    (b"x@2130706433", NO_RELAY),
    (b"x@sub." + OURS, NO_RELAY),
    (b"x@not" + OURS, NO_RELAY),
    (b"x@" + OURS + b".one.test", NO_RELAY),
    (b"x@" + OURS + b"..", MALFORMED),
    (b"|/bin/sh@" + OURS, NOBODY),
    (b'"|/bin/sh -c x"@' + OURS, NOBODY),
    (b"/etc/passwd@" + OURS, NOBODY),
    (b":include:/etc/passwd@" + OURS, MALFORMED),
    (b"../ann@" + OURS, NOBODY),
    (b"*@" + OURS, NOBODY),
    (b"", MALFORMED),
]


@pytest.mark.parametrize("sender", [b"x@one.test", b"ann@" + OURS, b""])
def test_no_form_of_an_address_is_relayed(world: World, sender: bytes) -> None:
    """Whoever the sender claims to be: somebody, one of ours, nobody."""
    with world.connect() as client:
        for address, (code, status, words) in REFUSED:
            reply = rcpt(client, address, sender)
            assert (reply.code, reply.status) == (code, status), (address, reply)
            assert words in reply.text, (address, reply)


def test_other_forms_of_a_local_name_mean_the_same_user(world: World) -> None:
    with world.connect() as client:
        for address in (
            b"ANN@" + OURS.upper(),
            b"ann@" + OURS + b".",
            b'"ann"@' + OURS,
            b'"a\\nn"@' + OURS,
            b"@one.test:ann@" + OURS,
            b"@one.test,@two.test:ann@" + OURS,
        ):
            assert rcpt(client, address).code == 250, address


def test_who_vouches_for_a_login_elsewhere_gets_nothing_for_it(world: World) -> None:
    with world.connect() as client:
        for auth in (b" AUTH=ann@" + OURS, b" AUTH=<>", b" AUTH=x+40one.test"):
            reply = client.command(b"MAIL FROM:<ann@" + OURS + b">" + auth)
            assert reply.code == 250
            assert client.command(b"RCPT TO:<x@one.test>").code == 550
            client.command(b"RSET")
        for ours in (b" XSESSION=abc", b" XADDR=127.0.0.1"):
            reply = client.command(b"MAIL FROM:<ann@" + OURS + b">" + ours)
            assert (reply.code, reply.status) == (555, "5.5.4")


def test_users_send_as_themselves(world: World) -> None:
    with Client("127.0.0.1", world.pair.submission) as client:
        reply = client.command(b"MAIL FROM:<ann@" + OURS + b">")
        assert (reply.code, reply.status) == (530, "5.7.0")
    with world.login() as client:
        for sender in (b"x@one.test", b"u0@" + OURS, b'"ann@' + OURS + b'"@one.test', b"ann%" + OURS + b"@one.test"):
            reply = client.command(b"MAIL FROM:<%s>" % sender)
            assert (reply.code, reply.status) == (550, "5.7.1"), (sender, reply)
        assert rcpt(client, b"x%one.test@" + OURS, world.ann).code == 550, "no name here either"


def test_names_are_not_told_and_nobody_fetches_mail(world: World) -> None:
    with world.connect() as client:
        assert client.command(b"VRFY ann").text == client.command(b"VRFY nobody").text
        for command in (b"EXPN ann", b"ETRN one.test", b"TURN", b"ATRN", b"SEND FROM:<a@b>", b"SOML FROM:<a@b>",
                        b"SAML FROM:<a@b>", b"XFORWARD ADDR=127.0.0.1", b"XCLIENT ADDR=127.0.0.1",
                        b"AUTH PLAIN AGFubgBzZWNyZXQ="):  # fmt: skip
            reply = client.command(command)
            assert reply.code >= 500 and reply.status.startswith("5."), (command, reply)


ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\n\n.\r\n", b"\r\n\0.\r\n",
        b"\r\n.\0\r\n", b"\r\n. \r\n", b"\r\n.\r\0\n", b"\r\r\n.\n", b"\r\n..\r\n"]  # fmt: skip


def test_only_one_end_ends_a_message(world: World) -> None:
    """SMTP smuggling: a second message behind an end that others may take for one."""
    user = next(world.users)
    second = b"MAIL FROM:<admin@%s>\r\nRCPT TO:<%s>\r\nDATA\r\nSubject: smuggled\r\n\r\n" % (OURS, user.encode())
    with world.connect() as client:
        for i, end in enumerate(ENDS):
            client.begin(user)
            assert client.command(b"DATA").code == 354
            client.send(b"Subject: number %d\r\n\r\nbefore" % i + end + second + b"\r\n.\r\n")
            assert client.reply().code == 250, end
            assert client.command(b"NOOP").lines == [b"2.0.0 Done"], end
    got = world.mailbox(user)
    assert len(got) == len(ENDS)
    for i, text in enumerate(got):
        assert b"Subject: number %d\r\n" % i in text and b"Subject: smuggled" in text, text
        assert b"\r\n.\r\n" not in text or ENDS[i] in (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r.\r\n", b"\n.\r", b"\n\n.\r\n", b"\r\n..\r\n")


def test_chunks_are_bytes_and_no_commands(world: World) -> None:
    user = next(world.users)
    inside = b"RCPT TO:<x@one.test>\r\nDATA\r\n.\r\nQUIT\r\n"
    with world.connect() as client:
        client.send(b"BDAT %d LAST\r\n%s" % (len(inside), inside))
        assert client.reply().code == 503, "there is no recipient, and nothing of it was carried out"
        assert client.command(b"NOOP").lines == [b"2.0.0 Done"]
        client.begin(user)
        client.send(b"BDAT 10\r\nSubject: a")
        assert client.reply().code == 250
        for command in (b"DATA", b"MAIL FROM:<a@b>", b"RCPT TO:<x@one.test>"):
            assert client.command(command).code == 503, command
        client.send(b"BDAT %d LAST\r\n%s" % (len(inside) + 4, b"\r\n\r\n" + inside))
        assert client.reply().code == 250
        assert client.command(b"NOOP").lines == [b"2.0.0 Done"]
    (text,) = world.mailbox(user)
    assert text.endswith(b"\r\n\r\n" + inside)
    for size in (b"-1", b"0x10", b"99999999999999999999", b"1 LAST x", b"1,2", b""):
        with world.connect() as client:
            client.begin(user)
            client.send(b"BDAT " + size + b"\r\n")
            assert client.reply().code >= 500, size
            assert client.at_end(), "nobody knows where the next command begins"


def test_what_we_send_on_ends_once(world: World) -> None:
    """BDAT keeps bare line ends; what leaves by DATA has none, and its dots are stuffed."""
    tries = b"".join(b"a" + end + b"MAIL FROM:<evil@one.test>" + end for end in (b"\n.\n", b"\r.\r", b"\n.\r\n"))
    with world.login() as client:
        client.begin("x@one.test", sender=world.ann)
        text = b"Subject: ends\r\n\r\n" + tries
        client.send(b"BDAT %d LAST\r\n%s" % (len(text), text))
        assert client.reply().code == 250
    end = time.monotonic() + PATIENCE
    while not any(b"evil" in text for text in world.sink.messages()):
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.1)  # written whole
    (got,) = world.sink.messages()
    assert got.count(b"MAIL FROM:<evil@one.test>") == 3 and got.count(b"\n.\n") == 6


def test_parameters_write_no_header(world: World) -> None:
    user = next(world.users)
    with world.connect() as client:
        for hello in (b"EHLO a\rX-Evil: 1", b"EHLO a\0b", b"EHLO a\tb", b"HELO <x>", b"EHLO a;b", b"EHLO (a)"):
            reply = client.command(hello)
            assert (reply.code, reply.status) == (501, "5.5.2"), (hello, reply)
        client.greet()
        for mail in (b"<a@b\rX-Evil: 1>", b"<a\0@b>", b'<"a\rb"@c>', b"<a@b\0>", b'<"a\x0bb"@c>'):
            reply = client.command(b"MAIL FROM:" + mail)
            assert (reply.code, reply.status) == (501, "5.1.7"), (mail, reply)
        for more in (b" ENVID=a\rX", b" ENVID=a\0", b" SIZE=1\r2", b" RET=FULL\0", b" BODY=8BITMIME\rX", b" X\rY"):
            reply = client.command(b"MAIL FROM:<a@b.test>" + more)
            assert (reply.code, reply.status) == (555, "5.5.4"), (more, reply)
        client.begin(sender=b"a@b.test", mail=b" ENVID=a+0D+0AX-Evil:+201")
        reply = client.command(b"RCPT TO:<%s> ORCPT=rfc822;x+0D+0AX-Evil:+201" % user.encode())
        assert reply.code == 250
        assert client.data(b"Subject: clean\r\n\r\n").code == 250
        reply = client.command(b"RSET\rMAIL FROM:<a@b.test>")
        assert (reply.code, reply.status) == (500, "5.5.2")
    (text,) = world.mailbox(user)
    assert b"X-Evil" not in text


def test_what_came_before_tls_is_forgotten(world: World) -> None:
    """Commands in the clear behind STARTTLS are not carried out in the secure session (CVE-2011-0411)."""
    user = next(world.users)
    with world.connect() as client:
        client.send(b"STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<%s>\r\n" % user.encode())
        assert client.reply().code == 220
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        secured = context.wrap_socket(client.socket)
        client.socket, client.input = secured, secured.makefile("rb")
        assert client.command(b"MAIL FROM:<a@b.test>").code == 503, "EHLO was not heard"
        client.greet()
        assert client.command(b"DATA").code == 503
        secured.settimeout(0.2)
        with pytest.raises((TimeoutError, socket.timeout)):
            client.input.read(1)
