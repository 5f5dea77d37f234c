"""IMAP's commands that need no mailbox, logins, literals, and what is not a command."""

import base64
import time

import pytest
from imap_client import Imap
from shape import Node, User


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
