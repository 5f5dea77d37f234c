"""The checker of two nodes' histories: each rule, broken by hand, is found; what merging may do passes."""

from collections.abc import Callable
from typing import Any

import pytest
from history.pair_checker import PairChecker
from history.record import Event

ACCOUNT = "ada@example.test"
INBOX, ARCHIVE, OWN, YOUNGER = "agaaaaaa", "agaaaaab", "agaaaaac", "agaaaaad"
NAMES = {INBOX: "INBOX", ARCHIVE: "Archive", OWN: "both/a"}


def row(uid: int, name: str = "m", modseq: int = 90, flags: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"uid": uid, "modseq": modseq, "flags": sorted(flags), "id": name, "sha": name,
            "size": 1000, "prefix": 0, "date": "today", "email": name}  # fmt: skip


def box(which: str, *rows: dict[str, Any], **other: Any) -> dict[str, Any]:
    flags = [entry["flags"] for entry in rows]
    counted = {"messages": len(rows), "unseen": sum("\\Seen" not in words for words in flags),
               "deleted": sum("\\Deleted" in words for words in flags),
               "size": 1000 * len(rows), "uid_next": 50, "uid_validity": 7, "highest_modseq": 99,
               "delta": None, "name": NAMES.get(which, "both/a")}  # fmt: skip
    return counted | {"box": which, "rows": list(rows)} | other


class History:
    """Of a message m with UID 1 in INBOX at both nodes; then a part in which these are apart. Events
    are a tick apart; every one that is not said otherwise was acknowledged at node a."""

    def __init__(self) -> None:
        self.checker, self.clock = PairChecker(), 0
        self.events: list[Event] = []
        start = {"uid_next": 2, "highest_modseq": 5}
        self.see(box(INBOX, row(1, modseq=5), **start), box(ARCHIVE, **start), box(OWN, **start))
        self.healed = 0

    def do(self, op: str, node: str = "a", outcome: str = "acknowledged", **fields: Any) -> None:
        self.clock += 10
        self.events.append({"op": op, "client": f"client-{node}", "node": node, "account": ACCOUNT,
                            "start": self.clock, "end": self.clock + 5, "outcome": outcome}
                           | fields)  # fmt: skip

    def part(self, dead: str | None = None) -> None:
        self.do("apart", "", dead=dead)

    def heal(self) -> None:
        self.clock += 10
        self.healed = self.clock

    def meet(self) -> None:
        self.clock += 10
        self.do("together", "", start=self.healed, end=self.clock, known=self.clock + 2)

    def store(self, node: str, mode: str, *flags: str, uid: int = 1, **other: Any) -> None:
        self.do("store", node, box=INBOX, messages=[[uid, "m"]], mode=mode, flags=list(flags),
                modseqs={}, **other)  # fmt: skip

    def append(self, node: str, uid: int, name: str, where: str = INBOX, **other: Any) -> None:
        self.do("append", node, box=where, id=name, sha=name, flags=[], uid=uid, **other)

    def expunge(self, node: str, **other: Any) -> None:
        self.do("expunge", node, box=INBOX, messages=[[1, "m"]], **other)

    def move(self, node: str, target: str, uid: int) -> None:
        self.do("move", node, box=INBOX, target=target, messages=[[1, "m"]], pairs={1: uid})

    def copy(self, node: str, target: str, uid: int) -> None:
        self.do("copy", node, box=INBOX, target=target, messages=[[1, "m"]], pairs={1: uid})

    def see(self, *boxes: dict[str, Any], other: list[dict[str, Any]] | None = None) -> None:
        """At the end: the same at both, unless `other` says what the second one holds."""
        if self.events:
            self.checker.take(self.events)
            self.events = []
        quota = {"messages": None, "kilobytes": None}
        self.do("observe", "a", boxes=list(boxes), quota=quota)
        self.do("compare", "b", boxes=list(other or boxes), quota=quota)
        self.checker.take(self.events)
        self.events = []

    def rules(self) -> set[str]:
        return {broken.rule for broken in self.checker.found}


