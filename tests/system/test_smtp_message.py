"""Messages by SMTP: their bytes, their size, chunks, and the fields that are added."""

import re
import socket

import pytest
import samples
from shape import Node, Shape, User, fetch, wait_for_mail
from smtp_client import SENDER, mx, reconfigure, submission

HEADER = samples.PLAIN[: samples.PLAIN.index(b"\r\n\r\n") + 4]
BODIES = {
    "8-bit without a declaration": bytes(range(128, 256)) + b"\r\n",
    "lines far past 998": b"x" * 100_000 + b"\r\n" + b"y" * 300_000 + b"\r\n",
    "dots everywhere": b".\r\n..\r\n...\r\n.a\r\na.\r\n. \r\n",
    "nothing": b"",
    "empty lines": b"\r\n" * 1000,
    "control characters": bytes(range(1, 10)) + bytes([11, 12]) + bytes(range(14, 32)) + b"\r\n",
    "NUL": b"a\0b\r\n\0\r\n.\0\r\n",
    "larger than memory": (b"z" * 76 + b"\r\n") * 20_000,
}


def added(got: bytes, message: bytes) -> bytes:
    """What stands in front of the message as it was sent."""
    assert got.endswith(message)
    return got[: len(got) - len(message)]


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("verb", ["DATA", "BDAT"])
def test_bytes_come_back_identical(node: Node, user: User, kind: str, verb: str) -> None:
    message = HEADER + BODIES[kind]
    with mx(node) as client:
        client.begin(user.name, mail=b" BODY=8BITMIME")
        if verb == "DATA":
            assert client.data(message).code == 250
        else:
            client.send(b"BDAT %d LAST\r\n%s" % (len(message), message))
            assert client.reply().code == 250
    added(fetch(wait_for_mail(node, user, 1), 1), message)


def test_a_message_without_a_final_line_end_stays_so_by_bdat(node: Node, user: User) -> None:
    message = HEADER + b"no end"
    with mx(node) as client:
        client.begin(user.name)
        client.send(b"BDAT %d LAST\r\n%s" % (len(message), message))
        assert client.reply().code == 250
    added(fetch(wait_for_mail(node, user, 1), 1), message)


def test_the_message_may_come_in_any_pieces(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin(user.name)
        assert client.command(b"DATA").code == 354
        for byte in samples.DOTS.replace(b"\r\n.", b"\r\n..") + b".\r\n":
            client.send(bytes([byte]))
        assert client.reply().code == 250
    added(fetch(wait_for_mail(node, user, 1), 1), samples.DOTS)


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\r", b"\r.\r\n", b"\r\n.\r\r\n"]
)
def test_no_message_is_smuggled_in(node: Node, user: User, end: bytes) -> None:
    """What some servers take for an end of the message is text of it, and the only message."""
    smuggled = b"MAIL FROM:<evil@elsewhere.test>\r\nRCPT TO:<%s>\r\nDATA\r\n" % user.name.encode()
    with mx(node) as client:
        client.begin(user.name)
        assert client.command(b"DATA").code == 354
        client.send(HEADER + b"first" + end + smuggled + b"Subject: second\r\n\r\n.\r\n")
        assert client.reply().code == 250
        client.send(b"NOOP\r\nRSET\r\n")
        assert client.replies(2) == [250, 250]
    reader = wait_for_mail(node, user, 1)
    got = fetch(reader, 1)
    assert b"MAIL FROM:<evil@elsewhere.test>" in got and b"Subject: second" in got
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", got), "no bare line end is left"
    assert reader.select("INBOX")[1] == [b"1"]


