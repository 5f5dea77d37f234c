"""Mailboxes by IMAP: names, lists, subscriptions, status, special use."""

import pytest
from imap_client import Imap
from shape import Node, User

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


@pytest.fixture
def imap(node: Node, user: User):
    client = Imap(node, user)
    yield client
    client.close()


def names(rows: list[list[object]]) -> list[object]:
    return [row[2] for row in rows]


def attributes(rows: list[list[object]], name: str) -> set[str]:
    (found,) = [row[0] for row in rows if row[2] in (name, name.encode())]
    return set(found)


def test_a_new_account_has_the_usual_mailboxes(imap: Imap) -> None:
    rows = imap.ok('LIST "" *').of("LIST")
    assert set(names(rows)) == {"INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"}
    assert "\\Sent" in attributes(rows, "Sent") and "\\HasNoChildren" in attributes(rows, "Sent")


def test_the_empty_pattern_tells_the_separator(imap: Imap) -> None:
    assert imap.ok('LIST "" ""').one("LIST") == [["\\Noselect"], b"/", b""]


def test_wildcards_and_reference(imap: Imap) -> None:
    for name in ("w", "w/a", "w/a/b", "w/c"):
        imap.ok(f"CREATE {name}")
    assert names(imap.ok('LIST "" w/%').of("LIST")) == ["w/a", "w/c"]
    assert names(imap.ok('LIST "" w*').of("LIST")) == ["w", "w/a", "w/a/b", "w/c"]
    assert names(imap.ok('LIST w/ *').of("LIST")) == ["w/a", "w/a/b", "w/c"]
    assert "\\HasChildren" in attributes(imap.ok('LIST "" w/a').of("LIST"), "w/a")


def test_parents_that_only_children_imply_are_told(imap: Imap) -> None:
    imap.ok("CREATE only/child")
    rows = imap.ok('LIST "" %').of("LIST")
    assert attributes(rows, "only") == {"\\Noselect", "\\HasChildren"}
    imap.no("SELECT only")
    rows = imap.ok('LIST "" (only only/%) RETURN (CHILDREN)').of("LIST")
    assert "\\NonExistent" in attributes(rows, "only")
    assert "only/child" in names(rows)


def test_names_in_modified_utf7_and_in_utf8(imap: Imap, node: Node, user: User) -> None:
    imap.ok("CREATE Entw&APw-rfe/&ZeVnLIqe-")
    assert "Entw&APw-rfe/&ZeVnLIqe-" in names(imap.ok('LIST "" *').of("LIST"))
    other = Imap(node, user)
    other.ok("ENABLE IMAP4rev2")
    assert "Entwürfe/日本語".encode() in names(other.ok('LIST "" *').of("LIST"))
    other.ok('SELECT "Entwürfe/日本語"'.encode())


def test_names_with_quotes_spaces_and_wildcards_come_back(imap: Imap) -> None:
    imap.ok("CREATE {}", b'a "quoted\\ name')
    assert b'a "quoted\\ name' in names(imap.ok('LIST "" *').of("LIST"))
    imap.ok('SELECT "a \\"quoted\\\\ name"')


def test_bad_names_are_refused(imap: Imap) -> None:
    for name in ("a//b", "/a", "INBOX", "inbox"):
        assert imap.command(f"CREATE {name}").status == "NO"
    imap.bad("CREATE &broken")
    imap.ok("CREATE trailing/")
    assert "trailing" in names(imap.ok('LIST "" trailing').of("LIST"))


def test_create_twice_and_delete_twice(imap: Imap) -> None:
    imap.ok("CREATE once")
    assert imap.no("CREATE once").code == "ALREADYEXISTS"
    imap.ok("DELETE once")
    assert imap.no("DELETE once").code == "NONEXISTENT"
    imap.no("DELETE INBOX")


def test_a_mailbox_made_again_has_another_uidvalidity_and_id(imap: Imap) -> None:
    seen = set()
    for _ in range(3):
        imap.ok("CREATE again")
        answer = imap.ok("STATUS again (UIDVALIDITY MAILBOXID)").one("STATUS")[1]
        seen.add((answer[1], str(answer[3])))
        imap.ok("DELETE again")
    assert len({validity for validity, _ in seen}) == 3
    assert len({box for _, box in seen}) == 3


def test_rename_takes_the_children_along(imap: Imap) -> None:
    for name in ("from", "from/a", "from/a/b"):
        imap.ok(f"CREATE {name}")
    imap.append("from/a", MESSAGE)
    before = imap.ok("STATUS from/a (UIDVALIDITY MAILBOXID)").one("STATUS")[1]
    imap.ok("RENAME from to")
    assert names(imap.ok('LIST "" to*').of("LIST")) == ["to", "to/a", "to/a/b"]
    assert imap.ok('LIST "" from*').of("LIST") == []
    assert imap.ok("STATUS to/a (UIDVALIDITY MAILBOXID)").one("STATUS")[1] == before
    assert imap.no("RENAME nonesuch x").code == "NONEXISTENT"
    assert imap.no("RENAME to Sent").code == "ALREADYEXISTS"
    imap.no("RENAME to to/inside")


