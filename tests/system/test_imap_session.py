"""IMAP's commands that need no mailbox, logins, literals, and what is not a command."""

import base64
import hashlib
import ssl
import time
from pathlib import Path

import pytest
from channel_binding import LoggedNode
from imap_client import Imap
from shape import Node, Shape, User
from smtp_client import Reply, administer, scram


@pytest.fixture
def imap(node: Node, user: User):
    client = Imap(node, user)
    yield client
    client.close()


def test_the_greeting_tells_the_capabilities(node: Node) -> None:
    client = Imap(node)
    kind, (status, code, _) = client.greeting
    assert (kind, status) == ("*", "OK")
    words = code.split()
    assert words[0] == "CAPABILITY"
    assert {"IMAP4rev1", "IMAP4rev2", "SASL-IR", "LITERAL+", "STARTTLS"} <= set(words)


def test_capabilities_grow_with_the_login_and_are_told_with_it(node: Node, user: User) -> None:
    client = Imap(node)
    before = set(client.ok("CAPABILITY").one("CAPABILITY"))
    told = client.ok(f'LOGIN "{user.name}" {user.password}').code_value("CAPABILITY").split()
    after = client.ok("CAPABILITY").one("CAPABILITY")
    assert told == after
    assert "IDLE" in after and "IDLE" not in before
    assert "STARTTLS" not in after and not [word for word in after if word.startswith("AUTH=")]


def test_login_takes_literals_of_both_kinds(node: Node, user: User) -> None:
    client = Imap(node)
    client.ok("LOGIN {} {}", user.name.encode(), user.password.encode())
    client = Imap(node)
    name, password = user.name.encode(), user.password.encode()
    client.send(b"x LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n" % (len(name), name, len(password), password))
    assert client.finish("x").status == "OK"


def test_a_wrong_password_is_refused_after_a_pause_and_the_next_try_is_good(
    node: Node, user: User
) -> None:
    client = Imap(node)
    start = time.monotonic()
    assert client.no(f"LOGIN {user.name} wrong").code == "AUTHENTICATIONFAILED"
    assert time.monotonic() - start > 1
    assert client.no("LOGIN nobody@example.test wrong").code == "AUTHENTICATIONFAILED"
    client.ok(f"LOGIN {user.name} {user.password}")


def test_authenticate_plain_with_and_without_initial_response(node: Node, user: User) -> None:
    secret = f"\0{user.name}\0{user.password}".encode()
    client = Imap(node)
    assert client.authenticate("PLAIN", secret).status == "OK"
    client = Imap(node)
    client.ok("AUTHENTICATE PLAIN " + base64.b64encode(secret).decode())


def test_authenticate_login(node: Node, user: User) -> None:
    client = Imap(node)
    answer = client.authenticate("LOGIN", user.name.encode(), user.password.encode())
    assert answer.status == "OK"


def test_authenticate_can_be_cancelled_and_garbage_is_bad(node: Node) -> None:
    client = Imap(node)
    tag = client.begin("AUTHENTICATE PLAIN")
    client.continuation()
    client.send(b"*\r\n")
    assert client.finish(tag).status == "BAD"
    tag = client.begin("AUTHENTICATE PLAIN")
    client.continuation()
    client.send(b"!!!\r\n")
    assert client.finish(tag).status == "BAD"
    assert client.no("AUTHENTICATE UNHEARD-OF")


def test_starttls_then_login(node: Node, user: User) -> None:
    client = Imap(node)
    client.start_tls(node)
    words = client.ok("CAPABILITY").one("CAPABILITY")
    assert "STARTTLS" not in words and "AUTH=SCRAM-SHA-256-PLUS" in words
    client.ok(f"LOGIN {user.name} {user.password}")


def test_what_comes_with_starttls_is_not_read_behind_it(node: Node) -> None:
    client = Imap(node)
    client.send(b"a STARTTLS\r\nb CAPABILITY\r\n")
    assert client.finish("a").status == "OK"
    client.socket = node.tls().wrap_socket(client.socket, server_hostname="localhost")
    client.buffer = b""
    client.send(b"c NOOP\r\n")
    answer = client.finish("c")  # b was thrown away
    assert answer.status == "OK" and not answer.untagged


