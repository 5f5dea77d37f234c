"""SEARCH by IMAP: keys, charsets, the forms of its answers."""

import pytest
from imap_client import Imap
from shape import Node, User

DATES = {1: "1-Feb-2020", 2: "10-Feb-2020", 3: "20-Feb-2020"}


def message(number: int, body: str = "plain words") -> bytes:
    return (
        f"From: =?utf-8?q?J=C3=BCrgen?= <sender{number}@example.org>\r\nTo: you@example.test\r\n"
        f"Subject: =?iso-8859-1?q?gr=FC=DFe?= number {number}\r\nX-Own: field {number}\r\n"
        f"Date: Mon, {number} Jan 2018 10:00:00 +0000\r\nMessage-ID: <{number}@example.org>\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: 8bit\r\n\r\n{body}\r\n"
    ).encode()


@pytest.fixture
def imap(node: Node, user: User):
    client = Imap(node, user)
    client.append("INBOX", message(1), f'(\\Seen $x) "{DATES[1]:0>11} 12:00:00 +0000"')
    client.append("INBOX", message(2, "日本語 and Füße"), f'(\\Flagged) "{DATES[2]} 12:00:00 +0000"')
    client.append("INBOX", message(3, "y" * 500), f'(\\Deleted) "{DATES[3]} 12:00:00 +0000"')
    client.ok("SELECT INBOX")
    yield client
    client.close()


def found(imap: Imap, keys: str, *literals: bytes) -> list[object]:
    return imap.ok(f"SEARCH {keys}", *literals).one("SEARCH")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("ALL", [1, 2, 3]),
        ("SEEN", [1]),
        ("UNSEEN", [2, 3]),
        ("FLAGGED UNSEEN", [2]),
        ("OR SEEN DELETED", [1, 3]),
        ("NOT (OR SEEN DELETED)", [2]),
        ("KEYWORD $X", [1]),
        ("UNKEYWORD $x", [2, 3]),
        ("2:*", [2, 3]),
        ("UID 1,3", [1, 3]),
        ("BEFORE 10-Feb-2020", [1]),
        ("ON 10-Feb-2020", [2]),
        ("SINCE 10-Feb-2020", [2, 3]),
        ("SENTBEFORE 2-Jan-2018", [1]),
        ("SENTON 2-Jan-2018", [2]),
        ("SENTSINCE 2-Jan-2018", [2, 3]),
        ("SAVEDSINCE 1-Jan-2021", [1, 2, 3]),
        ("SAVEDBEFORE 1-Jan-2021", []),
        ("LARGER 800", [3]),
        ("SMALLER 800", [1, 2]),
        ("YOUNGER 3600", []),
        ("OLDER 3600", [1, 2, 3]),
        ("FROM sender2", [2]),
        ('SUBJECT "NUMBER 3"', [3]),
        ('HEADER X-Own "field 1"', [1]),
        ('HEADER X-None ""', []),
        ('HEADER X-Own ""', [1, 2, 3]),
        ("BODY words", [1]),
        ("TEXT words", [1]),
        ("TEXT sender3", [3]),
        ("BODY sender3", []),
        ("CC you", []),
        ("TO you@example.test", [1, 2, 3]),
    ],
)
def test_keys(imap: Imap, keys: str, expected: list[int]) -> None:
    assert found(imap, keys) == expected


def test_text_is_compared_decoded_and_without_case(imap: Imap) -> None:
    assert found(imap, "CHARSET UTF-8 SUBJECT {}", "GRÜSSE".encode()) == [1, 2, 3]
    assert found(imap, "CHARSET UTF-8 FROM {}", "jürgen".encode()) == [1, 2, 3]
    assert found(imap, "CHARSET UTF-8 BODY {}", "本語".encode()) == [2]
    assert found(imap, "CHARSET ISO-8859-1 BODY {}", "füße".encode("latin-1")) == [2]


def test_an_unknown_charset_is_refused_with_those_that_are_known(imap: Imap) -> None:
    assert imap.no("SEARCH CHARSET x-unheard ALL").code.startswith("BADCHARSET")


