"""The functional split: two mx with rspamd, one store, two of webmail."""

import imaplib
import os
import re
import smtplib
import urllib.error
import urllib.request
from collections.abc import Iterator

import milters
import pytest
import shape as shapes
from failover import Sender
from milters import ADD_HEADER, REJECT
from shape import PATIENCE, Node, Shape, User, wait_for_mail
from tiers import await_all, node, sending, started, subjects

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="needs network namespaces"),
    pytest.mark.skipif(bool(milters.why_not("rspamd")), reason=milters.why_not("rspamd")),
]
MX = ["mx1", "mx2"]


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    with started("split", tmp_path_factory.mktemp("split"), 20) as shape:
        yield shape


def text(subject: str, body: str = "Hello") -> bytes:
    fields = f"From: Ann <ann@elsewhere.test>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@x>\r\n"
    return f"{fields}\r\n{body}\r\n".encode()


@pytest.mark.parametrize("name", MX)
def test_mail_comes_through_each_mx(split: Shape, name: str) -> None:
    user = split.fresh_user()
    node(split, name).send([user], text(name))
    assert set(subjects(node(split, "store"), user)) == {name}


@pytest.mark.parametrize("name", MX)
def test_the_filter_of_each_mx_judges_and_the_store_believes_it(split: Shape, name: str) -> None:
    user, mx, store = split.fresh_user(), node(split, name), node(split, "store")
    with pytest.raises(smtplib.SMTPDataError):
        mx.send([user], text("spam", REJECT))
    mx.send([user], text("suspect", ADD_HEADER))
    client = store.open_imap(user)
    assert client.select("Junk", readonly=True)[1] == [b"1"]
    assert client.select("INBOX", readonly=True)[1] == [b"0"]


@pytest.mark.parametrize("name", MX)
def test_who_is_not_there_is_refused_at_the_edge(split: Shape, name: str) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        node(split, name).send([User("nobody@example.test", "")], text("x"))
    assert refused.value.recipients["nobody@example.test"][0] == 550


@pytest.mark.parametrize("name", MX)
def test_users_send_through_each_mx_with_the_passwords_of_the_store(split: Shape, name: str) -> None:
    user, other, mx = split.fresh_user(), split.fresh_user(), node(split, name)
    with smtplib.SMTP_SSL(mx.host, mx.submissions, context=mx.tls(), timeout=PATIENCE) as client:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(user.name, "wrong")
        client.login(user.name, user.password)
        client.sendmail(user.name, [other.name], f"From: {user.name}\r\nSubject: {name}\r\n\r\nx\r\n")
    wait_for_mail(node(split, "store"), other, 1)


def page(at: Node, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{at.host}:{at.http}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


@pytest.mark.parametrize("name", ["web1", "web2"])
def test_webmail_says_that_it_is_not_there_yet(split: Shape, name: str) -> None:
    web = node(split, name)
    assert web.placeholder is True
    assert page(web, "/health") == (200, "web ready\n")
    status, text = page(web, "/")
    assert status == 200 and "not there yet" in text
    assert page(web, "/mail")[0] == 404
    log = (split.folder / name / "log").read_text()
    assert re.search(r'event="role ready" confined_by="?landlock( seccomp)?"? uid=64104', log)


def test_the_store_dies_under_load_and_nothing_that_was_acknowledged_is_lost(split: Shape) -> None:
    store, users = node(split, "store"), [split.fresh_user() for _ in MX]
    senders = [Sender(node(split, name), user) for name, user in zip(MX, users, strict=True)]
    with sending(*senders):
        store.do("kill")
        for sender in senders:
            sender.await_more()  # into the queue of its mx
        store.do("start")
    for sender, user in zip(senders, users, strict=True):
        found = await_all(store, user, sender.acknowledged)
        twice = [name for name in sender.acknowledged if found[name] > 1]
        print(f"{len(sender.acknowledged)} through {sender.at.name}, {max(sender.pauses):.2f} s without an answer")
        assert not twice


def test_an_mx_dies_under_load_and_the_other_one_goes_on(split: Shape) -> None:
    store, users = node(split, "store"), [split.fresh_user() for _ in MX]
    senders = [Sender(node(split, name), user) for name, user in zip(MX, users, strict=True)]
    with sending(*senders):
        senders[0].at.do("kill")
        before = len(senders[1].pauses)
        senders[1].await_more()
        print(f"the other one: {max(senders[1].pauses[before:]):.2f} s from one answer to the next at most")
        senders[0].at.do("start")
    for sender, user in zip(senders, users, strict=True):
        await_all(store, user, sender.acknowledged)


def test_a_store_that_can_not_be_reached_is_no_wrong_password(split: Shape) -> None:
    user, mx, store = split.fresh_user(), node(split, "mx1"), node(split, "store")
    store.do("partition")
    try:
        with smtplib.SMTP_SSL(mx.host, mx.submissions, context=mx.tls(), timeout=PATIENCE * 2) as client:
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.login(user.name, user.password)
        assert refused.value.smtp_code == 454
        client = store.open_imap(user)  # its own clients do not notice
        assert client.noop()[0] == "OK"
    finally:
        store.do("heal")
    mx.send([user], text("back"))
    await_all(store, user, ["back"])


def test_no_plain_password_crosses_the_wire(split: Shape) -> None:
    user, store = split.fresh_user(), node(split, "store")
    with pytest.raises(imaplib.IMAP4.error):
        imaplib.IMAP4(store.host, store.imap, timeout=PATIENCE).login(user.name, user.password)


def test_it_comes_up_again_as_it_was(split: Shape) -> None:
    user = split.fresh_user()
    node(split, "mx2").send([user], text("before"))
    described = (split.folder / "shape.json").read_text()
    shapes.down(split.folder)
    again = shapes.up("split", split.folder, len(split.users))
    assert (split.folder / "shape.json").read_text() == described
    node(again, "mx1").send([user], text("behind"))
    await_all(node(again, "store"), user, ["before", "behind"])
