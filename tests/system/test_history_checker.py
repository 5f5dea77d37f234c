"""The checker of recorded histories: each rule, broken by hand, is found; a clean one passes."""

import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from history import messages, record
from history.checker import Checker
from history.floor import Floor
from history.moment import up_to
from history.record import Event

ACCOUNT = "ada@example.test"
A, B, OWN = "box-inbox", "box-b", "box-own"
NAMES = {A: "INBOX", B: "Archive", OWN: "imap1/a"}


def row(uid: int, name: str, modseq: int = 5, flags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"uid": uid, "modseq": modseq, "flags": sorted(flags), "id": name, "sha": name,
            "size": 1000, "prefix": 0}  # fmt: skip


def box(which: str, *rows: dict[str, Any], **other: Any) -> dict[str, Any]:
    flags = [entry["flags"] for entry in rows]
    counted = {
        "messages": len(rows),
        "unseen": sum("\\Seen" not in words for words in flags),
        "deleted": sum("\\Deleted" in words for words in flags),
        "size": sum(entry["size"] for entry in rows),
        "uid_next": 10,
        "uid_validity": 7,
        "highest_modseq": 50,
        "delta": None,
        "name": NAMES[which],
    }
    return counted | {"box": which, "rows": list(rows)} | other


class History:
    """Events a tick apart; every one that is not said otherwise was acknowledged."""

    def __init__(self) -> None:
        self.checker, self.clock = Checker(), 0
        self.observe(*(box(which, uid_next=1) for which in NAMES))

    def do(self, op: str, outcome: str = record.ACKNOWLEDGED, **fields: Any) -> None:
        self.clock += 10
        event: Event = {"op": op, "client": "test", "node": "a", "account": ACCOUNT,
                        "start": self.clock, "end": self.clock + 5, "outcome": outcome}  # fmt: skip
        self.checker.take([event | fields])

    def observe(self, *boxes: dict[str, Any], quota: dict[str, int | None] | None = None) -> None:
        self.do("observe", boxes=list(boxes), quota=quota or {"messages": None, "kilobytes": None})

    def append(self, uid: int | None = 1, name: str = "m", outcome: str = "acknowledged") -> None:
        told = {"uid": uid} if outcome == "acknowledged" else {}
        self.do("append", outcome, box=A, id=name, sha=name, flags=[], **told)

    def store(
        self, mode: str, *flags: str, outcome: str = "acknowledged", modseq: int = 60
    ) -> None:
        told = {"modseqs": {1: modseq}} if outcome == "acknowledged" else {}
        self.do("store", outcome, box=A, messages=[[1, "m"]], mode=mode, flags=list(flags), **told)

    def expunge(self, outcome: str = "acknowledged") -> None:
        self.do("expunge", outcome, box=A, messages=[[1, "m"]])

    def move(self, outcome: str = "acknowledged", op: str = "move") -> None:
        told = {"pairs": {1: 3}} if outcome == "acknowledged" else {}
        self.do(op, outcome, box=A, target=B, messages=[[1, "m"]], **told)

    def rules(self) -> set[str]:
        return {broken.rule for broken in self.checker.found}


def lost_append(h: History) -> None:
    h.append()
    h.observe(box(A), box(B), box(OWN))


def lost_delivery(h: History) -> None:
    h.do("deliver", id="m", sha="m")
    h.observe(box(A), box(B), box(OWN))


def lost_before_a_fetch(h: History) -> None:
    h.append()
    h.do("fetch", box=A, asked=[[1, "m"]], rows=[])


def lost_before_a_move(h: History) -> None:
    h.append()
    h.do("move", box=A, target=B, messages=[[1, "m"]], pairs={})


def twice_in_a_mailbox(h: History) -> None:
    h.do("deliver", "unknown", id="m", sha="m")
    h.observe(box(A, row(1, "m"), row(2, "m")), box(B), box(OWN))


def in_a_mailbox_where_nobody_put_it(h: History) -> None:
    h.append()
    h.observe(box(A, row(1, "m")), box(B, row(1, "m")), box(OWN))


def other_bytes(h: History) -> None:
    h.append()
    h.observe(box(A, row(1, "m") | {"sha": "other"}), box(B), box(OWN))


def bytes_above_what_was_appended(h: History) -> None:
    h.append()
    h.observe(box(A, row(1, "m") | {"prefix": 80}), box(B), box(OWN))


def back_after_expunge(h: History) -> None:
    h.append()
    h.expunge()
    h.observe(box(A, row(1, "m")), box(B), box(OWN))


def back_after_an_observed_absence(h: History) -> None:
    h.append()
    h.expunge("unknown")
    h.observe(box(A), box(B), box(OWN))
    h.observe(box(A, row(1, "m")), box(B), box(OWN))


