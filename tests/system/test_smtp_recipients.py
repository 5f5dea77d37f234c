"""Who gets mail by SMTP: the directory's answers as SMTP's."""

import samples
from shape import Node, Shape, User, fetch, wait_for_mail
from smtp_client import administer, lmtp, mx, submission


def figures(shape: Shape) -> int:
    """Bytes in the store's segments."""
    size = administer(shape, "store", "show")["segment_bytes"]
    assert isinstance(size, int)
    return size


def test_an_unknown_recipient_is_refused_at_rcpt(node: Node) -> None:
    with mx(node) as client:
        client.begin()
        reply = client.command(b"RCPT TO:<nobody@example.test>")
        assert (reply.code, reply.status) == (550, "5.1.1")


def test_relaying_is_refused(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin()
        for address in (b"ben@elsewhere.test", b"ben%%elsewhere.test@[192.0.2.1]", b"ben@[::1]"):
            reply = client.command(b"RCPT TO:<%s>" % address)
            assert (reply.code, reply.status) == (550, "5.7.1"), address
        reply = client.command(b"RCPT TO:<ben@elsewhere.test@example.test>")
        assert (reply.code, reply.status) == (501, "5.1.3")
        route = b"RCPT TO:<@elsewhere.test:%s>" % user.name.encode()
        assert client.command(route).code == 250, "a route is dropped, not followed"


def test_names_are_found_in_any_case_and_quoted(node: Node, user: User) -> None:
    local, _, domain = user.name.partition("@")
    with mx(node) as client:
        client.begin(user.name.upper(), f'"{local}"@{domain}')
        assert client.data(samples.PLAIN).code == 250
    reader = wait_for_mail(node, user, 1)
    assert reader.select("INBOX")[1] == [b"1"], "two names of one mailbox: one copy"


def test_a_detail_behind_plus_finds_the_user(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin(user.name.replace("@", "+lists@"))
        assert client.data(samples.PLAIN).code == 250
    wait_for_mail(node, user, 1)


def test_an_alias_reaches_many_and_the_bytes_are_stored_once(own_shape: Shape) -> None:
    node, users = own_shape.nodes[0], own_shape.users
    administer(own_shape, "alias", "add", "all@example.test", *(user.name for user in users))
    message = samples.PLAIN + (b"x" * 76 + b"\r\n") * 13_000
    before = figures(own_shape)
    with mx(node) as client:
        client.begin("all@example.test", users[0].name)
        assert client.data(message).code == 250
    for user in users:
        reader = wait_for_mail(node, user, 1)
        assert reader.select("INBOX")[1] == [b"1"]
        assert fetch(reader, 1).endswith(message)
    grown = figures(own_shape) - before
    assert len(message) <= grown < 2 * len(message)


def test_a_catch_all_gets_what_nobody_else_does(own_shape: Shape) -> None:
    node, users = own_shape.nodes[0], own_shape.users
    administer(own_shape, "domain", "set", "example.test", "--catch-all", users[1].name)
    with mx(node) as client:
        client.begin("whoever@example.test")
        assert client.data(samples.PLAIN).code == 250
        client.begin(users[0].name)
        assert client.data(samples.PLAIN).code == 250
    wait_for_mail(node, users[0], 1)
    assert wait_for_mail(node, users[1], 1).select("INBOX")[1] == [b"1"]


def test_who_takes_no_mail_is_refused_at_rcpt(shape: Shape, node: Node, user: User) -> None:
    administer(shape, "user", "set", user.name, "--services", "imap,submission")
    with mx(node) as client:
        client.begin()
        reply = client.command(b"RCPT TO:<%s>" % user.name.encode())
        assert (reply.code, reply.status) == (550, "5.2.1")


def test_a_full_mailbox_is_told(shape: Shape, node: Node, user: User) -> None:
    administer(shape, "user", "set", user.name, "--quota", "100K")
    large = samples.PLAIN + (b"x" * 76 + b"\r\n") * 2000
    with mx(node) as client:
        client.begin(user.name)
        reply = client.data(large)
        assert (reply.code, reply.status) == (552, "5.2.2")
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
    with lmtp(node) as client:
        client.begin(mail=b" SIZE=%d" % len(large))
        reply = client.command(b"RCPT TO:<%s>" % user.name.encode())
        assert (reply.code, reply.status) == (552, "5.2.2")
    assert wait_for_mail(node, user, 1).select("INBOX")[1] == [b"1"]


def test_what_a_full_mailbox_refuses_comes_back_while_the_other_one_has_it(
    shape: Shape, node: Node, user: User, other_user: User
) -> None:
    """The documented rule: 250 means that each has it, or that the sender hears why not."""
    administer(shape, "user", "set", user.name, "--quota-messages", "1")
    with mx(node) as client:
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
        client.begin(user.name, other_user.name, sender=other_user.name.encode())
        assert client.data(samples.DOTS).code == 250
        client.begin(user.name, sender=other_user.name.encode())
        reply = client.data(samples.DOTS)
        assert (reply.code, reply.status) == (552, "5.2.2"), "nobody else has it"
    reader = wait_for_mail(node, other_user, 2)
    assert fetch(reader, 1).endswith(samples.DOTS)
    report = fetch(reader, 2)
    assert b"Action: failed" in report and b"Status: 5.2.2" in report and user.name.encode() in report
    assert wait_for_mail(node, user, 1).select("INBOX")[1] == [b"1"]


def test_a_utf8_local_part_needs_smtputf8(shape: Shape, node: Node, user: User) -> None:
    address = f"grüße.{user.name}".encode()
    administer(shape, "alias", "add", address.decode(), user.name)
    with mx(node) as client:
        client.begin()
        reply = client.command(b"RCPT TO:<%s>" % address)
        assert (reply.code, reply.status) == (553, "5.6.7")
        assert client.command(b"RSET").code == 250
        reply = client.command("MAIL FROM:<bjö@elsewhere.test>".encode())
        assert (reply.code, reply.status) == (553, "5.6.7")
        client.begin(address.decode(), sender="bjö@elsewhere.test".encode(), mail=b" SMTPUTF8")
        assert client.data(samples.EIGHT_BIT).code == 250
        assert client.command(b"MAIL FROM:<a\xff@elsewhere.test> SMTPUTF8").code == 501
    got = fetch(wait_for_mail(node, user, 1), 1)
    assert got.startswith("Return-Path: <bjö@elsewhere.test>\r\n".encode())
    assert b" with UTF8SMTP id " in got and got.endswith(samples.EIGHT_BIT)


def test_submission_wants_a_login(node: Node, user: User) -> None:
    with submission(node) as client:
        reply = client.command(b"MAIL FROM:<%s>" % user.name.encode())
        assert (reply.code, reply.status) == (530, "5.7.0")


def test_users_send_as_themselves_or_as_their_alias(
    shape: Shape, node: Node, user: User, other_user: User
) -> None:
    alias = f"sales.{user.name}"
    administer(shape, "alias", "add", alias, user.name)
    with submission(node, user) as client:
        for good in (user.name, user.name.replace("@", "+x@"), alias, ""):
            client.begin(other_user.name, sender=good.encode())
            assert client.command(b"RSET").code == 250
        for bad in (other_user.name, "nobody@example.test", "someone@elsewhere.test"):
            reply = client.command(b"MAIL FROM:<%s>" % bad.encode())
            assert (reply.code, reply.status) == (550, "5.7.1"), bad
        client.begin(other_user.name, sender=alias.encode())
        assert client.data(samples.PLAIN).code == 250
    assert b" with ESMTPSA id " in fetch(wait_for_mail(node, other_user, 1), 1)


def test_submission_refuses_unknown_recipients_here_and_takes_mail_for_elsewhere(
    node: Node, user: User
) -> None:
    with submission(node, user) as client:
        client.begin(sender=user.name.encode())
        assert client.command(b"RCPT TO:<nobody@example.test>").status == "5.1.1"
        assert client.command(b"RCPT TO:<someone@elsewhere.test>").status == "2.1.5"