def test_uid_search_tells_uids(imap: Imap) -> None:
    imap.ok("STORE 1 +FLAGS (\\Deleted)")
    imap.ok("UID EXPUNGE 1")
    assert imap.ok("UID SEARCH ALL").one("SEARCH") == [2, 3]
    assert found(imap, "ALL") == [1, 2]


def test_esearch_forms(imap: Imap) -> None:
    answer = imap.command("SEARCH RETURN (MIN MAX COUNT ALL) UNSEEN").one("ESEARCH")
    assert answer[0][0] == "TAG"
    assert dict(zip(answer[1::2], answer[2::2], strict=True)) == {
        "MIN": 2, "MAX": 3, "COUNT": 2, "ALL": "2:3"}  # fmt: skip
    answer = imap.ok("UID SEARCH RETURN () ALL").one("ESEARCH")
    assert answer[1:] == ["UID", "ALL", "1:3"]
    assert imap.ok("SEARCH RETURN (COUNT) DRAFT").one("ESEARCH")[1:] == ["COUNT", 0]
    assert imap.ok("SEARCH RETURN (MIN ALL) DRAFT").one("ESEARCH")[1:] == []
    imap.ok("ENABLE IMAP4rev2")
    assert imap.ok("SEARCH ALL").one("ESEARCH")[1:] == ["ALL", "1:3"]


def test_a_saved_result_stands_for_its_messages(imap: Imap) -> None:
    imap.ok("SEARCH RETURN (SAVE) UNSEEN")
    assert set(imap.ok("FETCH $ UID").fetched()) == {2, 3}
    assert found(imap, "$ FLAGGED") == [2]
    imap.ok("STORE $ +FLAGS.SILENT (\\Answered)")
    assert found(imap, "ANSWERED") == [2, 3]
    imap.ok("SEARCH RETURN (SAVE MIN) ALL")
    assert set(imap.ok("FETCH $ UID").fetched()) == {1}
    imap.ok("SEARCH RETURN (SAVE) DRAFT")
    assert imap.ok("FETCH $ FLAGS").of("FETCH") == []


def test_emailid_is_found(imap: Imap) -> None:
    (email_id,) = imap.ok("FETCH 2 EMAILID").fetched()[2]["EMAILID"]
    assert found(imap, f"EMAILID {email_id}") == [2]


def test_malformed_searches_are_bad(imap: Imap) -> None:
    for keys in ("", "UNHEARD", "OR SEEN", "(SEEN", "LARGER x", "SINCE yesterday", "RETURN (X) ALL"):
        imap.bad(f"SEARCH {keys}".strip())
    imap.ok("NOOP")


def test_no_message_has_a_threadid(imap: Imap) -> None:
    assert found(imap, "THREADID x1") == []
    assert imap.ok("FETCH 1 THREADID").fetched()[1]["THREADID"] is None


def test_esearch_modseq_is_of_the_messages_told(imap: Imap) -> None:
    imap.ok("STORE 3 +FLAGS.SILENT (\\Answered)")
    fetched = imap.ok("FETCH 1:* MODSEQ").fetched()
    for want, number in (("MIN", 1), ("MAX", 3), ("MIN MAX", 3), ("ALL", 3)):
        answer = imap.ok(f"SEARCH RETURN ({want}) MODSEQ 1").one("ESEARCH")
        assert answer[answer.index("MODSEQ") + 1] == fetched[number]["MODSEQ"][0], want


def test_a_failed_search_empties_what_was_saved(imap: Imap) -> None:
    imap.ok("SEARCH RETURN (SAVE) ALL")
    imap.no("SEARCH RETURN (SAVE) CHARSET x-unheard ALL")
    assert imap.ok("FETCH $ FLAGS").of("FETCH") == []
    imap.ok("SEARCH RETURN (SAVE) ALL")
    imap.bad("SEARCH RETURN (SAVE) UNHEARD")
    assert len(imap.ok("FETCH $ UID").of("FETCH")) == 3


def test_within_looks_at_the_age(imap: Imap) -> None:
    imap.append("INBOX", b"Subject: old\r\n\r\n", '"01-Jan-2001 10:00:00 +0000"')
    imap.ok("NOOP")
    assert found(imap, "OLDER 86400 SUBJECT old") == [4]
    assert 4 not in found(imap, "YOUNGER 86400")
