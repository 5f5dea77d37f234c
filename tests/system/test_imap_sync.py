"""Several sessions on one mailbox: news, IDLE, CONDSTORE, QRESYNC."""

import pytest
import samples
from imap_client import Imap
from shape import Node, User


@pytest.fixture
def imap(node: Node, user: User):
    client = Imap(node, user)
    for _ in range(4):
        client.append("INBOX", samples.PLAIN)
    client.ok("SELECT INBOX")
    yield client
    client.close()


@pytest.fixture
def other(node: Node, user: User, imap: Imap):
    client = Imap(node, user)
    client.ok("SELECT INBOX")
    yield client
    client.close()


def modseq(imap: Imap, number: int) -> int:
    return imap.ok(f"FETCH {number} MODSEQ").fetched()[number]["MODSEQ"][0]


def highest(imap: Imap) -> int:
    return imap.ok("STATUS INBOX (HIGHESTMODSEQ)").one("STATUS")[1][1]


def test_news_come_with_the_next_command(imap: Imap, other: Imap) -> None:
    other.ok("STORE 2 +FLAGS (\\Flagged)")
    other.append("INBOX", samples.PLAIN)
    answer = imap.ok("NOOP")
    assert "\\Flagged" in answer.fetched()[2]["FLAGS"]
    assert answer.of("EXISTS") == [[5]]
    assert imap.ok("NOOP").untagged == []


def test_no_expunge_during_fetch_store_and_search_by_number(imap: Imap, other: Imap) -> None:
    other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    for command in ("FETCH 4 UID", "STORE 4 +FLAGS (\\Flagged)", "SEARCH ALL", "FETCH 2 BODY[]"):
        answer = imap.ok(command)
        assert answer.of("EXPUNGE") == [], command
    assert imap.ok("FETCH 4 UID").fetched()[4]["UID"] == 4  # numbers as this client knows them
    assert imap.ok("NOOP").of("EXPUNGE") == [[1]]
    assert imap.ok("FETCH 3 UID").fetched()[3]["UID"] == 4


def test_fetching_the_body_of_an_expunged_message_says_so(imap: Imap, other: Imap) -> None:
    other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    assert imap.no("FETCH 1:4 BODY.PEEK[]").code == "EXPUNGEISSUED"
    assert imap.ok("UID FETCH 1:4 FLAGS").of("EXPUNGE") == [[1]]


def test_idle_tells_at_once(imap: Imap, other: Imap) -> None:
    tag = imap.begin("IDLE")
    imap.continuation()
    imap.socket.settimeout(2)
    other.append("INBOX", samples.PLAIN)
    assert imap.wait_for("EXISTS")[0] == 5
    other.ok("STORE 3 +FLAGS (\\Answered)")
    number, _, items = imap.wait_for("FETCH")
    assert number == 3 and "\\Answered" in items[items.index("FLAGS") + 1]
    other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    assert imap.wait_for("EXPUNGE")[0] == 2
    imap.send(b"DONE\r\n")
    assert imap.finish(tag).status == "OK"


def test_idle_hears_of_deliveries(imap: Imap, node: Node, user: User) -> None:
    tag = imap.begin("IDLE")
    imap.continuation()
    imap.socket.settimeout(2)
    node.send([user], samples.PLAIN)
    assert imap.wait_for("EXISTS")[0] == 5
    imap.send(b"DONE\r\n")
    assert imap.finish(tag).status == "OK"
    tag = imap.begin("IDLE")
    imap.continuation()
    imap.send(b"something else\r\n")
    assert imap.finish(tag).status == "BAD"


def test_recent_is_for_one_session(node: Node, user: User) -> None:
    client = Imap(node, user)
    client.append("INBOX", samples.PLAIN)
    client.append("INBOX", samples.PLAIN)
    assert client.ok("EXAMINE INBOX").of("RECENT") == [[2]]
    assert client.ok("SELECT INBOX").of("RECENT") == [[2]]
    assert "\\Recent" in client.ok("FETCH 1 FLAGS").fetched()[1]["FLAGS"]
    assert Imap(node, user).ok("SELECT INBOX").of("RECENT") == [[0]]


def test_modseq_grows_with_every_change(imap: Imap) -> None:
    before = modseq(imap, 1)
    imap.ok("STORE 1 +FLAGS (\\Flagged)")
    after = modseq(imap, 1)
    assert after > before and highest(imap) >= after
    imap.ok("STORE 1 +FLAGS (\\Flagged)")  # nothing new
    assert modseq(imap, 1) == after


