"""Proxies over pairs of back ends that mirror each other: a home in the directory is two hosts."""

import os
import time
from collections.abc import Iterator

import pytest
import slapd
from shape import PATIENCE, Node, Shape, User
from tiers import Visitor, await_all, await_sync, node, sending, started, subjects

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="needs network namespaces"),
    pytest.mark.skipif(bool(slapd.why_not()), reason=slapd.why_not()),
]
HOMES = ["store1", "store2"]
BAR_SECONDS = 3.0  # measured by script/bench shapes, printed here


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    with started("mirror-proxy", tmp_path_factory.mktemp("mirrorproxy"), 40, "haproxy") as shape:
        yield shape


def front(shape: Shape) -> Node:
    assert shape.front
    return shape.front


def one_of_each(shape: Shape) -> list[User]:
    """The n-th lives on the n-th pair."""
    return [shape.fresh_user() for _ in HOMES]


def test_mail_is_at_both_halves_of_the_pair_and_nowhere_else(proxied: Shape) -> None:
    users = one_of_each(proxied)
    node(proxied, "store1b").send(users, b"Subject: x\r\n\r\nx\r\n")
    for home, user in zip(HOMES, users, strict=True):
        await_all(front(proxied), user, ["x"])
        for half in "ab":
            assert subjects(node(proxied, f"{home}{half}"), user)["x"] == 1


@pytest.mark.parametrize("what", ["kill", "unplug"])
@pytest.mark.parametrize("half", ["store1a", "store1b"])
def test_one_half_is_lost_under_load_and_nobodys_mail_stops_for_long(proxied: Shape, what: str, half: str) -> None:
    visitors = [Visitor(front(proxied), user) for user in one_of_each(proxied)]
    with sending(*visitors):
        node(proxied, half).do(what)
        end = time.monotonic() + 4
        while time.monotonic() < end:
            for visitor in visitors:
                visitor.await_more()
        node(proxied, half).do("start" if what == "kill" else "plug")
    for visitor in visitors:
        print(f"{visitor.user.name}: {len(visitor.acknowledged)} stored, {visitor.pause():.2f} s without an answer"
              f" at most (bar: {BAR_SECONDS:.0f}); {dict(visitor.errors)}")  # fmt: skip
        assert "AUTHENTICATIONFAILED" not in visitor.errors
        await_all(front(proxied), visitor.user, visitor.acknowledged)
    assert not visitors[1].errors  # of the other pair
    await_sync(proxied, "store1a", "store1b")
    for name in ("store1a", "store1b"):
        await_all(node(proxied, name), visitors[0].user, visitors[0].acknowledged)


def test_a_pair_that_is_away_is_no_wrong_password_and_no_bounce(proxied: Shape) -> None:
    users = one_of_each(proxied)
    visitor = Visitor(front(proxied), users[0])
    with sending(visitor):
        for half in "ab":
            node(proxied, f"store1{half}").do("kill")
        node(proxied, "store2a").send([users[0]], b"Subject: waits\r\n\r\nx\r\n")
        end = time.monotonic() + PATIENCE
        while not visitor.errors["UNAVAILABLE"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        for half in "ab":
            node(proxied, f"store1{half}").do("start")
    assert "AUTHENTICATIONFAILED" not in visitor.errors
    await_all(front(proxied), users[0], ["waits", *visitor.acknowledged])