def test_id_and_namespace(imap: Imap) -> None:
    (pairs,) = imap.ok('ID ("name" "test" "version" NIL)').one("ID")
    assert dict(zip(pairs[::2], pairs[1::2], strict=True))[b"name"] == b"Rookery"
    imap.ok("ID NIL")
    personal, others, shared = imap.ok("NAMESPACE").one("NAMESPACE")
    assert personal == [[b"", b"/"]] and others is None and shared is None


def test_enable_tells_what_it_turned_on(imap: Imap) -> None:
    assert imap.ok("ENABLE CONDSTORE X-UNHEARD").one("ENABLED") == ["CONDSTORE"]
    assert imap.ok("ENABLE QRESYNC IMAP4rev2").one("ENABLED") == ["QRESYNC", "IMAP4rev2"]


def test_commands_are_refused_in_the_wrong_state_and_the_session_goes_on(
    node: Node, user: User
) -> None:
    client = Imap(node)
    client.bad("SELECT INBOX")
    client.bad("FETCH 1 FLAGS")
    client.ok(f"LOGIN {user.name} {user.password}")
    client.bad("FETCH 1 FLAGS")
    client.bad(f"LOGIN {user.name} {user.password}")
    client.bad("UNHEARD OF")
    client.bad("NOOP now")
    client.ok("NOOP")


def test_pipelined_commands_are_answered_in_order(imap: Imap) -> None:
    imap.send(b"a NOOP\r\nb CAPABILITY\r\nc SELECT INBOX\r\nd NOOP\r\n")
    for tag in "abcd":
        assert imap.finish(tag).status == "OK"


def test_a_literal_of_10_gib_is_refused(imap: Imap) -> None:
    imap.send(b"a APPEND INBOX {10737418240}\r\n")
    assert imap.finish("a").code == "TOOBIG"
    imap.send(b"b SELECT {10737418240}\r\n")
    assert imap.finish("b").code == "TOOBIG"
    imap.ok("NOOP")
    imap.send(b"c APPEND INBOX {10737418240+}\r\n")
    assert imap._response()[1][0] == "BYE"
    assert imap.closed()


def test_too_long_a_line_ends_the_session(imap: Imap) -> None:
    imap.send(b"a " + b"x" * 200_000)
    assert imap._response()[1][0] == "BYE"


def test_logout_says_bye(imap: Imap) -> None:
    answer = imap.ok("LOGOUT")
    assert answer.untagged[0][0] == "BYE"
    assert imap.closed()


def test_quota_is_told_and_kept(node: Node, user: User) -> None:
    client = Imap(node, user)
    answer = client.ok("GETQUOTAROOT INBOX")
    assert answer.one("QUOTAROOT") == ["INBOX", b""]
    assert answer.one("QUOTA")[0] == b""
    client.no("GETQUOTA nonesuch")


def test_past_the_quota_nothing_is_added(shape: Shape, node: Node, user: User) -> None:
    administer(shape, "user", "set", user.name, "--quota", "10K", "--quota-messages", "3")
    client = Imap(node, user)
    client.ok("SELECT INBOX")
    client.send(b"a APPEND INBOX {20000}\r\n")
    assert client.finish("a").code == "OVERQUOTA"
    for _ in range(3):
        client.append("INBOX", b"Subject: x\r\n\r\n")
    assert client.ok('GETQUOTA ""').one("QUOTA")[1] == ["STORAGE", 1, 10, "MESSAGE", 3, 3]
    client.send(b"b APPEND INBOX {14+}\r\nSubject: x\r\n\r\n\r\n")
    assert client.finish("b").code == "OVERQUOTA"
    assert client.no("COPY 1 Drafts").code == "OVERQUOTA"
    client.ok("MOVE 1 Drafts")


