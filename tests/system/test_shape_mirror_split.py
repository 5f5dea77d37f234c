"""The functional split over two stores that mirror each other, behind HAProxy."""

import os
from collections.abc import Iterator

import milters
import pytest
from failover import Reader, Sender
from shape import Node, Shape, User
from tiers import await_all, await_sync, node, sending, started

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="needs network namespaces"),
    pytest.mark.skipif(bool(milters.why_not("rspamd")), reason=milters.why_not("rspamd")),
]
MX = ["mx1", "mx2"]
HALVES = ["storea", "storeb"]
BAR_SECONDS = 3.0  # what docs/shapes promises; measured by script/bench shapes, printed here


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    with started("mirror-split", tmp_path_factory.mktemp("mirrorsplit"), 20) as shape:
        yield shape


def front(shape: Shape) -> Node:
    assert shape.front
    return shape.front


@pytest.mark.parametrize("name", MX)
def test_mail_is_at_both_halves(split: Shape, name: str) -> None:
    user = split.fresh_user()
    node(split, name).send([user], f"Subject: {name}\r\n\r\nx\r\n".encode())
    for at in [front(split), *(node(split, half) for half in HALVES)]:
        await_all(at, user, [name])


def serving(shape: Shape, user: User) -> str:
    """The half at which this machine's clients are."""
    with front(shape).open_imap(user):
        for name in HALVES:
            if f"user={user.name}" in (shape.folder / name / "log").read_text():
                return name
    raise AssertionError("nobody logged in")


@pytest.mark.parametrize("what", ["kill", "unplug"])
@pytest.mark.parametrize("half", ["serving", "other"])
def test_one_half_is_lost_under_load_and_nobodys_mail_stops_for_long(split: Shape, what: str, half: str) -> None:
    users = [split.fresh_user() for _ in MX]
    first = serving(split, users[0])
    lost = node(split, first if half == "serving" else next(name for name in HALVES if name != first))
    senders = [Sender(node(split, name), user) for name, user in zip(MX, users, strict=True)]
    reader = Reader(front(split), users[0])
    with sending(*senders):
        lost.do(what)
        for sender in senders:
            sender.await_more()
        lost.do("start" if what == "kill" else "plug")
    for sender, user in zip(senders, users, strict=True):
        found = await_all(front(split), user, sender.acknowledged)
        assert all(found[name] == 1 for name in sender.acknowledged), "a message is there twice"
        print(f"{len(sender.acknowledged)} through {sender.at.name}: {max(sender.pauses):.2f} s without an answer"
              f" at most (bar: {BAR_SECONDS:.0f})")  # fmt: skip
    told = reader.come_back()
    assert told.uid_validity == reader.uid_validity and not told.vanished
    await_sync(split, *HALVES)
    for sender, user in zip(senders, users, strict=True):
        for name in HALVES:
            await_all(node(split, name), user, sender.acknowledged)


def test_the_halves_part_and_meet_again(split: Shape) -> None:
    users = [split.fresh_user() for _ in MX]
    senders = [Sender(node(split, name), user) for name, user in zip(MX, users, strict=True)]
    with sending(*senders):
        node(split, "storea").do("partition")
        for sender in senders:
            sender.await_more()
        node(split, "storea").do("heal")
    for sender, user in zip(senders, users, strict=True):
        print(f"{max(sender.pauses):.2f} s without an answer at most")
        for name in HALVES:
            await_all(node(split, name), user, sender.acknowledged)


def test_the_stores_know_whose_mail_it_is_behind_the_balancer(split: Shape) -> None:
    """The PROXY header says which mx it is, so the store believes what it says of junk."""
    user = split.fresh_user()
    node(split, "mx1").send([user], f"Subject: x\r\n\r\n{milters.ADD_HEADER}\r\n".encode())
    client = front(split).open_imap(user)
    assert client.select("Junk", readonly=True)[1] == [b"1"]