def test_rename_of_inbox_moves_its_messages(imap: Imap) -> None:
    imap.append("INBOX", MESSAGE)
    imap.ok("RENAME INBOX old")
    assert imap.ok("STATUS old (MESSAGES)").one("STATUS")[1] == ["MESSAGES", 1]
    assert imap.ok("STATUS INBOX (MESSAGES)").one("STATUS")[1] == ["MESSAGES", 0]


def test_rev2_is_told_the_right_name_of_what_it_named_otherwise(imap: Imap) -> None:
    loose, right = "Vo\N{COMBINING DIAERESIS}gel", "V\N{LATIN SMALL LETTER O WITH DIAERESIS}gel"

    def told(command: str) -> list[object]:
        return imap.ok(command.encode()).of("LIST")

    def row(name: str, old: str, *attribute: str) -> list[object]:
        values = [name if name.isascii() else name.encode(), old if old.isascii() else old.encode()]
        return [list(attribute), b"/", values[0], [b"OLDNAME", [values[1]]]]

    assert told(f'CREATE "{loose}"') == told(f'DELETE "{loose}"') == []
    imap.ok("ENABLE IMAP4rev2")
    assert told("CREATE plain") == []
    assert told("RENAME plain other") == []
    assert told(f'RENAME other "{loose}"') == [row(right, "other")]
    assert told(f'RENAME "{loose}" again') == [row("again", loose)]
    assert told("RENAME inbox inbox/moved") == []
    assert told(f'RENAME INBOX "{loose}"') == [row(right, loose)]
    assert told(f'DELETE "{loose}"') == [row(right, loose, "\\NonExistent")]
    assert told(f'CREATE "{loose}"') == [row(right, loose)]
    assert told(f'DELETE "{loose}"') == [row(right, loose, "\\NonExistent")]
    assert told("DELETE again") == []


def test_subscriptions_outlive_their_mailboxes(imap: Imap) -> None:
    imap.ok("CREATE sub")
    imap.ok("SUBSCRIBE sub")
    imap.ok("SUBSCRIBE never/there")
    imap.ok("DELETE sub")
    told = names(imap.ok('LSUB "" *').of("LSUB"))
    assert "sub" in told and "never/there" in told
    rows = imap.ok('LIST (SUBSCRIBED) "" *').of("LIST")
    assert {"\\NonExistent", "\\Subscribed"} <= attributes(rows, "sub")
    imap.ok("UNSUBSCRIBE sub")
    assert "sub" not in names(imap.ok('LSUB "" *').of("LSUB"))


def test_lsub_with_percent_tells_parents(imap: Imap) -> None:
    imap.ok("CREATE p/q")
    imap.ok("SUBSCRIBE p/q")
    rows = imap.ok('LSUB "" %').of("LSUB")
    assert attributes(rows, "p") == {"\\Noselect"}


def test_recursivematch_tells_why(imap: Imap) -> None:
    imap.ok("CREATE r")
    imap.ok("CREATE r/s")
    imap.ok("SUBSCRIBE r/s")
    rows = imap.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" %').of("LIST")
    (row,) = [row for row in rows if row[2] == "r"]
    assert row[3] == [b"CHILDINFO", [b"SUBSCRIBED"]]
    imap.bad('LIST (RECURSIVEMATCH) "" *')


def test_list_returns_status_and_subscribed(imap: Imap) -> None:
    imap.append("INBOX", MESSAGE)
    answer = imap.ok('LIST "" INBOX RETURN (SUBSCRIBED STATUS (MESSAGES UNSEEN))')
    assert "\\Subscribed" in attributes(answer.of("LIST"), "INBOX")
    assert answer.one("STATUS") == ["INBOX", ["MESSAGES", 1, "UNSEEN", 1]]


def test_special_use_can_be_made_selected_and_not_doubled(imap: Imap) -> None:
    imap.ok("CREATE Stars (USE (\\Flagged))")
    rows = imap.ok('LIST (SPECIAL-USE) "" *').of("LIST")
    assert "\\Flagged" in attributes(rows, "Stars") and "INBOX" not in names(rows)
    assert imap.no("CREATE Sent2 (USE (\\Sent))").code == "USEATTR"
    assert imap.no("CREATE x (USE (\\Unheard))").code == "USEATTR"


def test_status_counts(imap: Imap) -> None:
    imap.append("Drafts", MESSAGE, "(\\Seen)")
    imap.append("Drafts", MESSAGE, "(\\Deleted)")
    items = "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE HIGHESTMODSEQ MAILBOXID APPENDLIMIT)"
    name, pairs = imap.ok(f"STATUS Drafts {items}").one("STATUS")
    told = dict(zip(pairs[::2], pairs[1::2], strict=True))
    assert (told["MESSAGES"], told["UIDNEXT"], told["UNSEEN"], told["DELETED"]) == (2, 3, 1, 1)
    assert told["SIZE"] == 2 * len(MESSAGE) and told["HIGHESTMODSEQ"] > 0
    assert imap.no("STATUS nonesuch (MESSAGES)").code == "NONEXISTENT"
    imap.bad("STATUS INBOX ()")
    imap.bad("STATUS INBOX (UNHEARD)")


