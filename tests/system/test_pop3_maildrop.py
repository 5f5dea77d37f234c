"""POP3 maildrops: listing, reading, deleting, and what others do meanwhile."""

import poplib
import time
from contextlib import closing

import pytest
from imap_client import Imap
from pop3_client import Pop3
from samples import ALL, DOTS, PLAIN, numbered
from shape import Node, Shape, User, wait_for_mail


def fill(node: Node, user: User, *messages: bytes) -> None:
    with closing(Imap(node, user)) as client:
        for message in messages:
            client.append("INBOX", message)


def count(node: Node, user: User) -> int:
    with Pop3(node, user) as client:
        return int(client.ok("STAT").split()[1])


def test_an_empty_mailbox(node: Node, user: User) -> None:
    with Pop3(node, user) as client:
        assert client.ok("STAT") == b"+OK 0 0"
        assert client.listing("LIST") == []
        assert client.listing("UIDL") == []
        for command in ("LIST 1", "UIDL 1", "RETR 1", "TOP 1 0", "DELE 1"):
            client.err(command)
        client.ok("QUIT")


def test_sizes_are_those_of_what_is_sent(node: Node, user: User) -> None:
    fill(node, user, *ALL.values())
    with Pop3(node, user) as client:
        sizes = [int(line.split()[1]) for line in client.listing("LIST")]
        assert sizes == [len(message) for message in ALL.values()]
        assert client.ok("STAT") == f"+OK {len(ALL)} {sum(sizes)}".encode()
        assert client.ok("LIST 2") == b"+OK 2 %d" % sizes[1]


@pytest.mark.parametrize("number", ["0", "-1", "2", "99999999999999999999", "x", "1x", ""])
def test_numbers_that_are_not_there(node: Node, user: User, number: str) -> None:
    fill(node, user, PLAIN)
    with Pop3(node, user) as client:
        for command in ("RETR", "DELE"):
            client.err(f"{command} {number}")
        client.err(f"TOP {number} 0")
        client.ok("STAT")


def test_messages_come_back_byte_for_byte(node: Node, user: User) -> None:
    fill(node, user, *ALL.values())
    with Pop3(node, user) as client:
        for number, message in enumerate(ALL.values(), 1):
            assert client.message(f"RETR {number}") == message


def test_top_gives_the_header_and_so_many_lines(node: Node, user: User) -> None:
    fill(node, user, DOTS)
    header, body = DOTS.split(b"\r\n\r\n", 1)
    lines = body.splitlines(keepends=True)
    with Pop3(node, user) as client:
        for wanted in range(len(lines) + 2):
            expected = header + b"\r\n\r\n" + b"".join(lines[:wanted])
            assert client.message(f"TOP 1 {wanted}") == expected
        assert client.message("TOP 1 2147483647") == DOTS
        for wrong in ("TOP 1", "TOP 1 -1", "TOP 1 x", "TOP"):
            client.err(wrong)


def test_top_of_a_message_without_a_body(node: Node, user: User) -> None:
    fill(node, user, ALL["empty body"], b"Subject: only\r\n\r\n")
    with Pop3(node, user) as client:
        assert client.message("TOP 1 5") == ALL["empty body"]
        assert client.message("TOP 2 0") == b"Subject: only\r\n\r\n"


def test_top_of_a_header_larger_than_one_piece(node: Node, user: User) -> None:
    header = b"".join(b"X-%d: %s\r\n" % (i, b"y" * 200) for i in range(800))
    fill(node, user, header + b"\r\none\r\ntwo\r\n")
    with Pop3(node, user) as client:
        assert client.message("TOP 1 0") == header + b"\r\n"
        assert client.message("TOP 1 1") == header + b"\r\none\r\n"


