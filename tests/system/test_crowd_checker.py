"""What checks a crowd's mailbox: each rule, broken by hand, is found; what any order of the changes gives
passes."""

from typing import Any

import pytest
from history.crowd import CrowdChecker
from history.imap import Untagged
from history.record import Event
from history.view import View

ACCOUNT, INBOX, ARCHIVE = "ada@example.test", "INBOX", "Archive"


class History:
    """Of a message m with UID 1 in INBOX. Events are a tick apart, and were acknowledged if not said
    otherwise."""

    def __init__(self) -> None:
        self.checker, self.clock = CrowdChecker(), 0
        self.events: list[Event] = []
        self.do("append", id="m", flags=["k1"], uid=1)

    def do(self, op: str, box: str = INBOX, outcome: str = "acknowledged", lasts: int = 5,
           **fields: Any) -> None:  # fmt: skip
        self.clock += 10
        event = {"op": op, "client": "x", "node": "front", "account": ACCOUNT, "box": box, "outcome": outcome,
                 "start": self.clock, "end": self.clock + lasts}  # fmt: skip
        self.events.append(event | fields)

    def store(self, mode: str, *flags: str, **other: Any) -> None:
        self.do("store", uids=[1], mode=mode, flags=list(flags), **other)

    def expunge(self, told: list[int] | None = None, **other: Any) -> None:
        self.do("expunge", uids=[1], **({"told": [1] if told is None else told} | other))

    def see(self, *rows: tuple[int, str, str], box: str = INBOX) -> set[str]:
        """UID, message, flags."""
        self.do("seen", box=box, rows=[[uid, name, flags.split(), 1] for uid, name, flags in rows])
        self.checker.take(self.events)
        self.events = []
        return {broken.rule for broken in self.checker.found}


@pytest.fixture
def history() -> History:
    return History()


def test_what_was_appended_is_seen(history: History) -> None:
    assert history.see((1, "m", "k1")) == set()


def test_what_was_appended_and_is_not_seen_is_lost(history: History) -> None:
    assert history.see() == {"lost"}


def test_what_may_have_been_expunged_may_be_there_or_not(history: History) -> None:
    history.expunge(told=[], outcome="unknown")
    assert history.see() == set()
    assert history.see((1, "m", "k1")) == set()


def test_what_was_told_to_be_gone_is_gone(history: History) -> None:
    history.expunge()
    assert history.see((1, "m", "k1")) == {"resurrected"}


def test_a_sweep_takes_only_what_may_be_deleted(history: History) -> None:
    history.do("expunge", uids=None, told=[])
    assert history.see() == {"lost"}


def test_a_sweep_takes_what_somebody_may_have_deleted(history: History) -> None:
    history.store("+", "\\Deleted", outcome="unknown")
    history.do("expunge", uids=None, told=[])
    assert history.see() == set()


def test_a_flag_that_was_set_is_there(history: History) -> None:
    history.store("+", "k2")
    assert history.see((1, "m", "k1")) == {"flag-lost"}


def test_a_flag_that_was_taken_away_is_not_there(history: History) -> None:
    history.store("=", "k2")
    assert history.see((1, "m", "k1 k2")) == {"flag-returned"}


def test_of_two_changes_at_one_time_either_may_be_the_last(history: History) -> None:
    history.store("+", "k2", lasts=100)
    history.store("-", "k2")
    history.clock += 100
    assert history.see((1, "m", "k1")) == set()
    assert history.see((1, "m", "k1 k2")) == set()


def test_a_change_of_unknown_outcome_may_come_late(history: History) -> None:
    history.store("+", "k2", outcome="unknown")
    history.store("-", "k2")
    assert history.see((1, "m", "k1 k2")) == set()


def test_a_change_that_was_made_before_another_one_is_over(history: History) -> None:
    history.store("+", "k2")
    history.store("-", "k2")
    assert history.see((1, "m", "k1 k2")) == {"flag-returned"}


def test_a_uid_names_one_message(history: History) -> None:
    assert history.see((1, "another", "k1")) == {"uid-reused"}


def test_a_message_that_nobody_put_there_is_one_too_many(history: History) -> None:
    assert history.see((1, "m", "k1"), (2, "m", "k1")) == {"doubled"}


