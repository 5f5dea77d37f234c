"""rookery user kick: all sessions of a user end, nobody else's."""

import time

from imap_client import Imap
from pop3_client import Pop3
from shape import Node, Shape, User
from smtp_client import administer


def kick(shape: Shape, user: User) -> int:
    return int(str(administer(shape, "user", "kick", user.name)["sessions"]))


def test_sessions_end_with_a_word_and_he_may_come_again(
    shape: Shape, node: Node, user: User, other_user: User
) -> None:
    idle, quiet, other = Imap(node, user), Imap(node, user), Imap(node, other_user)
    idle.ok("SELECT INBOX")
    idle.begin("IDLE")
    idle.continuation()
    popper = Pop3(node, user)
    begin = time.monotonic()
    assert kick(shape, user) == 3
    assert time.monotonic() - begin < 1.5, "nobody had to be cut"
    for client in (idle, quiet):
        _, code, _ = client.wait_for("BYE")
        assert code == "UNAVAILABLE"
        assert client.closed()
    assert popper.line().startswith(b"-ERR [SYS/TEMP] ")
    other.ok("NOOP")
    assert kick(shape, user) == 0
    Imap(node, user).ok("NOOP")
