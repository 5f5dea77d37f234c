"""LMTP over TCP: one answer a recipient."""

import samples
from shape import Node, Shape, User, fetch, wait_for_mail
from smtp_client import SENDER, administer, lmtp, reconfigure


def test_each_recipient_has_his_own_answer(
    shape: Shape, node: Node, user: User, other_user: User
) -> None:
    administer(shape, "user", "set", other_user.name, "--quota", "100K")
    large = samples.PLAIN + (b"x" * 76 + b"\r\n") * 2000
    with lmtp(node) as client:
        client.begin(user.name)
        assert client.command(b"RCPT TO:<nobody@example.test>").status == "5.1.1"
        assert client.command(b"RCPT TO:<%s>" % other_user.name.encode()).code == 250
        first = client.data(large)
        second = client.reply()
        assert (first.code, second.code, second.status) == (250, 552, "5.2.2")
        assert client.command(b"NOOP").code == 250
    assert fetch(wait_for_mail(node, user, 1), 1).endswith(large)


def test_several_transactions_on_one_connection(node: Node, user: User) -> None:
    with lmtp(node) as client:
        for number in range(5):
            client.begin(user.name)
            assert client.data(samples.numbered(number)).code == 250
    reader = wait_for_mail(node, user, 5)
    for number in range(5):
        assert fetch(reader, number + 1).endswith(samples.numbered(number))


def test_transactions_may_be_pipelined(node: Node, user: User, other_user: User) -> None:
    names = user.name.encode(), other_user.name.encode()
    one = b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nRCPT TO:<%s>\r\nBDAT %d LAST\r\n%s" % (
        SENDER, *names, len(samples.DOTS), samples.DOTS)  # fmt: skip
    with lmtp(node) as client:
        client.send(one * 10 + b"QUIT\r\n")
        assert client.replies(51) == [250] * 50 + [221]
        assert client.at_end()
    for reader in (user, other_user):
        assert fetch(wait_for_mail(node, reader, 10), 10).endswith(samples.DOTS)


def test_only_what_stays_here_is_for_the_store(shape: Shape, node: Node, user: User, other_user: User) -> None:
    administer(shape, "alias", "add", "far@example.test", "x@elsewhere.test")
    administer(shape, "alias", "add", "near@example.test", "x@elsewhere.test", user.name, other_user.name)
    forward = ("--forward", "x@elsewhere.test", "--keep-copy", "no")
    administer(shape, "user", "set", user.name, *forward)
    with lmtp(node) as client:
        client.begin("near@example.test")
        assert client.command(b"RCPT TO:<far@example.test>").status == "5.4.4"
        assert client.data(samples.PLAIN).code == 250
        client.begin(user.name)  # it can't lead on, so it keeps what is for him alone
        assert client.data(samples.DOTS).code == 250
    wait_for_mail(node, other_user, 1)
    assert fetch(wait_for_mail(node, user, 1), 1).endswith(samples.DOTS)


def test_data_without_recipients_has_one_answer(node: Node) -> None:
    with lmtp(node) as client:
        client.send(b"MAIL FROM:<%s>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n" % SENDER)
        assert client.replies(3) == [250, 550, 503]
        client.send(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        assert client.replies(2) == [503, 250]


def test_a_message_too_big_is_refused_for_each(own_shape: Shape) -> None:
    node = reconfigure(
        own_shape, lambda text: text.replace("store {", "store {\n append_limit 100K;")
    )
    with lmtp(node) as client:
        client.begin(own_shape.users[0].name, own_shape.users[1].name)
        first = client.data(samples.PLAIN + b"x" * 200_000 + b"\r\n")
        assert [(r.code, r.status) for r in (first, client.reply())] == [(552, "5.3.4")] * 2
        client.begin(own_shape.users[0].name)
        assert client.data(samples.PLAIN).code == 250


def test_trace_fields_of_a_message_that_comes_by_lmtp(node: Node, user: User) -> None:
    with lmtp(node) as client:
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
    got = fetch(wait_for_mail(node, user, 1), 1)
    assert got.startswith(
        b"Return-Path: <someone@elsewhere.test>\r\nReceived: from client.test ([127.0.0.1])\r\n"
        b"\tby mail.example.test (Rookery) with LMTP id "
    )
    assert got.endswith(samples.PLAIN)


def test_an_alias_with_a_full_mailbox_is_refused_before_anybody_has_a_copy(
    shape: Shape, node: Node, user: User, other_user: User
) -> None:
    administer(shape, "user", "set", user.name, "--quota-messages", "1")
    alias = f"both.{user.name}"
    administer(shape, "alias", "add", alias, user.name, other_user.name)
    with lmtp(node) as client:
        client.begin(alias)
        assert client.data(samples.PLAIN).code == 250
        client.begin()
        assert client.command(b"RCPT TO:<%s>" % alias.encode()).status == "5.2.2"
    assert wait_for_mail(node, other_user, 1).select("INBOX")[1] == [b"1"]
