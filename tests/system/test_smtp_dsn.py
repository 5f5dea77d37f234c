"""Delivery reports (RFC 3461, 3464) for senders who live here."""

import email
import email.message

import pytest
import samples
from shape import Node, User, fetch, wait_for_mail
from smtp_client import mx, submission


def send(node: Node, sender: User, to: User, mail: bytes, rcpt: bytes, text: bytes) -> None:
    with submission(node, sender) as client:
        client.begin(sender=sender.name.encode(), mail=mail)
        assert client.command(b"RCPT TO:<%s>%s" % (to.name.encode(), rcpt)).code == 250
        assert client.data(text).code == 250


def test_notify_success_gives_a_report(node: Node, user: User, other_user: User) -> None:
    orcpt = b" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Ben+2Bx@example.test"
    send(node, user, other_user, b" RET=HDRS ENVID=QQ+2B314", orcpt, samples.PLAIN)
    assert fetch(wait_for_mail(node, other_user, 1), 1).endswith(samples.PLAIN)
    report = email.message_from_bytes(fetch(wait_for_mail(node, user, 1), 1))
    assert report["Return-Path"] == "<>"
    assert report["To"] == f"<{user.name}>"
    assert report["Auto-Submitted"] == "auto-replied"
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    words, status, original = report.get_payload()
    assert words.get_content_type() == "text/plain"
    assert other_user.name in words.get_payload()
    assert status.get_content_type() == "message/delivery-status"
    message, recipient = status.get_payload()
    assert message["Reporting-MTA"] == "dns; mail.example.test"
    assert message["Original-Envelope-Id"] == "QQ+314"
    assert recipient["Original-Recipient"] == "rfc822; Ben+x@example.test"
    assert recipient["Final-Recipient"] == f"rfc822; {other_user.name}"
    assert (recipient["Action"], recipient["Status"]) == ("delivered", "2.1.5")
    assert original.get_content_type() == "text/rfc822-headers"
    assert "Subject: plain" in original.get_payload()
    assert "One line." not in original.get_payload()


@pytest.mark.parametrize("notify", [b" NOTIFY=NEVER", b" NOTIFY=FAILURE,DELAY", b""])
def test_no_report_without_success_being_asked_for(
    node: Node, user: User, other_user: User, notify: bytes
) -> None:
    send(node, user, other_user, b" RET=FULL", notify, samples.PLAIN)
    send(node, user, other_user, b"", b" NOTIFY=SUCCESS", samples.DOTS)
    reader = wait_for_mail(node, user, 1)
    assert b"Subject: dots" in fetch(reader, 1), "the second message's report is the first"
    assert reader.select("INBOX")[1] == [b"1"]


def test_hidden_line_ends_in_envid_break_no_field(
    node: Node, user: User, other_user: User
) -> None:
    send(node, user, other_user, b" ENVID=a+0D+0AEvil:+20yes", b" NOTIFY=SUCCESS", samples.PLAIN)
    got = fetch(wait_for_mail(node, user, 1), 1)
    assert b"\r\nEvil:" not in got
    assert b"Original-Envelope-Id: a+0D+0AEvil:+20yes\r\n" in got


def test_reports_are_not_reported_on(node: Node, user: User) -> None:
    with mx(node) as client:
        client.begin(sender=b"")
        rcpt = b"RCPT TO:<%s> NOTIFY=SUCCESS" % user.name.encode()
        assert client.command(rcpt).code == 250
        assert client.data(samples.PLAIN).code == 250
    assert wait_for_mail(node, user, 1).select("INBOX")[1] == [b"1"]
