"""FETCH, APPEND, STORE, COPY, MOVE by IMAP."""

import pytest
import samples
from imap_client import Imap
from shape import Node, User

NESTED = (
    b"From: a@b.test\r\nSubject: outer\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n'
    b"--x\r\nContent-Type: text/plain\r\nX-Part: one\r\n\r\nfirst part\r\n"
    b"--x\r\nContent-Type: message/rfc822\r\n\r\n"
    b"From: in@ner.test\r\nTo: some@one.test\r\nSubject: inner\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/alternative; boundary="y"\r\n\r\n'
    b"--y\r\nContent-Type: text/plain\r\n\r\ninner plain\r\n"
    b"--y\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPGI+AGhpPC9iPg==\r\n"
    b"--y--\r\n"
    b"--x\r\nContent-Type: application/x-odd\r\nContent-Transfer-Encoding: x-unheard\r\n\r\nodd\r\n"
    b"--x--\r\n"
)
INNER = NESTED[NESTED.index(b"From: in@") : NESTED.index(b"\r\n--x\r\nContent-Type: application")]


@pytest.fixture
def imap(node: Node, user: User):
    client = Imap(node, user)
    client.ok("SELECT INBOX")
    yield client
    client.close()


def item(imap: Imap, what: str, number: int = 1) -> object:
    """The one value of a FETCH; its name in the answer is what was asked for, less .PEEK."""
    fetched = imap.ok(f"FETCH {number} {what}").fetched()[number]
    return fetched[what.replace(".PEEK", "")]


@pytest.mark.parametrize("name", samples.ALL)
def test_bytes_come_back_as_they_were(imap: Imap, name: str) -> None:
    imap.append("INBOX", samples.ALL[name])
    assert item(imap, "BODY.PEEK[]") == samples.ALL[name]
    assert item(imap, "RFC822.SIZE") == len(samples.ALL[name])


def test_sections_of_a_nested_message(imap: Imap) -> None:
    imap.append("INBOX", NESTED)
    header, text = NESTED.split(b"\r\n\r\n", 1)
    inner_header, inner_text = INNER.split(b"\r\n\r\n", 1)
    for section, expected in {
        "HEADER": header + b"\r\n\r\n",
        "TEXT": text,
        "1": b"first part",
        "1.MIME": b"Content-Type: text/plain\r\nX-Part: one\r\n\r\n",
        "2": INNER,
        "2.HEADER": inner_header + b"\r\n\r\n",
        "2.TEXT": inner_text,
        "2.1": b"inner plain",
        "2.2": b"PGI+AGhpPC9iPg==",
        "2.2.MIME": b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        "HEADER.FIELDS (subject x-none)": b"Subject: outer\r\n\r\n",
        "2.HEADER.FIELDS (To)": b"To: some@one.test\r\n\r\n",
        "HEADER.FIELDS.NOT (From Subject MIME-Version Content-Type)": b"\r\n",
    }.items():
        assert item(imap, f"BODY.PEEK[{section}]") == expected, section
    for missing in ("4", "1.1.1", "2.3", "1.HEADER", "1.TEXT"):
        assert item(imap, f"BODY.PEEK[{missing}]") is None, missing


