"""Python's own imaplib, poplib and smtplib."""

import imaplib
import poplib
import smtplib

import pytest
import samples
from shape import Node, User, fetch, wait_for_mail


@pytest.mark.parametrize("kind", samples.ALL)
def test_a_message_by_smtp_comes_back_identical_by_imap(node: Node, user: User, kind: str) -> None:
    message = samples.ALL[kind]
    node.send([user], message)
    got = fetch(wait_for_mail(node, user, 1), 1)
    assert got.endswith(message), "headers may be added above, nothing else"


@pytest.mark.parametrize("kind", samples.ALL)
def test_an_appended_message_comes_back_identical(node: Node, user: User, kind: str) -> None:
    client = node.open_imap(user)
    assert client.append("INBOX", None, None, samples.ALL[kind])[0] == "OK"
    client.select("INBOX")
    assert fetch(client, 1) == samples.ALL[kind]


def test_a_message_comes_back_identical_by_pop3(node: Node, user: User) -> None:
    client = node.open_imap(user)
    client.append("INBOX", None, None, samples.DOTS)
    pop = node.open_pop3(user)
    _, lines, size = pop.retr(1)
    assert b"".join(line + b"\r\n" for line in lines) == samples.DOTS
    assert pop.stat()[0] == 1
    pop.quit()


def test_uidl_stays_when_another_message_is_deleted(node: Node, user: User) -> None:
    imap = node.open_imap(user)
    for number in range(3):
        imap.append("INBOX", None, None, samples.numbered(number))
    pop = node.open_pop3(user)
    before = [line.split()[1] for line in pop.uidl()[1]]
    pop.dele(2)
    pop.quit()
    pop = node.open_pop3(user)
    assert [line.split()[1] for line in pop.uidl()[1]] == [before[0], before[2]]
    pop.quit()


def test_one_message_to_many_users_reaches_each(node: Node, user: User, other_user: User) -> None:
    node.send([user, other_user], samples.PLAIN)
    for reader in (user, other_user):
        assert fetch(wait_for_mail(node, reader, 1), 1).endswith(samples.PLAIN)


def test_an_unknown_recipient_is_refused_at_rcpt(node: Node, user: User) -> None:
    with smtplib.SMTP(node.host, node.smtp) as client:
        client.ehlo()
        client.mail("someone@elsewhere.test")
        assert client.rcpt("nobody-here@example.test")[0] == 550
        assert client.rcpt(user.name)[0] == 250


def test_a_wrong_password_is_refused_everywhere(node: Node, user: User) -> None:
    wrong = User(user.name, "not it")
    with pytest.raises(imaplib.IMAP4.error):
        node.open_imap(wrong)
    with pytest.raises(poplib.error_proto):
        node.open_pop3(wrong)


def test_flags_stay_after_the_client_left(node: Node, user: User) -> None:
    client = node.open_imap(user)
    client.append("INBOX", r"(\Seen)", None, samples.PLAIN)
    client.select("INBOX")
    client.store("1", "+FLAGS", r"(\Flagged $Custom)")
    client.logout()
    client = node.open_imap(user)
    client.select("INBOX")
    flags = client.fetch("1", "(FLAGS)")[1][0]
    assert isinstance(flags, bytes)
    assert all(flag in flags for flag in (rb"\Seen", rb"\Flagged", b"$Custom"))


def test_search_finds_by_subject_and_by_flag(node: Node, user: User) -> None:
    client = node.open_imap(user)
    for number in range(5):
        client.append("INBOX", r"(\Seen)" if number == 2 else None, None, samples.numbered(number))
    client.select("INBOX")
    assert client.search(None, "SUBJECT", '"number 3"')[1] == [b"4"]
    assert client.search(None, "SEEN")[1] == [b"3"]


def test_an_expunged_message_is_gone_and_uids_of_others_stay(node: Node, user: User) -> None:
    client = node.open_imap(user)
    for number in range(3):
        client.append("INBOX", None, None, samples.numbered(number))
    client.select("INBOX")
    uids = (client.uid("SEARCH", "ALL")[1][0] or b"").split()
    client.store("2", "+FLAGS", r"(\Deleted)")
    client.expunge()
    assert (client.uid("SEARCH", "ALL")[1][0] or b"").split() == [uids[0], uids[2]]
