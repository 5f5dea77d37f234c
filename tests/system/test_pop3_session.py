"""POP3 sessions: greeting, capabilities, logins, TLS, pipelining, the mailbox lock, time."""

import socket
import time
from pathlib import Path

import pytest
from channel_binding import LoggedNode
from pop3_client import Pop3, encode, scram
from samples import numbered
from shape import Node, Shape, User, wait_for_mail
from smtp_client import log_lines, reconfigure


def test_capabilities_before_and_after_the_login(node: Node, user: User) -> None:
    with Pop3(node) as client:
        before = client.listing("CAPA")
        assert {b"TOP", b"UIDL", b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE"} <= set(before)
        assert b"STLS" in before and b"USER" in before
        (sasl,) = [line for line in before if line.startswith(b"SASL ")]
        assert {b"PLAIN", b"SCRAM-SHA-256"} <= set(sasl.split()[1:])
        client.log_in(user)
        after = client.listing("capa")
        assert b"TOP" in after and b"STLS" not in after
        assert not [line for line in after if line.split()[0] in (b"SASL", b"USER")]
    with Pop3(node, tls=True) as client:
        assert b"STLS" not in client.listing("CAPA")


@pytest.mark.parametrize(
    "command",
    ["STAT", "LIST", "RETR 1", "DELE 1", "NOOP", "RSET", "TOP 1 0", "UIDL", "APOP a b", "", "XYZZY"],
)
def test_commands_out_of_place_are_refused_and_the_session_goes_on(
    node: Node, command: str
) -> None:
    with Pop3(node) as client:
        client.err(command)
        client.ok("CAPA")


def test_login_commands_are_refused_after_the_login(node: Node, user: User) -> None:
    with Pop3(node, user) as client:
        for command in ("USER x", "PASS x", "AUTH PLAIN", "STLS"):
            client.err(command)
        client.ok("NOOP")


def test_a_wrong_password_is_answered_late_and_with_a_code(node: Node, user: User) -> None:
    with Pop3(node) as client:
        client.ok(f"USER {user.name}")
        begun = time.monotonic()
        client.err("PASS wrong", "AUTH")
        assert time.monotonic() - begun > 1
        client.log_in(user)


def test_an_unknown_user_gets_the_same_answer_as_a_wrong_password(node: Node, user: User) -> None:
    answers = set()
    for name in (user.name, "nobody@example.test"):
        with Pop3(node) as client:
            client.ok(f"USER {name}")
            answers.add(client.err("PASS wrong", "AUTH"))
    assert len(answers) == 1


def test_a_password_may_hold_spaces(node: Node, user: User) -> None:
    with Pop3(node) as client:
        client.ok(f"USER {user.name}")
        client.err(f"PASS {user.password} ", "AUTH")


def test_pass_without_user_is_refused(node: Node) -> None:
    with Pop3(node) as client:
        client.err("PASS secret")


@pytest.mark.parametrize("initial", [True, False])
def test_sasl_plain(node: Node, user: User, initial: bool) -> None:
    word = encode(f"\0{user.name}\0{user.password}".encode())
    with Pop3(node) as client:
        if initial:
            client.ok(b"AUTH PLAIN " + word)
        else:
            assert client.command("AUTH PLAIN") == b"+ "
            client.ok(word)
        client.ok("STAT")


def test_sasl_login(node: Node, user: User) -> None:
    with Pop3(node) as client:
        offered = next(line for line in client.listing("CAPA") if line.startswith(b"SASL "))
        if b"LOGIN" not in offered.split():
            client.err("AUTH LOGIN", "AUTH")
            return
        assert client.command("AUTH LOGIN").startswith(b"+ ")
        assert client.command(encode(user.name.encode())).startswith(b"+ ")
        client.ok(encode(user.password.encode()))


def test_scram_proves_both_sides(node: Node, user: User) -> None:
    with Pop3(node) as client:
        assert scram(client, user, user.password).startswith(b"+OK")
        client.ok("STAT")
    with Pop3(node) as client:
        assert scram(client, user, "wrong").startswith(b"-ERR [AUTH]")


def test_scram_is_bound_to_the_channel_by_its_exporter(
    node: Node, user: User, tmp_path: Path
) -> None:
    node = LoggedNode(node, tmp_path)
    with Pop3(node, tls=True) as client:
        other = bytes(32)
        assert scram(client, user, user.password, other, b"tls-exporter").startswith(b"-ERR [AUTH]")
        bound = scram(client, user, user.password, node.exporter(), b"tls-exporter")
        assert bound.startswith(b"+OK")
        client.ok("STAT")


def test_sasl_can_be_cancelled_and_garbage_is_refused(node: Node, user: User) -> None:
    with Pop3(node) as client:
        assert client.command("AUTH PLAIN") == b"+ "
        client.err("*")
        assert client.command("AUTH PLAIN") == b"+ "
        client.err("!!!")
        client.err("AUTH PLAIN !!!")
        client.err("AUTH XYZZY", "AUTH")
        client.log_in(user)


def test_stls_then_login(node: Node, user: User) -> None:
    with Pop3(node) as client:
        client.start_tls(node)
        assert b"STLS" not in client.listing("CAPA")
        client.err("STLS")
        client.log_in(user)


def test_what_was_sent_in_the_clear_behind_stls_is_dropped(node: Node, user: User) -> None:
    with Pop3(node) as client:
        client.send(b"STLS\r\nUSER %s\r\n" % user.name.encode())
        assert client.line().startswith(b"+OK")
        client.socket = node.tls().wrap_socket(client.socket, server_hostname="localhost")
        client.input = client.socket.makefile("rb")
        client.err("XYZZY")  # the very next answer is to this
        client.err(f"PASS {user.password}")


def test_a_user_named_before_stls_is_forgotten(node: Node, user: User) -> None:
    with Pop3(node) as client:
        client.ok(f"USER {user.name}")
        client.start_tls(node)
        client.err(f"PASS {user.password}")


def test_a_whole_session_in_one_write(node: Node, user: User) -> None:
    node.send([user], numbered(1))
    wait_for_mail(node, user, 1).logout()
    with Pop3(node) as client:
        name, password = user.name.encode(), user.password.encode()
        client.send(
            b"CAPA\r\nUSER %s\r\nPASS %s\r\nSTAT\r\nLIST\r\nRETR 1\r\nUIDL\r\nDELE 1\r\nRSET\r\nNOOP\r\nQUIT\r\n"
            % (name, password)
        )
        for command in ("CAPA", "USER", "PASS", "STAT", "LIST", "RETR", "UIDL", "DELE", "RSET",
                        "NOOP", "QUIT"):  # fmt: skip
            assert client.line().startswith(b"+OK"), command
            if command in ("CAPA", "LIST", "RETR", "UIDL"):
                client.block()
        assert client.at_end()


def test_a_session_that_comes_byte_by_byte(node: Node, user: User) -> None:
    with Pop3(node) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in f"USER {user.name}\r\nPASS {user.password}\r\nQUIT\r\n".encode():
            client.send(bytes([byte]))
        assert [client.line()[:3] for _ in range(3)] == [b"+OK"] * 3
        assert client.at_end()


def test_lines_may_end_in_lf_alone(node: Node) -> None:
    with Pop3(node) as client:
        client.send(b"CAPA\nQUIT\n")
        client.line()
        client.block()
        assert client.line().startswith(b"+OK")


def test_a_second_session_is_refused_until_the_first_has_gone(node: Node, user: User) -> None:
    first = Pop3(node, user)
    with Pop3(node) as second:
        second.ok(f"USER {user.name}")
        second.err(f"PASS {user.password}", "IN-USE")
        first.close()  # without QUIT
        end = time.monotonic() + 10
        while not second.command(f"PASS {user.password}").startswith(b"+OK"):
            assert time.monotonic() < end
            time.sleep(0.05)
            second.ok(f"USER {user.name}")


def test_an_endless_line_ends_the_session(node: Node) -> None:
    with Pop3(node) as client:
        client.send(b"USER " + b"x" * 40000)
        assert client.line().startswith(b"-ERR")
        assert client.at_end()


def test_endless_mistakes_end_the_session(node: Node) -> None:
    with Pop3(node) as client:
        client.send(b"XYZZY\r\n" * 200)
        answers = client.input.readlines()
        assert 10 < len(answers) < 100


def test_five_wrong_passwords_end_the_session(node: Node, user: User) -> None:
    with Pop3(node) as client:
        client.ok(f"USER {user.name}")
        client.send(b"PASS wrong\r\n" * 6)
        assert [client.line()[:11] for _ in range(5)] == [b"-ERR [AUTH]"] * 5
        assert client.at_end()


def test_an_idle_session_is_ended_and_deletes_nothing(own_shape: Shape) -> None:
    user = own_shape.fresh_user()
    node = reconfigure(
        own_shape, lambda text: text.replace("store {", "store {\n    pop3_idle_timeout 2s;")
    )
    node.send([user], numbered(1))
    wait_for_mail(node, user, 1).logout()
    with Pop3(node, user) as client:
        client.ok("DELE 1")
        begun = time.monotonic()
        assert client.at_end()
        assert 1 < time.monotonic() - begun < 10
    with Pop3(node, user) as client:
        assert client.ok("STAT").startswith(b"+OK 1 ")


def test_an_address_with_many_failures_is_made_to_wait(own_shape: Shape) -> None:
    user = own_shape.fresh_user()
    node = reconfigure(
        own_shape,
        lambda text: text.replace(
            "auth_failures_per_address 1000000", "auth_failures_per_address 2"
        ),
    )
    with Pop3(node) as client:
        client.ok(f"USER {user.name}")
        client.err("PASS wrong", "AUTH")
        client.err("PASS wrong", "AUTH")
        client.err(f"PASS {user.password}", "SYS/TEMP")
    with Pop3(node) as client:
        word = encode(f"\0{user.name}\0{user.password}".encode())
        client.err(b"AUTH PLAIN " + word, "SYS/TEMP")
    assert log_lines(own_shape, "too many failures")


def test_passwords_are_not_logged(shape: Shape, node: Node, user: User) -> None:
    secret = "mysterious-words"
    with Pop3(node) as client:
        client.ok(f"USER {user.name}")
        client.err(f"PASS {secret}", "AUTH")
    assert log_lines(shape, "login refused", user.name)
    assert not log_lines(shape, secret)