def test_chunks_make_one_message(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin(user.name, mail=b" BODY=BINARYMIME")
        body = b"\0\r\n.\r\n\0 bare \n and \r too"
        for part in (HEADER, b"", body):
            client.send(b"BDAT %d\r\n%s" % (len(part), part))
            assert client.reply().code == 250
        assert client.command(b"BDAT 0 LAST").code == 250
    added(fetch(wait_for_mail(node, user, 1), 1), HEADER + body)


def test_chunks_may_be_pipelined(node: Node, user: User) -> None:
    with mx(node) as client:
        client.send(
            b"MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nBDAT %d\r\n%sBDAT 6 LAST\r\nbody\r\nNOOP\r\n"
            % (SENDER, user.name.encode(), len(HEADER), HEADER)
        )
        assert client.replies(5) == [250] * 5
    added(fetch(wait_for_mail(node, user, 1), 1), HEADER + b"body\r\n")


def test_a_chunk_in_the_wrong_place_is_read_and_refused(node: Node, user: User) -> None:
    with mx(node) as client:
        client.send(b"BDAT 12 LAST\r\nQUIT\r\nQUIT\r\nNOOP\r\n")
        assert client.replies(2) == [503, 250]
        client.begin()
        client.send(b"BDAT 6\r\nQUIT\r\nNOOP\r\n")
        assert client.replies(2) == [503, 250]
        assert client.command(b"RCPT TO:<%s>" % user.name.encode()).code == 250
        assert client.data(samples.PLAIN).code == 250


def test_between_chunks_only_chunks_and_rset_are_taken(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin(user.name)
        client.send(b"BDAT 3\r\nabc")
        assert client.reply().code == 250
        assert client.command(b"DATA").code == 503
        assert client.command(b"RCPT TO:<%s>" % user.name.encode()).code == 503
        assert client.command(b"MAIL FROM:<a@elsewhere.test>").code == 503
        assert client.command(b"RSET").code == 250
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
    added(fetch(wait_for_mail(node, user, 1), 1), samples.PLAIN)


def test_a_malformed_bdat_ends_the_connection(node: Node) -> None:
    with mx(node) as client:
        client.send(b"BDAT many\r\nQUIT\r\n")
        assert client.reply().code == 501
        assert client.at_end()


def test_binarymime_needs_bdat(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin(user.name, mail=b" BODY=BINARYMIME")
        assert client.command(b"DATA").code == 503


def test_a_message_declared_too_big_is_refused_at_mail(node: Node) -> None:
    with mx(node) as client:
        for size in (b"67108865", b"99999999999999999999"):
            reply = client.command(b"MAIL FROM:<a@elsewhere.test> SIZE=" + size)
            assert (reply.code, reply.status) == (552, "5.3.4")
        assert client.command(b"MAIL FROM:<a@elsewhere.test> SIZE=67108864").code == 250


def test_a_message_too_big_is_refused_at_its_end_and_the_connection_goes_on(
    own_shape: Shape,
) -> None:
    limit = 100 * 1024
    node = reconfigure(
        own_shape, lambda text: text.replace("mx {", "mx {\n max_message_size 100K;")
    )
    user = own_shape.users[0]
    exact = HEADER + b"x" * (limit - len(HEADER) - 2) + b"\r\n"
    with mx(node) as client:
        for message, code in ((exact, 250), (b"X" + exact, 552), (samples.PLAIN, 250)):
            client.begin(user.name)
            reply = client.data(message)
            assert (reply.code, reply.status) == (code, "5.3.4" if code == 552 else "2.0.0")
        client.begin(user.name)
        client.send(b"BDAT %d\r\n%s" % (limit + 1, b"x" * (limit + 1)))
        assert client.reply().code == 552
        client.send(b"BDAT 1 LAST\r\nx")
        assert client.reply().code == 503
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
    reader = wait_for_mail(node, user, 3)
    added(fetch(reader, 1), exact)


def test_a_message_of_the_largest_size_allowed_gets_to_the_store(own_shape: Shape) -> None:
    """What mx adds to it does not count there."""
    node = reconfigure(
        own_shape,
        lambda text: text.replace("mx {", "mx {\n max_message_size 1M;").replace(
            "store {", "store {\n append_limit 1M;"
        ),
    )
    user = own_shape.users[0]
    exact = HEADER + b"x" * ((1 << 20) - len(HEADER) - 2) + b"\r\n"
    with mx(node) as client:
        client.begin(user.name, mail=b" SIZE=%d" % len(exact))
        assert client.data(exact).code == 250
    added(fetch(wait_for_mail(node, user, 1), 1), exact)


def test_who_never_stops_sending_is_stopped(own_shape: Shape) -> None:
    node = reconfigure(
        own_shape, lambda text: text.replace("mx {", "mx {\n max_message_size 1M;")
    )
    with mx(node) as client:
        client.begin(own_shape.users[0].name)
        assert client.command(b"DATA").code == 354
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(1024):
                client.send(b"x" * (1 << 20))
    with mx(node) as client:
        client.begin(own_shape.users[0].name)
        reply = client.command(b"BDAT 10737418240 LAST")
        assert (reply.code, reply.status) == (552, "5.3.4")
        assert client.at_end()


def test_a_client_that_goes_in_the_middle_leaves_nothing(node: Node, user: User) -> None:
    for half in (b"DATA\r\n" + samples.PLAIN, b"BDAT 1000 LAST\r\n" + samples.PLAIN):
        with mx(node) as client:
            client.begin(user.name)
            client.send(half)
    with mx(node) as client:
        client.begin(user.name)
        client.send(b"DATA\r\n" + samples.PLAIN)
        client.socket.shutdown(socket.SHUT_WR)
        client.reply()
        assert client.at_end()
        # And who has said everything before he closed his side gets his answers.
    with mx(node) as client:
        client.begin(user.name)
        client.send(b"DATA\r\n" + samples.DOTS.replace(b"\r\n.", b"\r\n..") + b".\r\nQUIT\r\n")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.replies(3) == [354, 250, 221]
    reader = wait_for_mail(node, user, 1)
    added(fetch(reader, 1), samples.DOTS)
    assert reader.select("INBOX")[1] == [b"1"]


def test_trace_fields_say_where_the_message_came_from(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
    front = added(fetch(wait_for_mail(node, user, 1), 1), samples.PLAIN)
    pattern = (
        rb"Return-Path: <someone@elsewhere\.test>\r\n"
        rb"Received: from client\.test \(\[127\.0\.0\.1\]\)\r\n"
        rb"\tby mail\.example\.test \(Rookery\) with ESMTP id [a-z2-7]+\r\n"
        rb"\tfor <%s>;\r\n\t\w{3}, \d+ \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\n"
    )
    assert re.fullmatch(pattern % re.escape(user.name).encode(), front), front


def test_recipients_are_not_told_of_each_other(node: Node, user: User, other_user: User) -> None:
    with mx(node) as client:
        client.begin(user.name, other_user.name)
        assert client.data(samples.PLAIN).code == 250
    front = added(fetch(wait_for_mail(node, user, 1), 1), samples.PLAIN)
    assert b"for <" not in front and other_user.name.encode() not in front


def test_the_null_sender_is_kept(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin(user.name, sender=b"")
        assert client.data(samples.PLAIN).code == 250
    assert fetch(wait_for_mail(node, user, 1), 1).startswith(b"Return-Path: <>\r\nReceived: ")


def test_a_message_in_a_loop_is_refused(node: Node, user: User) -> None:
    hop = b"Received: from a by b; Tue, 24 Nov 2026 10:00:00 +0000\r\n"
    with mx(node) as client:
        client.begin(user.name)
        assert client.data(hop * 99 + samples.PLAIN).code == 250
        client.begin(user.name)
        reply = client.data(hop * 100 + samples.PLAIN)
        assert (reply.code, reply.status) == (550, "5.4.6")
        client.begin(user.name)  # in the body they are text
        assert client.data(samples.PLAIN + hop * 100).code == 250
    wait_for_mail(node, user, 2)


def test_submission_adds_date_and_message_id_when_they_are_missing(node: Node, user: User) -> None:
    bare = b"From: <%s>\r\nSubject: bare\r\n\r\nDate: not a field\r\n" % user.name.encode()
    with submission(node, user) as client:
        for message in (bare, samples.PLAIN):
            client.begin(user.name, sender=user.name.encode())
            assert client.data(message).code == 250
    reader = wait_for_mail(node, user, 2)
    front = added(fetch(reader, 1), bare)
    assert re.search(rb"\r\nDate: \w{3}, ", front)
    assert re.search(rb"\r\nMessage-ID: <[a-z2-7]+@mail\.example\.test>\r\n", front)
    assert front.startswith(b"Return-Path: ")
    assert re.search(rb"\r\nReceived: .*ESMTPSA id.*\r\nDate: ", front, re.DOTALL)
    assert b"\r\nDate: " not in added(fetch(reader, 2), samples.PLAIN)


def test_the_exchanger_adds_neither(node: Node, user: User) -> None:
    bare = b"Subject: bare\r\n\r\nbody\r\n"
    with mx(node) as client:
        client.begin(user.name)
        assert client.data(bare).code == 250
    front = added(fetch(wait_for_mail(node, user, 1), 1), bare)
    assert b"Message-ID:" not in front and b"\nDate:" not in front


def test_an_empty_message_is_delivered(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin(user.name)
        assert client.data(b"").code == 250
        client.begin(user.name)
        assert client.command(b"BDAT 0 LAST").code == 250
    wait_for_mail(node, user, 2)


def test_the_session_id_leads_from_mx_to_the_store(shape: Shape, user: User) -> None:
    with mx(shape.nodes[0]) as client:
        client.begin(user.name)
        reply = client.data(samples.PLAIN)
    name = reply.lines[0].rpartition(b" ")[2].decode()
    lines = [
        line
        for line in shape.logs()[0].read_text(errors="replace").splitlines()
        if f"id={name}" in line
    ]
    assert [role for line in lines for role in ("mx", "store") if f"role={role} " in line] in (
        ["store", "mx"],
        ["mx", "store"],
    ), "one line a message and role"
    assert all(user.name in line and 'event="message accepted"' in line for line in lines)
    got = fetch(wait_for_mail(shape.nodes[0], user, 1), 1)
    assert b" id " + name.encode() + b"\r\n" in got