def moved_and_still_here(h: History) -> None:
    h.append()
    h.move()
    h.observe(box(A, row(1, "m")), box(B, row(3, "m")), box(OWN))


def refused_and_there(h: History) -> None:
    h.append(outcome="refused")
    h.observe(box(A, row(1, "m")), box(B), box(OWN))


def unknown_move_here_and_there(h: History) -> None:
    h.append()
    h.move("unknown")
    h.observe(box(A, row(1, "m")), box(B, row(3, "m")), box(OWN))


def unknown_move_neither_here_nor_there(h: History) -> None:
    h.append()
    h.move("unknown")
    h.observe(box(A), box(B), box(OWN))


def half_of_an_unknown_store(h: History) -> None:
    h.append()
    h.store("+", "\\Seen", "k1", outcome="unknown")
    h.observe(box(A, row(1, "m", 9, ("k1",))), box(B), box(OWN))


def uid_of_another_message(h: History) -> None:
    h.append()
    h.do("counters", box=A, uid_validity=7, uid_next=2, highest_modseq=50)
    h.do("append", box=A, id="other", sha="other", flags=[], uid=1, start=0)  # at the same time


def uid_of_another_message_under_the_same_name(h: History) -> None:
    h.do("append", box=OWN, id="m", sha="m", flags=[], uid=1)
    h.do("delete", box=OWN)
    h.do("create", box="new", name=NAMES[OWN])
    h.do("counters", box="new", uid_validity=7, uid_next=1, highest_modseq=1)
    h.do("append", box="new", id="other", sha="other", flags=[], uid=1)


def uid_below_an_earlier_one(h: History) -> None:
    h.append(20, "first")
    h.append(12, "second")


def uid_below_uidnext_when_it_is_learnt(h: History) -> None:
    h.do("counters", box=A, uid_validity=7, uid_next=10, highest_modseq=50)
    h.do("deliver", id="m", sha="m")
    h.observe(box(A, row(9, "m")), box(B), box(OWN))


def other_uid_than_was_told(h: History) -> None:
    h.append(12)
    h.observe(box(A, row(13, "m"), uid_next=20), box(B), box(OWN))


def uidnext_goes_down(h: History) -> None:
    h.do("counters", box=A, uid_validity=7, uid_next=30, highest_modseq=50)
    h.do("counters", box=A, uid_validity=7, uid_next=29, highest_modseq=50)


def uidnext_is_not_above_a_uid(h: History) -> None:
    h.append(10)
    h.observe(box(A, row(10, "m"), uid_next=10), box(B), box(OWN))


def highest_modseq_goes_down(h: History) -> None:
    h.store("+", "k1", modseq=60)
    h.do("counters", box=A, uid_validity=7, uid_next=30, highest_modseq=59)


def modseq_is_above_the_highest(h: History) -> None:
    h.append(10)
    h.observe(box(A, row(10, "m", 51), uid_next=11), box(B), box(OWN))


def modseq_grows_by_itself(h: History) -> None:
    h.append(10)
    h.observe(box(A, row(10, "m", 8), uid_next=11), box(B), box(OWN))
    h.observe(box(A, row(10, "m", 9), uid_next=11), box(B), box(OWN))


def modseq_stays_when_a_flag_changes(h: History) -> None:
    h.append(10)
    h.observe(box(A, row(10, "m", 8), uid_next=11), box(B), box(OWN))
    h.do("store", box=A, messages=[[10, "m"]], mode="+", flags=["k1"], modseqs={})
    h.observe(box(A, row(10, "m", 8, ("k1",)), uid_next=11), box(B), box(OWN))


def modseq_told_by_store_is_old(h: History) -> None:
    h.append()
    h.store("+", "k1", modseq=50)


def modseq_is_not_the_told_one(h: History) -> None:
    h.append(10)
    h.do("store", box=A, messages=[[10, "m"]], mode="+", flags=["k1"], modseqs={10: 60})
    rows = row(10, "m", 61, ("k1",))
    h.observe(box(A, rows, uid_next=11, highest_modseq=61), box(B), box(OWN))


def flag_is_gone(h: History) -> None:
    h.append()
    h.store("+", "\\Seen")
    h.observe(box(A, row(1, "m", 60), highest_modseq=60), box(B), box(OWN))


def flag_is_back(h: History) -> None:
    h.append()
    h.store("+", "k1")
    h.store("-", "k1", modseq=61)
    h.observe(box(A, row(1, "m", 61, ("k1",)), highest_modseq=61), box(B), box(OWN))