def test_select_tells_the_mailbox(imap: Imap) -> None:
    imap.append("INBOX", MESSAGE, "(\\Seen $Label)")
    imap.append("INBOX", MESSAGE)
    answer = imap.ok("SELECT inbox")
    assert answer.of("EXISTS") == [[2]]
    assert "$Label" in answer.one("FLAGS")[0]
    assert answer.code == "READ-WRITE"
    assert answer.code_value("UNSEEN") == "2" and answer.code_value("UIDNEXT") == "3"
    assert "\\*" in answer.code_value("PERMANENTFLAGS")
    assert int(answer.code_value("HIGHESTMODSEQ")) > 0 and answer.code_value("MAILBOXID")


def test_a_failed_select_leaves_nothing_selected(imap: Imap) -> None:
    imap.ok("SELECT INBOX")
    answer = imap.no("SELECT nonesuch")
    assert "CLOSED" in answer.codes()
    imap.bad("FETCH 1 FLAGS")


def test_rev2_select_tells_the_name_and_no_recent(imap: Imap) -> None:
    imap.ok("ENABLE IMAP4rev2")
    answer = imap.ok("SELECT INBOX")
    assert answer.one("LIST")[2] == "INBOX"
    assert answer.of("RECENT") == []


def test_examine_is_read_only(imap: Imap) -> None:
    imap.append("INBOX", MESSAGE, "(\\Deleted)")
    assert imap.ok("EXAMINE INBOX").code == "READ-ONLY"
    imap.no("STORE 1 +FLAGS (\\Seen)")
    imap.no("EXPUNGE")
    imap.ok("FETCH 1 BODY[]")
    assert "\\Seen" not in imap.ok("FETCH 1 FLAGS").fetched()[1]["FLAGS"]
    imap.ok("CLOSE")
    assert imap.ok("STATUS INBOX (MESSAGES)").one("STATUS")[1] == ["MESSAGES", 1]


def test_close_expunges_and_unselect_does_not(imap: Imap) -> None:
    imap.append("INBOX", MESSAGE, "(\\Deleted)")
    imap.ok("SELECT INBOX")
    imap.ok("UNSELECT")
    assert imap.ok("STATUS INBOX (MESSAGES)").one("STATUS")[1] == ["MESSAGES", 1]
    imap.ok("SELECT INBOX")
    answer = imap.ok("CLOSE")
    assert answer.of("EXPUNGE") == []
    assert imap.ok("STATUS INBOX (MESSAGES)").one("STATUS")[1] == ["MESSAGES", 0]


def test_a_mailbox_deleted_by_another_session_ends_this_one(
    imap: Imap, node: Node, user: User
) -> None:
    imap.ok("CREATE gone")
    imap.ok("SELECT gone")
    Imap(node, user).ok("DELETE gone")
    tag = imap.begin("NOOP")
    assert imap._response()[1][0] == "BYE"
    assert tag and imap.closed()


def test_deleting_the_selected_mailbox_closes_it_and_the_session_goes_on(imap: Imap) -> None:
    imap.ok("CREATE own")
    imap.ok("SELECT own")
    assert "CLOSED" in imap.ok("DELETE own").codes()
    imap.bad("FETCH 1 FLAGS")
    imap.ok("SELECT INBOX")


def test_deleted_storage_is_what_expunge_would_free(imap: Imap) -> None:
    imap.append("Drafts", MESSAGE, "(\\Deleted)")
    imap.append("Drafts", MESSAGE)
    items = imap.ok("STATUS Drafts (DELETED DELETED-STORAGE)").one("STATUS")[1]
    assert items == ["DELETED", 1, "DELETED-STORAGE", len(MESSAGE)]


def test_rev2_calls_implied_parents_nonexistent(imap: Imap) -> None:
    imap.ok("CREATE implied/child")
    imap.ok("ENABLE IMAP4rev2")
    rows = imap.ok('LIST "" implied').of("LIST")
    assert attributes(rows, "implied") == {"\\NonExistent", "\\HasChildren"}


def test_a_child_that_matches_itself_needs_no_childinfo(imap: Imap) -> None:
    imap.ok("CREATE r")
    imap.ok("CREATE r/s")
    imap.ok("SUBSCRIBE r/s")
    rows = imap.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" r*').of("LIST")
    assert names(rows) == ["r/s"]


def test_special_uses_can_be_asked_for_by_return(imap: Imap) -> None:
    rows = imap.ok('LIST "" (Sent Trash) RETURN (SPECIAL-USE CHILDREN)').of("LIST")
    assert attributes(rows, "Sent") == {"\\Sent", "\\HasNoChildren"}
    assert attributes(rows, "Trash") == {"\\Trash", "\\HasNoChildren"}


def test_malformed_lists_are_bad(imap: Imap) -> None:
    returns = ('"" * RETURN', '"" * RETURN (X)', '"" * RETURN (STATUS)')
    for words in (*returns, '(X) "" *', '"" (a', '""'):
        imap.bad(f"LIST {words}")
    imap.ok("NOOP")