def holds(*inbox: dict[str, Any], **other: Any) -> list[dict[str, Any]]:
    return [box(INBOX, *inbox, **other), box(ARCHIVE), box(OWN)]


def apart_then(*steps: Callable[[History], None]) -> Callable[..., History]:
    def run(*boxes: dict[str, Any]) -> History:
        history = History()
        history.part()
        for step in steps:
            step(history)
        history.heal()
        history.meet()
        history.see(*boxes)
        return history

    return run


def flagged_at(node: str, *flags: str) -> Callable[[History], None]:
    return lambda h: h.store(node, "+", *flags)


FLAGS = apart_then(flagged_at("a", "k1"), flagged_at("b", "k2"))
SAME_FLAG = apart_then(flagged_at("a", "k1"), flagged_at("b", "k1"), lambda h: h.store("b", "-", "k1"))
GONE = apart_then(lambda h: h.expunge("a"), flagged_at("b", "k2"))
ARRIVED = apart_then(lambda h: h.append("a", 2, "x"), lambda h: h.append("b", 1026, "y"))
MOVED = apart_then(lambda h: h.move("a", ARCHIVE, 2), lambda h: h.move("b", OWN, 3))
COPIED = apart_then(lambda h: h.copy("a", ARCHIVE, 2), lambda h: h.move("b", OWN, 3))
MOVED_FLAGGED = apart_then(lambda h: h.move("a", ARCHIVE, 2), flagged_at("b", "k1"))
MOVED_EXPUNGED = apart_then(lambda h: h.move("a", ARCHIVE, 2), lambda h: h.expunge("b"))


@pytest.mark.parametrize(
    ("run", "boxes"),
    [
        (FLAGS, holds(row(1, flags=("k1", "k2")))),
        (SAME_FLAG, holds(row(1, flags=("k1",)))),
        (GONE, holds()),
        (ARRIVED, holds(row(1), row(1026, "y"), row(1027, "x"), uid_next=1028)),
        (MOVED, [box(INBOX), box(ARCHIVE, row(2)), box(OWN)]),
        (MOVED, [box(INBOX), box(ARCHIVE), box(OWN, row(3))]),
        (COPIED, [box(INBOX), box(ARCHIVE, row(2)), box(OWN, row(3))]),
        (MOVED_FLAGGED, [box(INBOX), box(ARCHIVE, row(2, flags=("k1",))), box(OWN)]),
        (MOVED_EXPUNGED, [box(INBOX), box(ARCHIVE), box(OWN)]),
    ],
)  # fmt: skip
def test_what_merging_makes_of_two_sides_passes(
    run: Callable[..., History], boxes: list[dict[str, Any]]
) -> None:
    assert run(*boxes).checker.found == []


@pytest.mark.parametrize(
    ("rule", "run", "boxes"),
    [
        ("flag-lost", FLAGS, holds(row(1, flags=("k1",)))),
        ("flag-returned", SAME_FLAG, holds(row(1, flags=("k1", "k2")))),
        ("resurrected", GONE, holds(row(1, flags=("k2",)))),
        ("lost", ARRIVED, holds(row(1), row(1026, "y"), uid_next=1028)),
        ("doubled", ARRIVED, holds(row(1), row(2, "x"), row(1026, "y"), row(1027, "x"), uid_next=1028)),
        ("lost", MOVED, [box(INBOX), box(ARCHIVE), box(OWN)]),
        ("resurrected", MOVED, [box(INBOX, row(1)), box(ARCHIVE, row(2)), box(OWN)]),
        ("resurrected", MOVED, [box(INBOX), box(ARCHIVE, row(2)), box(OWN, row(3))]),
        ("lost", COPIED, [box(INBOX), box(ARCHIVE), box(OWN, row(3))]),
        ("flag-lost", MOVED_FLAGGED, [box(INBOX), box(ARCHIVE, row(2)), box(OWN)]),
        ("resurrected", MOVED_EXPUNGED, [box(INBOX), box(ARCHIVE, row(2)), box(OWN)]),
    ],
)  # fmt: skip
def test_what_merging_must_not_do_is_found(
    rule: str, run: Callable[..., History], boxes: list[dict[str, Any]]
) -> None:
    assert rule in run(*boxes).rules()