def flag_did_not_go_along(h: History) -> None:
    h.append()
    h.store("+", "k1")
    h.move(op="copy")
    seen = row(1, "m", 60, ("k1",))
    h.observe(box(A, seen, highest_modseq=60), box(B, row(3, "m")), box(OWN))


def created_mailbox_is_gone(h: History) -> None:
    h.do("create", box="new", name="imap1/new")
    h.observe(box(A), box(B), box(OWN))


def deleted_mailbox_is_back(h: History) -> None:
    h.do("delete", box=OWN)
    h.observe(box(A), box(B), box(OWN))


def mailbox_that_was_refused_is_there(h: History) -> None:
    h.do("create", "refused", box=None, name=NAMES[OWN])
    h.observe(box(A), box(B), box(OWN), box(OWN, box="new"))


def renamed_mailbox_has_its_old_name(h: History) -> None:
    h.do("rename", box=OWN, boxes=[[OWN, NAMES[OWN], "imap1/b"]])
    h.observe(box(A), box(B), box(OWN))


def validity_changes(h: History) -> None:
    h.observe(box(A, uid_validity=8), box(B), box(OWN))


def status_counts_wrong(h: History) -> None:
    h.append(10)
    h.observe(box(A, row(10, "m"), uid_next=11, unseen=0), box(B), box(OWN))


def usage_is_wrong(h: History) -> None:
    h.observe(box(A), box(B), box(OWN), quota={"messages": 1, "kilobytes": 0})


def qresync_forgets_a_vanished_one(h: History) -> None:
    h.append(10)
    h.observe(box(A, row(10, "m"), uid_next=11), box(B), box(OWN))
    h.do("expunge", box=A, messages=[[10, "m"]])
    delta = {"since": 50, "vanished": [], "changed": []}
    h.observe(box(A, uid_next=11, delta=delta), box(B), box(OWN))


BREAKS: list[tuple[str, Callable[[History], None]]] = [
    ("lost", lost_append),
    ("lost", lost_delivery),
    ("lost", lost_before_a_fetch),
    ("lost", lost_before_a_move),
    ("doubled", twice_in_a_mailbox),
    ("doubled", in_a_mailbox_where_nobody_put_it),
    ("bytes", other_bytes),
    ("bytes", bytes_above_what_was_appended),
    ("resurrected", back_after_expunge),
    ("resurrected", back_after_an_observed_absence),
    ("resurrected", moved_and_still_here),
    ("refused-done", refused_and_there),
    ("torn", unknown_move_here_and_there),
    ("torn", unknown_move_neither_here_nor_there),
    ("torn", half_of_an_unknown_store),
    ("uid-reused", uid_of_another_message),
    ("uid-reused", uid_of_another_message_under_the_same_name),
    ("uid-order", uid_below_an_earlier_one),
    ("uid-order", uid_below_uidnext_when_it_is_learnt),
    ("uid-changed", other_uid_than_was_told),
    ("uidnext-down", uidnext_goes_down),
    ("uidnext-down", uidnext_is_not_above_a_uid),
    ("modseq-down", highest_modseq_goes_down),
    ("modseq-down", modseq_is_above_the_highest),
    ("modseq-unasked", modseq_grows_by_itself),
    ("modseq-stale", modseq_stays_when_a_flag_changes),
    ("modseq-stale", modseq_told_by_store_is_old),
    ("modseq-stale", modseq_is_not_the_told_one),
    ("flag-lost", flag_is_gone),
    ("flag-lost", flag_did_not_go_along),
    ("flag-returned", flag_is_back),
    ("mailbox-lost", created_mailbox_is_gone),
    ("mailbox-returned", deleted_mailbox_is_back),
    ("mailbox-returned", mailbox_that_was_refused_is_there),
    ("rename-undone", renamed_mailbox_has_its_old_name),
    ("validity-changed", validity_changes),
    ("counters", status_counts_wrong),
    ("quota", usage_is_wrong),
    ("sync", qresync_forgets_a_vanished_one),
]


@pytest.mark.parametrize(("rule", "break_it"), BREAKS, ids=[step.__name__ for _, step in BREAKS])
def test_a_broken_rule_is_found(rule: str, break_it: Callable[[History], None]) -> None:
    history = History()
    assert history.rules() == set()
    break_it(history)
    assert history.rules() == {rule}


def test_every_rule_of_the_checker_has_a_history_that_breaks_it() -> None:
    import history.checker

    words = (history.checker.__doc__ or "").replace(",", " ").split()
    assert {rule for rule, _ in BREAKS} <= set(words)
    source = Path(history.checker.__file__).read_text()
    named = set(re.findall(r'self\.broken\("([a-z-]+)"', source))
    assert named <= {rule for rule, _ in BREAKS}