def test_a_large_message_reaches_a_slow_reader(node: Node, user: User) -> None:
    line = b"." + b"0123456789" * 7 + b"\r\n"
    large = PLAIN + line * (20 * 1024 * 1024 // len(line))
    fill(node, user, large)
    with Pop3(node, user) as client:
        client.send(b"RETR 1\r\nNOOP\r\n")
        time.sleep(1)
        assert client.line().startswith(b"+OK")
        received = []
        while (part := client.line()) != b".":
            received.append(part[1:] if part.startswith(b".") else part)
            if len(received) % 10000 == 0:
                time.sleep(0.02)
        assert b"".join(part + b"\r\n" for part in received) == large
        assert client.line().startswith(b"+OK")


def test_uidl_is_unique_and_stays_over_a_restart(own_shape: Shape) -> None:
    user, node = own_shape.fresh_user(), own_shape.nodes[0]
    fill(node, user, *(numbered(i) for i in range(5)))
    with Pop3(node, user) as client:
        before = client.listing("UIDL")
        assert len({line.split()[1] for line in before}) == 5
        assert client.ok("UIDL 3") == b"+OK " + before[2]
    node.do("stop")
    node.do("start")
    with Pop3(node, user) as client:
        assert client.listing("UIDL") == before
        client.ok("DELE 1")
        client.ok("QUIT")
    with Pop3(node, user) as client:
        left = [line.split()[1] for line in client.listing("UIDL")]
        assert left == [line.split()[1] for line in before[1:]]


def test_deleted_messages_go_at_quit(node: Node, user: User) -> None:
    fill(node, user, *(numbered(i) for i in range(3)))
    with Pop3(node, user) as client:
        client.ok("DELE 2")
        client.err("DELE 2")
        client.err("RETR 2")
        client.err("LIST 2")
        assert client.ok("STAT").startswith(b"+OK 2 ")
        assert [line.split()[0] for line in client.listing("LIST")] == [b"1", b"3"]
        assert [line.split()[0] for line in client.listing("UIDL")] == [b"1", b"3"]
        client.ok("QUIT")
        assert client.at_end()
    with Pop3(node, user) as client:
        assert client.message("RETR 2") == numbered(2)
        assert client.ok("STAT").startswith(b"+OK 2 ")


def test_rset_takes_deletions_back(node: Node, user: User) -> None:
    fill(node, user, PLAIN)
    with Pop3(node, user) as client:
        client.ok("DELE 1")
        client.ok("RSET")
        assert client.message("RETR 1") == PLAIN
        client.ok("QUIT")
    assert count(node, user) == 1


def test_without_quit_nothing_is_deleted(node: Node, user: User) -> None:
    fill(node, user, PLAIN)
    with Pop3(node, user) as client:
        client.ok("DELE 1")
    end = time.monotonic() + 10
    while True:
        with Pop3(node) as client:
            client.ok(f"USER {user.name}")
            if client.command(f"PASS {user.password}").startswith(b"+OK"):
                assert client.ok("STAT").startswith(b"+OK 1 ")
                return
        assert time.monotonic() < end


def test_what_imap_expunged_meanwhile(node: Node, user: User) -> None:
    fill(node, user, numbered(1), numbered(2))
    with Pop3(node, user) as client, closing(Imap(node, user)) as other:
        other.ok("SELECT INBOX")
        other.ok("STORE 1 +FLAGS (\\Deleted)")
        other.ok("EXPUNGE")
        client.err("RETR 1")
        assert client.message("RETR 2") == numbered(2)  # numbers stay during a session
        client.ok("DELE 1")
        client.ok("DELE 2")
        client.ok("QUIT")
    assert count(node, user) == 0


def test_what_comes_meanwhile_is_seen_by_the_next_session(node: Node, user: User) -> None:
    with Pop3(node, user) as client:
        node.send([user], PLAIN)
        wait_for_mail(node, user, 1).logout()
        assert client.ok("STAT") == b"+OK 0 0"
        client.ok("QUIT")
    assert count(node, user) == 1


def test_reading_by_pop3_leaves_messages_unseen(node: Node, user: User) -> None:
    fill(node, user, PLAIN)
    with Pop3(node, user) as client:
        client.message("RETR 1")
        client.ok("QUIT")
    with closing(Imap(node, user)) as other:
        other.ok("SELECT INBOX")
        assert "\\Seen" not in str(other.ok("FETCH 1 FLAGS").fetched()[1]["FLAGS"])


def test_a_long_list_waits_for_its_reader(node: Node, user: User) -> None:
    with closing(Imap(node, user)) as other:
        for _ in range(20):
            other.send(b"".join(b"a APPEND INBOX {9+}\r\nA: b\r\n\r\nc\r\n" for _ in range(100)))
            for _ in range(100):
                other._response()
    with Pop3(node, user) as client:
        client.send(b"UIDL\r\nLIST\r\n" * 50)
        time.sleep(0.5)
        for _ in range(100):
            assert client.line() == b"+OK"
            assert len(client.block()) == 2000


def test_pythons_own_client(node: Node, user: User) -> None:
    fill(node, user, PLAIN)
    client = poplib.POP3(node.host, node.pop3, timeout=30)
    client.stls(node.tls())
    client.user(user.name)
    client.pass_(user.password)
    assert client.stat() == (1, len(PLAIN))
    assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == PLAIN
    client.dele(1)
    client.quit()
    assert count(node, user) == 0