class Exchange:
    """AUTHENTICATE in the words of SMTP's AUTH."""

    def __init__(self, imap: Imap) -> None:
        self.imap = imap
        self.tag = ""

    def command(self, line: bytes) -> Reply:
        if line.startswith(b"AUTH "):
            self.tag = self.imap.begin(b"AUTHENTICATE " + line[5:])
        else:
            self.imap.send(line + b"\r\n")
        line = self.imap._line()
        if line.startswith(b"+ "):
            return Reply(334, [line[2:]])
        assert line.startswith(self.tag.encode() + b" "), line
        return Reply(235 if b" OK " in line else 535, [line])


def scram_code(imap: Imap, user: User, password: str, *binding: bytes) -> int:
    return scram(Exchange(imap), user, password, *binding).code  # type: ignore[arg-type]


def test_scram_on_plain_and_on_tls_channels(node: Node, user: User) -> None:
    assert scram_code(Imap(node), user, user.password) == 235
    client = Imap(node, tls=True)
    assert isinstance(client.socket, ssl.SSLSocket)
    certificate = client.socket.getpeercert(binary_form=True)
    assert certificate
    binding = hashlib.sha256(certificate).digest()
    assert scram_code(client, user, "wrong", binding) == 535
    assert scram_code(client, user, user.password, b"x" * 32) == 535
    assert scram_code(client, user, user.password, binding) == 235
    client.ok("SELECT INBOX")


def test_scram_is_bound_to_the_channel_by_its_exporter(
    node: Node, user: User, tmp_path: Path
) -> None:
    node = LoggedNode(node, tmp_path)
    client = Imap(node, tls=True)
    assert scram_code(client, user, user.password, bytes(32), b"tls-exporter") == 535
    assert scram_code(client, user, user.password, node.exporter(), b"tls-exporter") == 235
    client.ok("SELECT INBOX")


def test_without_tls_no_password_is_taken(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    path = own_shape.folder / node.name / "rookery.conf"
    path.write_text(
        path.read_text().replace("plain_login_on_loopback yes", "plain_login_on_loopback no")
    )
    node.do("stop")
    node.do("start")
    client = Imap(node)
    words = client.ok("CAPABILITY").one("CAPABILITY")
    assert "LOGINDISABLED" in words and "AUTH=PLAIN" not in words
    assert client.no(f"LOGIN {user.name} {user.password}").code == "PRIVACYREQUIRED"
    client.no("AUTHENTICATE PLAIN")
    client.start_tls(node)
    client.ok(f"LOGIN {user.name} {user.password}")


def test_bad_commands_in_a_row_end_the_session_but_not_those_between_good_ones(imap: Imap) -> None:
    for _ in range(15):
        imap.bad("UNHEARD")
        imap.ok("NOOP")
    for _ in range(9):
        imap.bad("UNHEARD")
    imap.send(b"z UNHEARD\r\n")
    assert imap.finish("z").status == "BAD"
    assert imap._response()[1][0] == "BYE"
    assert imap.closed()


def test_a_large_literal_before_the_login_is_refused(node: Node) -> None:
    client = Imap(node)
    client.send(b"a LOGIN {5000}\r\n")
    assert client.finish("a").code == "TOOBIG"
    client.send(b"b LOGIN {5000+}\r\n")
    assert client._response()[1][0] == "BYE"
    assert client.closed()


def test_what_is_sent_during_the_pause_of_a_refusal_is_done_after_it(
    node: Node, user: User
) -> None:
    client = Imap(node)
    client.send(f"a LOGIN {user.name} wrong\r\nb LOGIN {user.name} {user.password}\r\n".encode())
    assert client.finish("a").code == "AUTHENTICATIONFAILED"
    assert client.finish("b").status == "OK"


def test_commands_cut_into_bytes_are_the_same_commands(imap: Imap) -> None:
    for byte in b"a APPEND INBOX {12+}\r\nSubject: x\r\n\r\nb CAPABILITY\r\n":
        imap.send(bytes([byte]))
    assert imap.finish("a").status == "OK"
    assert imap.finish("b").status == "OK"


def test_every_capability_that_is_announced_is_one_with_a_test(imap: Imap) -> None:
    words = {word.split("=")[0] for word in imap.ok("CAPABILITY").one("CAPABILITY")}
    page = (Path(__file__).resolve().parents[2] / "docs" / "imap.md").read_text()
    for word in words:
        assert f"`{word}" in page, word