@pytest.mark.parametrize("done", [True, False])
def test_an_unknown_outcome_allows_both(done: bool) -> None:
    history = History()
    history.append(10)
    history.do("store", "unknown", box=A, messages=[[10, "m"]], mode="+", flags=["k1"])
    history.do("deliver", "unknown", id="other", sha="other")
    history.do("create", "unknown", box=None, name="imap1/new")
    history.do("delete", "unknown", box=OWN)
    flags = ("k1",) if done else ()
    rows = [row(10, "m", 6, flags)] + ([row(11, "other", 7)] if done else [])
    boxes = [box(A, *rows, uid_next=12), box(B)]
    boxes += [box(OWN, box="new", name="imap1/new")] if done else [box(OWN)]
    history.observe(*boxes)
    history.observe(*boxes)
    assert history.checker.found == []


@pytest.mark.parametrize("done", [True, False])
def test_an_unknown_move_may_be_here_or_there(done: bool) -> None:
    history = History()
    history.append(10)
    history.do("move", "unknown", box=A, target=B, messages=[[10, "m"]])
    here, there = ([], [row(10, "m")]) if done else ([row(10, "m")], [])
    history.observe(box(A, *here, uid_next=11), box(B, *there, uid_next=11), box(OWN))
    assert history.checker.found == []


def test_a_clean_history_passes() -> None:
    history = History()
    history.append(10)
    history.do("store", box=A, messages=[[10, "m"]], mode="+", flags=["k1"], modseqs={10: 60})
    history.do("fetch", box=A, asked=[[10, "m"]], rows=[[10, "m", ["k1"], 60]])
    history.do("copy", box=A, target=B, messages=[[10, "m"]], pairs={10: 10})
    history.do("move", box=A, target=OWN, messages=[[10, "m"]], pairs={10: 10})
    history.do("rename", box=OWN, boxes=[[OWN, NAMES[OWN], "imap1/b"]])
    history.do("deliver", id="late", sha="late")
    history.do("append", "refused", box=A, id="no", sha="no", flags=[])
    moved = row(10, "m", 61, ("k1",))
    history.observe(
        box(A, row(11, "late", 62), uid_next=12, highest_modseq=62),
        box(B, moved, uid_next=11, highest_modseq=61),
        box(OWN, moved, uid_next=11, highest_modseq=61, name="imap1/b"),
        quota={"messages": 3, "kilobytes": 3},
    )
    history.do("expunge", box=None, messages=[[None, "late"]])
    history.do("delete", box=OWN)
    delta = {"since": 62, "vanished": [11], "changed": []}
    history.observe(
        box(A, uid_next=12, highest_modseq=63, delta=delta),
        box(B, moved, uid_next=11, highest_modseq=61),
    )
    assert history.checker.found == []


def test_a_message_is_known_again_below_what_was_put_above_it() -> None:
    text = messages.make("smtp1.1.7", random.Random(1))
    name, digest, prefix = messages.identify(b"Return-Path: <>\r\n" + text)
    assert (name, digest, prefix) == ("smtp1.1.7", messages.digest(text), 17)


def test_a_history_is_the_same_after_it_was_written_down(tmp_path: Path) -> None:
    log = record.Log(tmp_path, "c", "a")
    event = log.write("store", record.now(), record.ACKNOWLEDGED, modseqs={7: 8}, box=A)
    assert log.take() == [event]
    assert list(record.read([tmp_path / "c.jsonl"])) == [event]


def test_a_history_cut_at_a_copy_leaves_open_what_happened_meanwhile() -> None:
    events = [
        {"op": "append", "outcome": "acknowledged", "start": 1, "end": 2, "uid": 1},
        {"op": "append", "outcome": "acknowledged", "start": 3, "end": 5, "uid": 2},
        {"op": "append", "outcome": "refused", "start": 4, "end": 6},
        {"op": "fetch", "outcome": "acknowledged", "start": 4, "end": 6},
        {"op": "append", "outcome": "acknowledged", "start": 8, "end": 9, "uid": 3},
    ]
    cut = up_to(events, begin=4, end=7)
    unknown = {"op": "append", "outcome": "unknown", "start": 3, "end": 5, "after": 0}
    assert cut == [events[0], unknown]


def test_a_floor_tells_what_had_been_seen_by_a_time() -> None:
    floor = Floor()
    for time, value in [(10, 5), (30, 9), (20, 7), (40, 8), (15, 9)]:
        floor.add(time, value)
    assert [floor.at(time) for time in (9, 10, 14, 15, 30, 50)] == [0, 5, 5, 9, 9, 9]
    floor.settle(50)
    assert floor.at(50) == 9
