"""Logging in at submission."""

import hashlib
import ssl
import time
from pathlib import Path

import pytest
import samples
from channel_binding import LoggedNode
from shape import Node, Shape, User, fetch, wait_for_mail
from smtp_client import (
    Client,
    administer,
    encode,
    log_lines,
    mx,
    plain,
    reconfigure,
    scram,
    submission,
)


def end_point(client: Client) -> bytes:
    assert isinstance(client.socket, ssl.SSLSocket)
    certificate = client.socket.getpeercert(binary_form=True)
    assert certificate
    return hashlib.sha256(certificate).digest()


def test_auth_is_offered_and_taken_only_on_a_secure_channel(own_shape: Shape) -> None:
    node = reconfigure(
        own_shape,
        lambda text: text.replace("plain_login_on_loopback yes", "plain_login_on_loopback no"),
    )
    user = own_shape.users[0]
    with Client(node.host, node.submission) as client:
        assert not any(offer.startswith(b"AUTH") for offer in client.offers)
        for mechanism in (b"PLAIN " + plain(user), b"SCRAM-SHA-256", b"LOGIN"):
            reply = client.command(b"AUTH " + mechanism)
            assert (reply.code, reply.status) == (538, "5.7.11")
        reply = client.command(b"MAIL FROM:<%s>" % user.name.encode())
        assert (reply.code, reply.status) == (530, "5.7.0")
    with submission(node, user) as client:
        assert not any(offer.startswith(b"AUTH") for offer in client.greet().lines)


def test_the_exchanger_takes_no_login(node: Node, user: User) -> None:
    with mx(node) as client:
        assert not any(offer.startswith(b"AUTH") for offer in client.offers)
        assert client.command(b"AUTH PLAIN " + plain(user)).code == 502


def test_plain_with_and_without_an_initial_response(node: Node, user: User) -> None:
    with submission(node) as client:
        reply = client.command(b"AUTH PLAIN " + plain(user))
        assert (reply.code, reply.status) == (235, "2.7.0")
    with submission(node) as client:
        reply = client.command(b"auth plain")
        assert (reply.code, reply.text) == (334, b"")
        assert client.command(plain(user)).code == 235


def test_login_asks_for_user_and_password(node: Node, user: User) -> None:
    with submission(node) as client:
        reply = client.command(b"AUTH LOGIN")
        assert (reply.code, reply.text) == (334, encode(b"Username:"))
        reply = client.command(encode(user.name.encode()))
        assert (reply.code, reply.text) == (334, encode(b"Password:"))
        assert client.command(encode(user.password.encode())).code == 235
    with submission(node) as client:
        assert client.command(b"AUTH LOGIN " + encode(user.name.encode())).code == 334
        assert client.command(encode(user.password.encode())).code == 235


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_scram_with_and_without_channel_binding(
    node: Node, user: User, version: ssl.TLSVersion
) -> None:
    context = node.tls()
    context.minimum_version = context.maximum_version = version
    for bound in (False, True):
        with Client(node.host, node.submission) as client:
            client.start_tls(node, context)
            client.greet()
            binding = end_point(client) if bound else b""
            assert scram(client, user, user.password, binding).code == 235
            client.begin(user.name, sender=user.name.encode())
            assert client.data(samples.PLAIN).code == 250


def test_scram_on_another_channel_is_refused(node: Node, user: User) -> None:
    with submission(node) as client:
        assert scram(client, user, user.password, b"x" * 32).code == 535
        assert scram(client, user, "wrong").code == 535
        assert scram(client, user, user.password).code == 235


def test_scram_is_bound_to_the_channel_by_its_exporter(
    node: Node, user: User, tmp_path: Path
) -> None:
    node = LoggedNode(node, tmp_path)
    with submission(node) as first, submission(node) as client:
        right = node.exporter()
        assert scram(first, user, user.password, right, b"tls-exporter").code == 535
        assert scram(client, user, user.password, right, b"tls-exporter").code == 235
        client.begin(user.name, sender=user.name.encode())
        assert client.data(samples.PLAIN).code == 250


def test_a_login_can_be_cancelled_and_tried_again(node: Node, user: User) -> None:
    with submission(node) as client:
        assert client.command(b"AUTH LOGIN").code == 334
        assert client.command(b"*").code == 501
        assert client.command(b"AUTH SCRAM-SHA-256").code == 334
        assert client.command(b"*").code == 501
        assert client.command(b"AUTH PLAIN " + plain(user)).code == 235


def test_malformed_logins_are_told_and_nothing_else_breaks(node: Node, user: User) -> None:
    with submission(node) as client:
        for bad in (b"AUTH PLAIN x", b"AUTH PLAIN AGEAYg", b"AUTH PLAIN AGEAYg== x"):
            assert client.command(bad).code == 501, bad
        assert client.command(b"AUTH PLAIN").code == 334
        assert client.command(b"not base64!").code == 501
        assert client.command(b"AUTH PLAIN " + encode(b"no NULs")).code == 501
        assert client.command(b"AUTH PLAIN =").code == 501
        assert client.command(b"AUTH CRAM-MD5").code == 504
        assert client.command(b"AUTH").code == 504
        assert client.command(b"AUTH PLAIN").code == 334
        assert client.command(b"A" * 14000).code == 500, "longer than RFC 4954 allows"
        assert client.command(b"AUTH PLAIN " + plain(user)).code == 235


def test_a_long_initial_response_is_within_the_limit_of_auth(node: Node, user: User) -> None:
    with submission(node) as client:
        long = encode(b"\0%s\0%s" % (user.name.encode(), b"x" * 5000))
        assert client.command(b"AUTH PLAIN " + long).code in (501, 535)
        assert client.command(b"NOOP").code == 250


def test_one_login_a_session_and_none_in_a_transaction(node: Node, user: User) -> None:
    with submission(node, user) as client:
        assert client.command(b"AUTH PLAIN " + plain(user)).code == 503
    with Client(node.host, node.submission, b"") as client:
        client.reply()
        assert client.command(b"AUTH PLAIN " + plain(user)).code == 503, "EHLO first"


def test_wrong_passwords_are_slow_and_five_of_them_end_the_session(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    with submission(node) as client:
        for _ in range(5):
            began = time.monotonic()
            client.send(b"AUTH PLAIN %s\r\n" % plain(user, "wrong"))
            reply = client.reply()
            assert (reply.code, reply.status) == (535, "5.7.8")
            assert time.monotonic() - began > 1
        assert client.reply().code == 421
        assert client.at_end()
    assert len(log_lines(own_shape, 'event="login refused"', user.name)) == 5
    assert not log_lines(own_shape, plain(user, "wrong").decode())


def test_who_may_not_submit_is_told_so(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    administer(own_shape, "user", "set", user.name, "--services", "imap,delivery")
    with submission(node) as client:
        reply = client.command(b"AUTH PLAIN " + plain(user))
        assert (reply.code, reply.status) == (535, "5.7.1")


def test_a_pipelined_command_waits_behind_the_refusal(node: Node, user: User) -> None:
    with submission(node) as client:
        client.send(b"AUTH PLAIN %s\r\nNOOP\r\n" % plain(user, "wrong"))
        assert client.replies(2) == [535, 250]


def test_the_user_is_in_the_log_and_not_in_the_message(shape: Shape, user: User) -> None:
    node = shape.nodes[0]
    with submission(node, user) as client:
        client.begin(user.name, sender=user.name.encode())
        assert client.data(samples.PLAIN).code == 250
    assert log_lines(shape, f"user={user.name}", "event=login")
    assert b"Authenticated" not in fetch(wait_for_mail(node, user, 1), 1)
