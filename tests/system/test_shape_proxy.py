"""The domain split: two proxies behind HAProxy, four back ends, slapd that knows who lives where."""

import imaplib
import os
import poplib
import smtplib
import subprocess
import time
from collections.abc import Iterator

import pytest
import slapd
from failover import Sender
from shape import PATIENCE, SHAPE, Node, Shape, User
from tiers import Visitor, await_all, command, ended, node, sending, started, subjects

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="needs network namespaces"),
    pytest.mark.skipif(bool(slapd.why_not()), reason=slapd.why_not()),
]
STORES = ["store1", "store2", "store3", "store4"]
PROXIES = ["proxy1", "proxy2"]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    with started("proxy", tmp_path_factory.mktemp("proxied"), 64, "haproxy") as shape:
        yield shape


def front(shape: Shape) -> Node:
    assert shape.front
    return shape.front


def one_of_each(shape: Shape) -> list[User]:
    """Nobody has had them; the n-th lives on the n-th back end (tiered.py spreads them so)."""
    return [shape.fresh_user() for _ in STORES]


def test_each_user_is_led_home(proxied: Shape) -> None:
    users = one_of_each(proxied)
    for number, user in enumerate(users):
        for at in (front(proxied), *(node(proxied, name) for name in PROXIES)):
            client = at.open_imap(user)
            client.append("INBOX", None, None, f"Subject: {at.described.get('name', 'front')}\r\n\r\nx\r\n".encode())
            client.logout()
        assert sum(subjects(node(proxied, STORES[number]), user).values()) == 3
        for other in STORES:
            log = (proxied.folder / other / "log").read_text()
            assert (f"user={user.name} protocol=imap" in log) == (other == STORES[number])


def test_back_ends_know_who_the_client_is(proxied: Shape) -> None:
    user = one_of_each(proxied)[0]
    front(proxied).open_imap(user).logout()
    here = ".".join([*front(proxied).host.split(".")[:3], "1"])  # this machine on the front's network
    lines = (proxied.folder / "store1" / "log").read_text().splitlines()
    assert any(f"client={here} " in line and f"user={user.name}" in line for line in lines)


def test_a_wrong_password_is_one_and_may_be_tried_again(proxied: Shape) -> None:
    user = one_of_each(proxied)[1]
    client = front(proxied).open_imap()
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        client.login(user.name, "wrong")
    client.login(user.name, user.password)


def test_pop3_goes_home_too(proxied: Shape) -> None:
    user = one_of_each(proxied)[2]
    client = front(proxied).open_imap(user)
    client.append("INBOX", None, None, b"Subject: x\r\n\r\nx\r\n")
    pop = poplib.POP3_SSL(front(proxied).host, front(proxied).pop3s, context=front(proxied).tls(), timeout=PATIENCE)
    pop.user(user.name)
    pop.pass_(user.password)
    assert pop.stat()[0] == 1


@pytest.mark.parametrize("name", STORES)
def test_mail_for_all_goes_to_all_whatever_back_end_gets_it(proxied: Shape, name: str) -> None:
    users = one_of_each(proxied)
    node(proxied, name).send(users, f"Subject: by {name}\r\n\r\nx\r\n".encode())
    for user in users:
        assert await_all(front(proxied), user, [f"by {name}"])[f"by {name}"] == 1


def test_users_send_through_the_proxies_by_their_own_back_end(proxied: Shape) -> None:
    users = one_of_each(proxied)
    for number, user in enumerate(users):
        at, text = front(proxied), f"From: {user.name}\r\nSubject: {number}\r\n\r\nx\r\n"
        with smtplib.SMTP_SSL(at.host, at.submissions, context=at.tls(), timeout=PATIENCE) as client:
            client.login(user.name, user.password)
            client.sendmail(user.name, [other.name for other in users], text)
        assert f"user={user.name} protocol=submission" in (proxied.folder / STORES[number] / "log").read_text()
    for user in users:
        await_all(front(proxied), user, ["0", "1", "2", "3"])


def test_mail_comes_in_through_the_proxies(proxied: Shape) -> None:
    users = one_of_each(proxied)
    for name in PROXIES:
        for user in users:
            node(proxied, name).send([user], f"Subject: by {name}\r\n\r\nx\r\n".encode())
    for user in users:
        await_all(front(proxied), user, [f"by {name}" for name in PROXIES])


def test_a_proxy_dies_under_load_and_its_clients_go_to_the_other_one(proxied: Shape) -> None:
    visitors = [Visitor(front(proxied), user) for user in one_of_each(proxied)]
    with sending(*visitors):
        for name in PROXIES:
            node(proxied, name).do("kill")
            for visitor in visitors:
                visitor.await_more()
            node(proxied, name).do("start")
            time.sleep(1)  # HAProxy uses it again after two checks
    for visitor in visitors:
        print(f"{visitor.user.name}: {visitor.pause():.2f} s without an answer at most; {dict(visitor.errors)}")
        assert "AUTHENTICATIONFAILED" not in visitor.errors
        await_all(front(proxied), visitor.user, visitor.acknowledged)


def test_a_back_end_dies_under_load_and_only_its_users_are_affected(proxied: Shape) -> None:
    users = one_of_each(proxied)
    visitors = [Visitor(front(proxied), user) for user in users]
    sender = Sender(node(proxied, "store2"), users[0])  # a back end that has mail for the dead one
    with sending(*visitors, sender):
        node(proxied, "store1").do("kill")
        end = time.monotonic() + 4
        while time.monotonic() < end:
            for visitor in visitors[1:]:
                visitor.await_more()
        sender.await_more()  # into a queue
        node(proxied, "store1").do("start")
    for visitor in visitors:
        print(f"{visitor.user.name}: {visitor.pause():.2f} s without an answer at most; {dict(visitor.errors)}")
        await_all(front(proxied), visitor.user, visitor.acknowledged)
    assert "AUTHENTICATIONFAILED" not in visitors[0].errors
    assert visitors[0].errors["UNAVAILABLE"]
    assert not any(visitor.errors for visitor in visitors[1:])
    await_all(front(proxied), users[0], sender.acknowledged)


def test_a_directory_that_is_away_is_no_wrong_password(proxied: Shape) -> None:
    known, unknown = one_of_each(proxied)[:2]
    front(proxied).open_imap(known).logout()
    service(proxied, "stop")
    try:
        client = front(proxied).open_imap()
        with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE"):
            client.login(unknown.name, unknown.password)
    finally:
        service(proxied, "start")
    end = time.monotonic() + PATIENCE
    while True:
        try:
            front(proxied).open_imap(unknown).logout()
            return
        except imaplib.IMAP4.error:
            assert time.monotonic() < end, "the directory is back, and nobody asks it"
            time.sleep(0.2)


def test_a_user_who_is_kicked_is_gone_from_all_proxies_and_others_stay(proxied: Shape) -> None:
    user, other = one_of_each(proxied)[:2]
    clients = [node(proxied, name).open_imap(user) for name in PROXIES]
    stays = node(proxied, "proxy1").open_imap(other)
    told = command(proxied, "store4", "user", "kick", user.name)
    print(told)
    end = time.monotonic() + PATIENCE
    while not all(ended(client) for client in clients):
        assert time.monotonic() < end, "he is still there"
        time.sleep(0.05)
    assert stays.noop()[0] == "OK"


def service(shape: Shape, verb: str) -> None:
    subprocess.run([str(SHAPE), "node", verb, "--dir", str(shape.folder), "--node", "directory"], check=True, timeout=60)
