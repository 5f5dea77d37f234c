"""SMTP commands: what is offered, what is taken when, and where patience ends."""

import samples
from shape import Node, Shape, User, fetch, wait_for_mail
from smtp_client import SENDER, Client, administer, lmtp, mx, plain, reconfigure, submission


def test_ehlo_tells_what_the_exchanger_can_do(node: Node) -> None:
    with mx(node) as client:
        assert set(client.offers) == {
            b"PIPELINING", b"SIZE %d" % (64 << 20), b"8BITMIME", b"SMTPUTF8", b"CHUNKING",
            b"BINARYMIME", b"DSN", b"STARTTLS", b"ENHANCEDSTATUSCODES",
        }  # fmt: skip


def test_helo_is_answered_in_one_line_and_mail_follows(node: Node, user: User) -> None:
    with Client(node.host, node.smtp, b"HELO client.test") as client:
        assert client.offers == []
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
    assert b" with SMTP id " in fetch(wait_for_mail(node, user, 1), 1)


def test_a_hello_needs_a_name(node: Node) -> None:
    with Client(node.host, node.smtp, b"") as client:
        assert client.reply().code == 220
        for hello in (b"EHLO", b"HELO ", b"EHLO <x>"):
            assert client.command(hello).code == 501
        assert client.command(b"EHLO [192.0.2.1]").code == 250
        assert client.command(b"LHLO client.test").code == 500


def test_commands_out_of_order_are_refused(node: Node, user: User) -> None:
    with Client(node.host, node.smtp, b"") as client:
        client.reply()
        assert client.command(b"MAIL FROM:<a@elsewhere.test>").code == 503
        client.greet()
        assert client.command(b"RCPT TO:<%s>" % user.name.encode()).code == 503
        assert client.command(b"DATA").code == 503
        client.begin()
        assert client.command(b"DATA").code == 503
        assert client.command(b"MAIL FROM:<a@elsewhere.test>").code == 503
        assert client.command(b"DATA x").code == 501


def test_every_answer_but_hello_and_354_has_an_enhanced_status(node: Node, user: User) -> None:
    with mx(node) as client:
        name = user.name.encode()
        for command in (
            b"NOOP", b"NOOP x", b"RSET", b"VRFY x", b"EXPN x", b"HELP", b"XYZ", b"", b"DATA",
            b"STARTTLS x", b"AUTH PLAIN", b"MAIL", b"MAIL FROM:<a", b"MAIL FROM:<a@b> X=1",
            b"MAIL FROM:<a@elsewhere.test>", b"RCPT TO:<>", b"RCPT TO:<%s> X=1" % name,
            b"RCPT TO:<nobody@example.test>", b"RCPT TO:<%s>" % name, b"EHLO",
        ):  # fmt: skip
            reply = client.command(command)
            assert reply.status, (command, reply)
            assert reply.status[0] == str(reply.code)[0]
        assert client.data(samples.PLAIN).status == "2.0.0"
        assert client.command(b"QUIT").status == "2.0.0"
        assert client.at_end()


def test_vrfy_expn_and_help_tell_nothing(node: Node, user: User) -> None:
    with mx(node) as client:
        assert client.command(b"VRFY " + user.name.encode()).code == 252
        assert client.command(b"VRFY nobody@example.test").code == 252
        assert client.command(b"EXPN staff").code == 502
        assert client.command(b"HELP").code == 214


def test_rset_and_ehlo_forget_the_transaction(node: Node, user: User) -> None:
    with mx(node) as client:
        for forget in (b"RSET", b"EHLO client.test"):
            client.begin(user.name)
            assert client.command(forget).code == 250
            assert client.command(b"DATA").code == 503


def test_a_whole_transaction_in_one_write_is_answered_in_order(node: Node, user: User) -> None:
    with mx(node) as client:
        client.send(
            b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n%s.\r\nNOOP\r\nQUIT\r\n"
            % (SENDER, user.name.encode(), samples.PLAIN)
        )
        assert client.replies(6) == [250, 250, 354, 250, 250, 221]
        assert client.at_end()
    assert fetch(wait_for_mail(node, user, 1), 1).endswith(samples.PLAIN)


def test_a_pipelined_error_in_the_middle_leaves_the_rest_right(node: Node, user: User) -> None:
    with mx(node) as client:
        client.send(
            b"MAIL FROM:<%s>\r\nRCPT TO:<nobody@example.test>\r\nRCPT TO:<%s>\r\nXYZ\r\nDATA\r\n"
            % (SENDER, user.name.encode())
        )
        assert client.replies(5) == [250, 550, 250, 500, 354]
        client.send(samples.PLAIN + b".\r\n")
        assert client.reply().code == 250
    wait_for_mail(node, user, 1)


def test_data_pipelined_behind_refused_recipients_is_refused(node: Node) -> None:
    with mx(node) as client:
        client.send(b"MAIL FROM:<%s>\r\nRCPT TO:<nobody@example.test>\r\nDATA\r\n" % SENDER)
        assert client.replies(3) == [250, 550, 503]


def test_commands_byte_by_byte_are_understood(node: Node) -> None:
    with mx(node) as client:
        for byte in b"MAIL FROM:<a@elsewhere.test>\r\nRSET\r\n":
            client.send(bytes([byte]))
        assert client.replies(2) == [250, 250]


def test_a_thousand_pipelined_commands_are_answered(node: Node) -> None:
    with mx(node) as client:
        client.send(b"NOOP\r\n" * 1000)
        assert client.replies(1000) == [250] * 1000