def test_an_append_of_unknown_outcome_is_there_once_at_most(history: History) -> None:
    history.do("append", outcome="unknown", id="n", flags=[])
    assert history.see((1, "m", "k1"), (2, "n", "")) == set()
    assert history.see((1, "m", "k1"), (2, "n", ""), (3, "n", "")) == {"doubled"}


def test_a_copy_keeps_its_message(history: History) -> None:
    history.do("copy", uids=[1], target=ARCHIVE, pairs={1: 7})
    assert history.see((7, "m", "k1"), box=ARCHIVE) == set()
    assert history.see((7, "n", "k1"), box=ARCHIVE) == {"uid-reused"}


def test_what_was_moved_is_there_and_not_here(history: History) -> None:
    history.do("move", uids=[1], target=ARCHIVE, pairs={1: 7})
    assert history.see(box=ARCHIVE) == {"lost"}
    assert history.see((1, "m", "k1")) == {"lost", "resurrected"}


def test_nothing_appears_below_a_uidnext_that_was_told(history: History) -> None:
    history.do("counters", uid_validity=7, uid_next=5, highest_modseq=1)
    history.do("append", id="n", flags=[], uid=3)
    assert history.see((1, "m", "k1"), (3, "n", "")) == {"uid-order"}


def test_uidnext_is_above_what_was_answered(history: History) -> None:
    history.do("counters", uid_validity=7, uid_next=1, highest_modseq=1)
    assert history.see((1, "m", "k1")) == {"uidnext-down"}


def test_uidvalidity_stays(history: History) -> None:
    for validity in (7, 8):
        history.do("counters", uid_validity=validity, uid_next=5, highest_modseq=1)
    assert history.see((1, "m", "k1")) == {"validity-changed"}


# What one session is told


SELECTED = ["3 EXISTS", "1 FETCH (UID 2 FLAGS (k1) MODSEQ (5))", "3 FETCH (UID 9 FLAGS () MODSEQ (6))"]


def heard(command: str, *lines: str, qresync: bool = True) -> set[str]:
    """Rules that are broken by these lines, behind those that were told at SELECT."""
    view = View(qresync)
    view.hear([Untagged(line.encode(), []) for line in SELECTED], "select")
    view.old, view.uid_next = 3, 12
    assert view.wrong == []
    view.hear([Untagged(line.encode(), []) for line in lines], command)
    return {rule for rule, _ in view.wrong}


@pytest.mark.parametrize("lines", [
    ["VANISHED 2", "2 EXISTS", "2 FETCH (UID 9 FLAGS (k2) MODSEQ (7))"],
    ["VANISHED 4"],  # the one whose UID was not told
    ["4 EXISTS", "4 FETCH (UID 12 FLAGS ())", "VANISHED 12"],
    ["1 FETCH (FLAGS (k2) MODSEQ (8))", "1 FETCH (FLAGS (k2) MODSEQ (8))"],
    ["VANISHED (EARLIER) 1,3"],
])  # fmt: skip
def test_what_a_server_may_say(lines: list[str]) -> None:
    assert heard("uid fetch", *lines) == set()


@pytest.mark.parametrize("command, line, rule", [
    ("noop", "2 EXISTS", "exists-fell"),
    ("fetch", "VANISHED 2", "expunge-unasked"),
    ("noop", "1 EXPUNGE", "expunge-form"),
    ("noop", "VANISHED 10", "not-there"),
    ("noop", "4 FETCH (UID 12)", "not-there"),
    ("uid fetch", "VANISHED (EARLIER) 9", "earlier"),
    ("noop", "1 FETCH (UID 3)", "uid-moved"),
    ("noop", "2 FETCH (UID 10)", "uid-descends"),
    ("noop", "1 FETCH (FLAGS (k1) MODSEQ (4))", "modseq-fell"),
    ("noop", "1 FETCH (FLAGS (k2) MODSEQ (5))", "modseq-kept"),
])  # fmt: skip
def test_what_it_may_not_say(command: str, line: str, rule: str) -> None:
    assert rule in heard(command, line)


def test_a_new_message_is_not_below_uidnext() -> None:
    assert heard("noop", "4 EXISTS", "4 FETCH (UID 11)") == {"uid-below"}


def test_vanished_is_for_those_who_enabled_it() -> None:
    assert heard("noop", "VANISHED 2", qresync=False) == {"expunge-form"}