def test_part_one_of_a_plain_message_is_its_text(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    assert item(imap, "BODY.PEEK[1]") == b"One line.\r\n"


def test_partial_fetches_are_clipped(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    size = len(samples.PLAIN)
    for start, count in ((0, 10), (5, 1), (size - 3, 100), (size, 5), (size + 10, 5)):
        fetched = imap.ok(f"FETCH 1 BODY.PEEK[]<{start}.{count}>").fetched()[1]
        assert fetched[f"BODY[]<{start}>"] == samples.PLAIN[start : start + count]


def test_envelope_and_structures(imap: Imap) -> None:
    imap.append("INBOX", NESTED)
    envelope = item(imap, "ENVELOPE")
    assert len(envelope) == 10 and envelope[1] == b"outer"
    assert envelope[2] == [[None, None, b"a", b"b.test"]] == envelope[3] == envelope[4]
    structure = item(imap, "BODYSTRUCTURE")
    assert structure[3] == b"mixed"
    assert structure[1][:2] == [b"message", b"rfc822"] and structure[1][7][1] == b"inner"
    assert structure[1][8][2] == b"alternative"
    assert len(item(imap, "BODY")) < len(structure)


def test_macros(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    fast = {"FLAGS", "INTERNALDATE", "RFC822.SIZE"}
    assert set(imap.ok("FETCH 1 FAST").fetched()[1]) == fast
    assert set(imap.ok("FETCH 1 ALL").fetched()[1]) == fast | {"ENVELOPE"}
    assert set(imap.ok("FETCH 1 FULL").fetched()[1]) == fast | {"ENVELOPE", "BODY"}


def test_old_items_have_their_old_names(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    header, text = samples.PLAIN.split(b"\r\n\r\n", 1)
    fetched = imap.ok("FETCH 1 (RFC822.HEADER RFC822.TEXT RFC822)").fetched()[1]
    assert fetched["RFC822.HEADER"] == header + b"\r\n\r\n"
    assert fetched["RFC822.TEXT"] == text and fetched["RFC822"] == samples.PLAIN


def test_reading_sets_seen_and_peeking_does_not(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    imap.ok("FETCH 1 BODY.PEEK[]")
    assert "\\Seen" not in item(imap, "FLAGS")
    answer = imap.ok("FETCH 1 BODY[TEXT]")
    assert "\\Seen" in answer.fetched()[1]["FLAGS"] and len(answer.of("FETCH")) == 1
    answer = imap.ok("FETCH 1 BODY[TEXT]")
    assert "FLAGS" not in answer.fetched()[1]
    imap.append("INBOX", samples.PLAIN)
    fetched = imap.ok("FETCH 2 (FLAGS RFC822.TEXT)").fetched()[2]
    assert "\\Seen" in fetched["FLAGS"]


def test_binary_is_decoded(imap: Imap) -> None:
    imap.append("INBOX", NESTED)
    assert item(imap, "BINARY.PEEK[2.2]") == b"<b>\0hi</b>"
    assert item(imap, "BINARY.SIZE[2.2]") == 10
    fetched = imap.ok("FETCH 1 BINARY.PEEK[2.2]<4.2>").fetched()[1]
    assert fetched["BINARY[2.2]<4>"] == b"hi"
    assert imap.no("FETCH 1 BINARY.PEEK[3]").code == "UNKNOWN-CTE"


def test_append_takes_flags_date_and_nul_bytes(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN, '(\\Flagged $x) " 7-Feb-1994 22:43:04 -0800"')
    fetched = imap.ok("FETCH 1 (FLAGS INTERNALDATE SAVEDATE)").fetched()[1]
    assert {"\\Flagged", "$x"} <= set(fetched["FLAGS"])
    assert fetched["INTERNALDATE"] == b" 7-Feb-1994 22:43:04 -0800"
    assert fetched["SAVEDATE"] != fetched["INTERNALDATE"]
    message = samples.PLAIN + b"\0\1\0\r\n"
    imap.send(b"a APPEND INBOX ~{%d+}\r\n%s\r\n" % (len(message), message))
    assert imap.finish("a").status == "OK"
    assert item(imap, "BODY.PEEK[]", 2) == message


def test_append_to_a_missing_mailbox(imap: Imap) -> None:
    imap.send(b"a APPEND nonesuch {5}\r\n")
    assert imap.finish("a").code == "TRYCREATE"
    imap.send(b"b APPEND nonesuch {5+}\r\nhello\r\n")
    assert imap.finish("b").code == "TRYCREATE"
    imap.ok("NOOP")


def test_multiappend_is_all_or_nothing(imap: Imap) -> None:
    one, two = samples.PLAIN, samples.EIGHT_BIT
    imap.send(b"a APPEND INBOX (\\Seen) {%d+}\r\n%s" % (len(one), one))
    imap.send(b' (\\Draft) " 1-Jan-2020 00:00:00 +0000" {%d}\r\n' % len(two))
    imap.continuation()
    imap.send(two + b"\r\n")
    answer = imap.finish("a")
    assert answer.code.split()[2] == "1:2"
    fetched = imap.ok("FETCH 1:2 (FLAGS BODY.PEEK[])").fetched()
    assert fetched[1]["BODY[]"] == one and fetched[2]["BODY[]"] == two
    assert "\\Draft" in fetched[2]["FLAGS"]
    imap.send(b"b APPEND INBOX {%d+}\r\n%s (\\Unheard) {3+}\r\nabc\r\n" % (len(one), one))
    assert imap.finish("b").status == "BAD"
    imap.send(b"\r\n")


def test_store_set_add_remove(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    assert set(imap.ok("STORE 1 FLAGS (\\Seen $a)").fetched()[1]["FLAGS"]) >= {"\\Seen", "$a"}
    assert "\\Draft" in imap.ok("STORE 1 +FLAGS \\Draft").fetched()[1]["FLAGS"]
    flags = imap.ok("STORE 1 -FLAGS (\\Seen $a)").fetched()[1]["FLAGS"]
    assert "\\Draft" in flags and "$a" not in flags and "\\Seen" not in flags
    assert imap.ok("STORE 1 +FLAGS.SILENT (\\Answered)").of("FETCH") == []
    assert "\\Answered" in item(imap, "FLAGS")
    assert imap.ok("NOOP").of("FETCH") == []


def test_copy_and_move_tell_uids(imap: Imap) -> None:
    for _ in range(3):
        imap.append("INBOX", samples.PLAIN, "(\\Flagged)")
    answer = imap.ok("COPY 1:2 Archive")
    _, source, target = answer.code_value("COPYUID").split()
    assert (source, target) == ("1:2", "1:2")
    answer = imap.ok("UID MOVE 2 Archive")
    assert answer.code_value("COPYUID").split()[1:] == ["2", "3"]
    assert [row[0] for row in answer.of("EXPUNGE")] == [2]
    assert imap.no("COPY 1 nonesuch").code == "TRYCREATE"
    imap.ok("UID COPY 999 Archive")
    imap.ok("SELECT Archive")
    fetched = imap.ok("FETCH 1:* (FLAGS BODY.PEEK[])").fetched()
    assert len(fetched) == 3
    assert all("\\Flagged" in one["FLAGS"] for one in fetched.values())


def test_copies_share_their_emailid(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    imap.ok("COPY 1 Archive")
    first = item(imap, "EMAILID")
    imap.ok("SELECT Archive")
    assert item(imap, "EMAILID") == first
    imap.append("Archive", samples.PLAIN)
    assert item(imap, "EMAILID", 2) != first


def test_uid_expunge_takes_only_those_named(imap: Imap) -> None:
    for _ in range(3):
        imap.append("INBOX", samples.PLAIN, "(\\Deleted)")
    assert [row[0] for row in imap.ok("UID EXPUNGE 2").of("EXPUNGE")] == [2]
    assert [row[0] for row in imap.ok("EXPUNGE").of("EXPUNGE")] == [2, 1]


def test_uids_of_missing_messages_are_ignored_and_missing_numbers_are_bad(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    assert imap.ok("UID FETCH 77 FLAGS").of("FETCH") == []
    assert imap.ok("UID FETCH 77:* FLAGS").fetched()[1]["UID"] == 1
    imap.bad("FETCH 2 FLAGS")
    imap.ok("STORE 1 +FLAGS (\\Deleted)")
    imap.ok("EXPUNGE")
    imap.bad("FETCH 1 FLAGS")
    assert imap.ok("UID FETCH 1:* FLAGS").of("FETCH") == []


def test_a_large_message_comes_back_whole(imap: Imap) -> None:
    message = samples.PLAIN + b"0123456789abcde\r\n" * 400_000  # 6.8 MB
    imap.append("INBOX", message)
    assert item(imap, "BODY.PEEK[]") == message
    fetched = imap.ok("FETCH 1 BODY.PEEK[]<3000000.2000000>").fetched()[1]
    assert fetched["BODY[]<3000000>"] == message[3_000_000:5_000_000]


def test_many_messages_in_one_fetch(imap: Imap) -> None:
    message = samples.PLAIN + b"x" * 3000 + b"\r\n"
    for _ in range(20):
        literals = b" ".join(b"{%d+}\r\n%s" % (len(message), message) for _ in range(50))
        imap.send(b"a APPEND INBOX " + literals + b"\r\n")
        assert imap.finish("a").status == "OK"
    imap.ok("NOOP")
    fetched = imap.ok("FETCH 1:* (UID ENVELOPE BODY.PEEK[])").fetched()
    assert len(fetched) == 1000
    assert all(one["BODY[]"] == message and one["UID"] == n for n, one in fetched.items())


def test_field_names_sent_as_literals_come_back_quoted_or_bare(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    answer = imap.ok("FETCH 1 BODY.PEEK[HEADER.FIELDS ({} {})]", b"Subject", b"X(odd")
    label = 'BODY[HEADER.FIELDS (Subject "X(odd")]'
    assert answer.fetched()[1][label] == b"Subject: plain\r\n\r\n"
    imap.bad("FETCH 1 BODY.PEEK[HEADER.FIELDS (\"a b\")]")


def test_partial_names_only_where_it_begins(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    fetched = imap.ok("FETCH 1 BODY.PEEK[TEXT]<4.4>").fetched()[1]
    assert fetched["BODY[TEXT]<4>"] == b"line"


def test_a_missing_part_has_binary_size_0_and_no_bytes(imap: Imap) -> None:
    imap.append("INBOX", samples.MULTIPART)
    items = "(BINARY.SIZE[9] BINARY.PEEK[9] BODY.PEEK[9] BINARY.SIZE[2])"
    fetched = imap.ok(f"FETCH 1 {items}").fetched()[1]
    assert fetched == {"BINARY.SIZE[9]": 0, "BINARY[9]": None, "BODY[9]": None, "BINARY.SIZE[2]": 5}


def test_a_malformed_second_message_swallows_what_was_sent_with_it(imap: Imap) -> None:
    message = samples.PLAIN
    inner = b"x CREATE injected\r\n"
    imap.send(b"a APPEND INBOX {%d+}\r\n%s" % (len(message), message))
    imap.send(b" BOGUS {%d+}\r\n%s\r\n" % (len(inner), inner))
    assert imap.finish("a").status == "BAD"
    imap.no("SELECT injected")
    assert imap.ok("STATUS INBOX (MESSAGES)").one("STATUS")[1] == ["MESSAGES", 0]


def test_a_message_past_the_limit_told_is_refused(imap: Imap) -> None:
    limit = int(imap.ok("STATUS INBOX (APPENDLIMIT)").one("STATUS")[1][1])
    imap.send(b"a APPEND INBOX {%d}\r\n" % (limit + 1))
    assert imap.finish("a").code == "TOOBIG"
    imap.ok("NOOP")


def test_messages_come_in_the_order_of_their_numbers_whatever_the_set(imap: Imap) -> None:
    for _ in range(6):
        imap.append("INBOX", samples.PLAIN)
    imap.ok("STORE 3 +FLAGS.SILENT (\\Deleted)")
    imap.ok("EXPUNGE")
    assert imap.ok("FETCH 5,1:2,4:3 (UID)").of("FETCH") == [
        [1, ["UID", 1]], [2, ["UID", 2]], [3, ["UID", 4]], [4, ["UID", 5]], [5, ["UID", 6]]]  # fmt: skip
    assert set(imap.ok("UID FETCH 3:5 (FLAGS)").fetched()) == {3, 4}


def test_move_to_the_same_mailbox_gives_new_uids(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN)
    answer = imap.ok("MOVE 1 INBOX")
    assert answer.code_value("COPYUID").split()[1:] == ["1", "2"]
    assert imap.ok("FETCH 1:* UID").fetched() == {1: {"UID": 2}}


def test_savedate_is_the_time_of_saving_not_the_internal_date(imap: Imap) -> None:
    imap.append("INBOX", samples.PLAIN, '"01-Jan-2001 10:00:00 +0000"')
    fetched = imap.ok("FETCH 1 (SAVEDATE INTERNALDATE)").fetched()[1]
    assert fetched["INTERNALDATE"] == b" 1-Jan-2001 10:00:00 +0000"
    assert b"2001" not in fetched["SAVEDATE"]
    imap.append("Drafts", samples.PLAIN)
    assert imap.ok("SEARCH SAVEDSINCE 1-Jan-2002").one("SEARCH") == [1]
    assert imap.ok("SEARCH SAVEDBEFORE 1-Jan-2002").one("SEARCH") == []