def test_a_long_line_is_refused_and_an_endless_one_ends_the_connection(node: Node) -> None:
    with mx(node) as client:
        reply = client.command(b"NOOP " + b"x" * 6000)
        assert (reply.code, reply.status) == (500, "5.5.6")
        assert client.command(b"NOOP").code == 250
        client.send(b"x" * 20000)
        assert client.reply().code == 500
        assert client.at_end()


def test_too_many_errors_end_the_connection(node: Node) -> None:
    with mx(node) as client:
        for _ in range(20):
            assert client.command(b"XYZ").code == 500
        assert client.reply().code == 421
        assert client.at_end()


def test_errors_before_a_delivered_message_are_forgiven(node: Node, user: User) -> None:
    with mx(node) as client:
        for _ in range(3):
            for _ in range(15):
                assert client.command(b"XYZ").code == 500
            client.begin(user.name)
            assert client.data(samples.PLAIN).code == 250


def test_a_path_needs_a_domain_unless_it_is_postmaster(node: Node) -> None:
    with mx(node) as client:
        assert client.command(b"MAIL FROM:<someone>").code == 501
        client.begin()
        assert client.command(b"RCPT TO:<someone>").code == 501
        reply = client.command(b"RCPT TO:<postmaster>")
        assert reply.code == 550  # understood as postmaster@mail.example.test, who is not there


def test_postmaster_without_a_domain_is_that_of_the_host(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    administer(own_shape, "domain", "add", "mail.example.test")
    administer(own_shape, "alias", "add", "postmaster@mail.example.test", user.name)
    with mx(node) as client:
        client.begin("Postmaster")
        assert client.data(samples.PLAIN).code == 250
    wait_for_mail(node, user, 1)


def test_too_many_recipients_get_452_and_the_others_their_mail(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    node = reconfigure(own_shape, lambda text: text.replace("mx {", "mx {\n recipients_max 100;"))
    with mx(node) as client:
        client.begin()
        client.send(b"RCPT TO:<%s>\r\n" % user.name.encode() * 130)
        assert client.replies(130) == [250] * 100 + [452] * 30
        assert client.data(samples.PLAIN).code == 250
    wait_for_mail(node, user, 1)


def test_a_client_that_says_nothing_is_sent_away(own_shape: Shape) -> None:
    node = reconfigure(
        own_shape, lambda text: text.replace("mx {", "mx {\n command_timeout 1s; data_timeout 1s;")
    )
    with mx(node) as client, mx(node) as in_data:
        in_data.begin(own_shape.users[0].name)
        assert in_data.command(b"DATA").code == 354
        in_data.send(b"Subject: cut off\r\n")
        for silent in (client, in_data):
            assert silent.reply().code == 421
            assert silent.at_end()


def test_a_stopping_server_says_421(own_shape: Shape) -> None:
    with mx(own_shape.nodes[0]) as client:
        own_shape.nodes[0].do("stop")
        assert client.reply().code == 421
        assert client.at_end()


def test_starttls_forgets_what_was_said_before(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin(user.name)
        client.start_tls(node)
        assert client.command(b"MAIL FROM:<a@elsewhere.test>").code == 503
        client.greet()
        assert b"STARTTLS" not in client.offers
        assert client.command(b"DATA").code == 503
        assert client.command(b"STARTTLS").code == 502
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
    got = fetch(wait_for_mail(node, user, 1), 1)
    assert b"(using TLSv1.3 with cipher " in got and b" with ESMTPS id " in got


def test_what_is_sent_before_the_handshake_has_no_effect(node: Node) -> None:
    with mx(node) as client:
        client.send(b"STARTTLS\r\nEHLO injected.test\r\nMAIL FROM:<injected@elsewhere.test>\r\n")
        assert client.reply().code == 220
        client.wrap(node)
        assert client.command(b"RCPT TO:<x@example.test>").code == 503
        assert client.command(b"MAIL FROM:<a@elsewhere.test>").code == 503


def test_starttls_is_not_for_who_is_logged_in(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    with Client(node.host, node.submission) as client:
        assert client.command(b"AUTH PLAIN " + plain(user)).code == 235
        assert client.command(b"STARTTLS").code == 503


def test_submissions_is_tls_from_the_first_byte(node: Node, user: User) -> None:
    with Client(node.host, node.submissions, b"") as client:
        client.wrap(node)
        assert client.reply().code == 220
        client.greet()
        assert b"STARTTLS" not in client.offers
        assert any(offer.startswith(b"AUTH ") for offer in client.offers)


def test_lmtp_knows_lhlo_only(node: Node) -> None:
    with lmtp(node) as client:
        assert client.command(b"EHLO client.test").code == 500
        assert client.command(b"HELO client.test").code == 500
        assert {b"PIPELINING", b"CHUNKING", b"ENHANCEDSTATUSCODES"} <= set(client.offers)
        assert b"XSESSION" not in client.offers
        assert client.command(b"MAIL FROM:<a@elsewhere.test> XSESSION=abc").code == 555
        assert client.command(b"AUTH PLAIN AGEAYg==").code == 502


def test_submission_offers_more_than_the_exchanger(node: Node) -> None:
    with submission(node) as client:
        offered = [offer for offer in client.offers if offer.startswith(b"AUTH ")]
        assert [set(offer.split()) for offer in offered] == [
            {b"AUTH", b"PLAIN", b"LOGIN", b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256"}
        ]