def test_conditional_store_leaves_what_others_changed(imap: Imap, other: Imap) -> None:
    known = highest(imap)
    other.ok("STORE 2 +FLAGS (\\Answered)")
    answer = imap.ok(f"STORE 1:3 (UNCHANGEDSINCE {known}) +FLAGS.SILENT (\\Flagged)")
    assert answer.code_value("MODIFIED") == "2"
    assert answer.fetched()[1]["MODSEQ"][0] > known
    flags = {n: one["FLAGS"] for n, one in imap.ok("FETCH 1:3 FLAGS").fetched().items()}
    assert "\\Flagged" in flags[1] and "\\Flagged" not in flags[2]
    assert imap.ok(f"UID STORE 2 (UNCHANGEDSINCE {known}) FLAGS ()").code_value("MODIFIED") == "2"


def test_changedsince_and_search_modseq(imap: Imap) -> None:
    known = highest(imap)
    imap.ok("STORE 3 +FLAGS (\\Flagged)")
    answer = imap.ok(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {known})")
    assert set(answer.fetched()) == {3} and "MODSEQ" in answer.fetched()[3]
    answer = imap.ok(f"SEARCH MODSEQ {known + 1}").one("SEARCH")
    assert answer[0] == 3 and answer[1] == ["MODSEQ", modseq(imap, 3)]


def test_condstore_makes_news_carry_modseq(imap: Imap, other: Imap) -> None:
    imap.ok("ENABLE CONDSTORE")
    other.ok("STORE 1 +FLAGS (\\Flagged)")
    assert "MODSEQ" in imap.ok("NOOP").fetched()[1]
    imap.ok("SELECT INBOX (CONDSTORE)")


def test_qresync_tells_what_happened_since(node: Node, user: User, imap: Imap, other: Imap) -> None:
    validity = imap.ok("SELECT INBOX").code_value("UIDVALIDITY")
    known = highest(imap)
    other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    other.ok("UID STORE 3 +FLAGS (\\Flagged)")
    other.append("INBOX", samples.PLAIN)
    client = Imap(node, user)
    client.bad(f"SELECT INBOX (QRESYNC ({validity} {known}))")
    client.ok("ENABLE QRESYNC")
    answer = client.ok(f"SELECT INBOX (QRESYNC ({validity} {known}))")
    assert answer.one("VANISHED") == [["EARLIER"], 2]
    changed = {one["UID"] for one in answer.fetched().values()}
    assert changed == {3, 5}
    answer = client.ok(f"SELECT INBOX (QRESYNC ({validity} {known} 1,3))")
    assert answer.of("VANISHED") == []
    assert {one["UID"] for one in answer.fetched().values()} == {3}
    answer = client.ok(f"SELECT INBOX (QRESYNC ({int(validity) + 1} {known}))")
    assert answer.of("VANISHED") == [] and answer.of("FETCH") == []
    answer = client.ok(f"SELECT INBOX (QRESYNC ({validity} {known} 1:5 (1:2 1:2)))")
    assert answer.of("VANISHED")