def test_a_uid_that_one_side_gave_out_names_nothing_else_afterwards() -> None:
    found = ARRIVED(*holds(row(1), row(1026, "x"), row(1027, "y"), uid_next=1028))
    assert "uid-reused" in found.rules()


def test_a_uid_below_what_the_other_side_announced_does_not_appear_there() -> None:
    history = History()
    history.part()
    history.append("a", 2, "x")
    history.do("counters", "b", box=INBOX, uid_validity=7, uid_next=30, highest_modseq=9)
    history.heal()
    history.meet()
    history.see(*holds(row(1), row(2, "x")))
    assert history.rules() == {"uid-order"}


def test_under_way_at_the_cut_it_may_be_at_one_node_or_at_both() -> None:
    history = History()
    history.do("store", "a", box=INBOX, messages=[[1, "m"]], mode="+", flags=["k1"], modseqs={},
               end=history.clock + 30)  # fmt: skip
    history.part()
    history.store("b", "-", "k1", start=history.clock + 10, end=history.clock + 15)
    history.heal()
    history.meet()
    history.see(*holds(row(1)))
    assert history.checker.found == []


def test_what_the_dead_node_had_acknowledged_is_at_the_other_one() -> None:
    history = History()
    history.append("a", 2, "x", start=11, end=14)
    history.part(dead="a")
    history.do("fetch", "b", box=INBOX, asked=[[2, "x"]], rows=[], others=[])
    history.heal()
    history.meet()
    assert not history.rules()
    history.see(*holds(row(1), row(2, "x")))
    assert history.rules() >= {"lost"}


@pytest.mark.parametrize(
    "there",
    [
        [box(INBOX, row(1, modseq=91)), box(ARCHIVE), box(OWN)],
        [box(INBOX), box(ARCHIVE), box(OWN)],
        [box(INBOX, row(1)), box(ARCHIVE)],
        [box(INBOX, row(1), uid_next=51), box(ARCHIVE), box(OWN)],
        [box(INBOX, row(1) | {"date": "yesterday"}), box(ARCHIVE), box(OWN)],
    ],
)
def test_two_nodes_that_differ_are_found(there: list[dict[str, Any]]) -> None:
    history = History()
    history.see(*holds(row(1, modseq=5) | {"modseq": 5}), other=there)
    assert "nodes-differ" in history.rules()


def test_two_mailboxes_of_one_name_become_the_older_one() -> None:
    def join(stays: str, gone: str) -> History:
        history = History()
        history.part()
        for node, which in (("a", stays), ("b", gone)):
            history.do("create", node, box=which, name="both/new")
            history.append(node, 1, f"in-{node}", which)
        history.heal()
        history.meet()
        rows = (row(1, "in-a"), row(2, "in-b"))
        history.see(*holds(row(1)), box(stays, *rows, name="both/new", uid_validity=8))
        return history

    assert join("agaaaaae", "agaaaaaf").checker.found == []
    assert join("agaaaaaf", "agaaaaae").rules() == {"joined-wrong"}


@pytest.mark.parametrize("arrives", [True, False])
def test_a_mailbox_deleted_at_one_side_comes_back_with_what_arrived_at_the_other(arrives: bool) -> None:
    history = History()
    history.part()
    history.do("delete", "a", box=OWN)
    if arrives:
        history.append("b", 2, "x", OWN)
    history.heal()
    history.meet()
    history.see(box(INBOX, row(1)), box(ARCHIVE), box(OWN, *([row(2, "x")] if arrives else []),
                                                     uid_validity=8))  # fmt: skip
    assert history.rules() == (set() if arrives else {"mailbox-returned"})


def test_what_a_client_was_not_told_is_found() -> None:
    history = History()
    history.do("resync", box=None, since=5, modseq=9, wrong=[[1, [], ["k1"]]])
    history.see(*holds(row(1)))
    assert "sync" in history.rules()