def test_qresync_says_vanished_instead_of_expunge(imap: Imap, other: Imap) -> None:
    imap.ok("ENABLE QRESYNC")
    other.ok("STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    answer = imap.ok("NOOP")
    assert answer.of("EXPUNGE") == [] and answer.one("VANISHED") == ["1:2"]
    imap.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    answer = imap.ok("EXPUNGE")
    assert answer.one("VANISHED") == [3] and int(answer.code_value("HIGHESTMODSEQ")) > 0


def test_uid_fetch_vanished(imap: Imap, other: Imap) -> None:
    known = highest(imap)
    imap.ok("ENABLE QRESYNC")
    other.ok("UID STORE 2,4 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    imap.ok("NOOP")
    answer = imap.ok(f"UID FETCH 1:3 FLAGS (CHANGEDSINCE {known} VANISHED)")
    assert answer.of("VANISHED") == [[["EARLIER"], 2]]
    imap.bad(f"FETCH 1 FLAGS (CHANGEDSINCE {known} VANISHED)")


def test_what_a_client_still_counts_has_not_vanished_earlier(imap: Imap, other: Imap) -> None:
    known = highest(imap)
    imap.ok("ENABLE QRESYNC")
    other.ok("UID STORE 2,4 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    answer = imap.ok(f"UID FETCH 1:3 FLAGS (CHANGEDSINCE {known} VANISHED)")
    assert answer.of("VANISHED") == [["2,4"]]


def test_a_client_that_is_not_told_of_an_expunge_yet_remembers_a_lower_modseq(
    imap: Imap, other: Imap
) -> None:
    imap.ok("ENABLE QRESYNC")
    known = highest(imap)
    other.ok("UID STORE 2 +FLAGS.SILENT (\\Deleted)")
    imap.ok("NOOP")
    told = highest(imap)
    other.ok("EXPUNGE")
    other.ok("UID STORE 3 +FLAGS (\\Flagged)")
    answer = imap.ok("FETCH 1 (FLAGS)")
    assert answer.fetched()[3]["MODSEQ"][0] > told > known
    assert int(answer.code_value("HIGHESTMODSEQ")) <= told
    answer = imap.ok("COPY 1 Archive")
    assert int(answer.code_value("HIGHESTMODSEQ")) <= told
    answer = imap.ok("NOOP")
    assert answer.one("VANISHED") == [2]
    assert "HIGHESTMODSEQ" not in "".join(answer.codes())


def test_silent_store_is_news_for_others_only(imap: Imap, other: Imap) -> None:
    assert imap.ok("STORE 1 +FLAGS.SILENT (\\Flagged)").of("FETCH") == []
    assert imap.ok("NOOP").of("FETCH") == []
    assert "\\Flagged" in other.ok("NOOP").fetched()[1]["FLAGS"]


def test_new_keywords_are_told_to_all(imap: Imap, other: Imap) -> None:
    other.ok("STORE 1 +FLAGS (Brandnew)")
    answer = imap.ok("NOOP")
    assert "Brandnew" in answer.one("FLAGS")[0]
    assert "Brandnew" in answer.fetched()[1]["FLAGS"]


def test_a_move_by_another_session_is_an_expunge_here(imap: Imap, other: Imap) -> None:
    other.ok("MOVE 2:3 Archive")
    assert imap.ok("NOOP").of("EXPUNGE") == [[3], [2]]


def test_vanished_earlier_tells_only_what_was_asked_for(imap: Imap, other: Imap) -> None:
    since = highest(imap)
    other.ok("STORE 2:4 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    imap.ok("ENABLE QRESYNC")
    imap.ok("NOOP")
    answer = imap.ok(f"UID FETCH 1:2,4 (FLAGS) (CHANGEDSINCE {since} VANISHED)")
    (row,) = [row for row in answer.of("VANISHED") if row[0] == ["EARLIER"]]
    assert row[1] == "2,4"


def test_idle_on_a_deleted_mailbox_ends(imap: Imap, other: Imap) -> None:
    imap.ok("CREATE short-lived")
    imap.ok("SELECT short-lived")
    imap.begin("IDLE")
    imap.continuation()
    other.ok("DELETE short-lived")
    assert imap._response()[1][0] == "BYE"
    assert imap.closed()


def test_what_stands_where_done_should_is_bad_and_ends_the_idle(imap: Imap) -> None:
    tag = imap.begin("IDLE")
    imap.continuation()
    imap.send(b"NOOP\r\n")
    assert imap.finish(tag).status == "BAD"
    imap.ok("NOOP")


def test_a_store_answers_with_the_uid_when_asked_by_uid(imap: Imap) -> None:
    fetched = imap.ok("UID STORE 2 +FLAGS (\\Flagged)").fetched()
    assert fetched[2]["UID"] == 2 and "\\Flagged" in fetched[2]["FLAGS"]
    assert imap.ok("STORE 2 -FLAGS.SILENT (\\Flagged)").of("FETCH") == []


def test_qresync_of_another_uidvalidity_tells_nothing_of_the_past(imap: Imap, other: Imap) -> None:
    other.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    imap.ok("UNSELECT")
    imap.ok("ENABLE QRESYNC")
    answer = imap.ok("SELECT INBOX (QRESYNC (4294967295 1 1:4))")
    assert answer.of("VANISHED") == [] and answer.of("FETCH") == []
    imap.ok("UNSELECT")
    imap.bad("SELECT INBOX (QRESYNC (1))")
