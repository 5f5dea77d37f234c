"""Reads events in their order and names every rule that they break.

    lost              an acknowledged message is gone
    doubled           more copies than were asked for
    bytes             what is there is not what was sent
    resurrected       an expunged message is back
    refused-done      a refused message is there
    torn              an unknown outcome ended half (a MOVE both here and there, or neither)
    uid-reused        a UID names another message than before, within a UIDVALIDITY
    uid-order         a UID below one that was given out before
    uid-changed       the UID is not the one that was told
    uidnext-down      UIDNEXT went down
    modseq-down       HIGHESTMODSEQ went down, or is below a message's MODSEQ
    modseq-unasked    a MODSEQ changed and the message did not
    modseq-stale      it changed and its MODSEQ did not grow, or is not the one that was told
    flag-lost         an acknowledged flag is gone
    flag-returned     a flag that was taken away, or never set, is there
    mailbox-lost, mailbox-returned, rename-undone
    validity-changed  UIDVALIDITY of a mailbox changed
    counters          STATUS disagrees with the mailbox
    quota             usage disagrees with the mailboxes
    sync              QRESYNC's changes do not lead from one observation to the next

Two nodes that are each other's mirror have rules of their own: pair_checker.py.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from history.floor import Floors
from history.mailboxes import Mailbox, Tree
from history.record import ACKNOWLEDGED, REFUSED, UNKNOWN, Event, ordered
from history.states import TOGETHER, Reach
from history.worlds import EMPTY, Copy, Look, Message, Stamp, narrow


@dataclass(frozen=True)
class Broken:
    rule: str
    account: str
    what: str
    client: str = ""
    at: int = 0
    about: str = ""  # the message or mailbox, as events name it

    def __str__(self) -> str:
        return f"{self.rule}: {self.account}: {self.what} (seen by {self.client} at {self.at})"


class Checker:
    def __init__(self) -> None:
        self.found: list[Broken] = []
        self.trees: dict[str, Tree] = defaultdict(Tree)
        self.live: dict[tuple[str, str], Message] = {}
        self.gone: dict[tuple[str, str], Message] = {}
        self.inbox: dict[str, str] = {}
        # by account, name or box, validity, UID: the message, by node
        self.uids: dict[tuple[str, str, int, int], dict[str, str]] = {}
        self.counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def take(self, events: Iterable[Event]) -> None:
        """The next part of the history; parts end where nobody changes anything."""
        for event in ordered(events):
            self.counts[event["op"]][event["outcome"]] += 1
            self.event = event
            step: Callable[[Event], None] = getattr(self, f"on_{event['op']}")
            step(event)

    def broken(self, rule: str, what: str, about: str = "") -> None:
        event = self.event
        self.found.append(
            Broken(rule, event["account"], what, event["client"], event["start"], about)
        )

    def message(self, name: str) -> Message:
        key = (self.event["account"], name)
        if key not in self.live:
            self.live[key] = self.gone.pop(key, None) or Message()
        return self.live[key]

    def mailbox(self, box: str) -> Mailbox:
        tree = self.trees[self.event["account"]]
        return tree.boxes.setdefault(box, Mailbox({(box,) * tree.parts}))

    # What an event says, of which node

    def reach(self) -> Reach:
        """Where the change gets to."""
        return TOGETHER

    def view(self) -> Look:
        """Where something is seen."""
        return Look()

    def nodes(self) -> list[str]:
        """Those for which what is told holds from now on."""
        return [str(self.event["node"])]

    def sees(self) -> list[str]:
        """Whose counters, as they were seen before, are not above what is told."""
        return self.nodes()

    def grows(self) -> list[str]:
        """Whose counters are as high as what is told from now on."""
        return self.nodes()

    def outcome(self, name: str, box: str) -> str:
        """Of the change for one message."""
        return str(self.event["outcome"])

    # Counters

    def names_it(self, box: str, uid: int, name: str) -> None:
        """A UID was told: it never names another message, under either of its mailbox's names."""
        mailbox = self.mailbox(box)
        if mailbox.validity is None:
            return  # it will be told again when that is known
        for place in (box, *(n for n in mailbox.names(self.view().part) if n)):
            known = self.uids.setdefault((self.event["account"], place, mailbox.validity, uid), {})
            for node in self.nodes():
                if (was := known.setdefault(node, name)) != name:
                    what = f"{place} UID {uid} was {was} at {node}, now {name}"
                    self.broken("uid-reused", what, name)
                    break

    def arrives(self, name: str, box: str, uid: int | None) -> None:
        """Something was put into a mailbox; its UID is told now or later."""
        event, mailbox, message = self.event, self.mailbox(box), self.message(name)
        when = event.get("after", event["start"])
        message.lowest_uid[box] = mailbox.uid_next.at(self.sees(), when)
        if uid is not None:
            self.has_uid(name, box, uid)

    def has_uid(self, name: str, box: str, uid: int) -> None:
        lowest = self.message(name).lowest_uid.get(box, 0)
        if uid < lowest:
            what = f"{name} got UID {uid} in {box}, UIDNEXT was {lowest} before"
            self.broken("uid-order", what, name)
        self.mailbox(box).uid_next.add(self.grows(), self.event["end"], uid + 1)
        self.names_it(box, uid, name)

    def counter_seen(self, box: str, validity: int, uid_next: int, modseq: int) -> None:
        start, end, mailbox = self.event["start"], self.event["end"], self.mailbox(box)
        old = mailbox.validity or validity
        if validity > old and mailbox.validity_may_grow:
            mailbox.uid_next = Floors()
        elif validity != old:
            self.broken("validity-changed", f"{box}: {old}, now {validity}", box)
        mailbox.validity = validity
        if uid_next < (before := mailbox.uid_next.at(self.sees(), start)):
            self.broken("uidnext-down", f"{box}: UIDNEXT {uid_next}, at least {before} before", box)
        if modseq < (before := mailbox.modseq.at(self.sees(), start)):
            self.broken("modseq-down", f"{box}: HIGHESTMODSEQ {modseq}, {before} before", box)
        mailbox.uid_next.add(self.grows(), end, uid_next)
        mailbox.modseq.add(self.grows(), end, modseq)

    # Changes

    def on_deliver(self, event: Event) -> None:
        box, message = self.inbox[event["account"]], self.message(event["id"])
        message.sha = event["sha"]
        message.place(box, None, frozenset(), event["outcome"], self.reach())
        self.arrives(event["id"], box, None)

    def on_append(self, event: Event) -> None:
        message = self.message(event["id"])
        message.sha, message.appended = event["sha"], True
        uid = event.get("uid")
        message.place(
            event["box"], uid, frozenset(event["flags"]), event["outcome"], self.reach()
        )
        self.arrives(event["id"], event["box"], uid)

    def on_store(self, event: Event) -> None:
        box, flags = event["box"], frozenset(event["flags"])
        before = self.mailbox(box).modseq.at(self.sees(), event["start"])
        for uid, name in event["messages"]:
            message, outcome = self.message(name), self.outcome(name, box)
            stamp = message.stamps.setdefault(box, Stamp())
            differs = message.set_flags(box, event["mode"], flags, outcome, self.reach())
            if outcome == UNKNOWN or not differs:
                stamp.maybe |= outcome == UNKNOWN
                continue
            if outcome == REFUSED:
                continue
            stamp.changed, stamp.exact = True, event["modseqs"].get(uid)
            if stamp.exact is not None:
                if stamp.exact <= max(before, stamp.seen or 0):
                    told = f"STORE told MODSEQ {stamp.exact}, {before} was there before"
                    self.broken("modseq-stale", f"{name}: {told}", name)
                self.mailbox(box).modseq.add(self.grows(), event["end"], stamp.exact)

    def on_copy(self, event: Event) -> None:
        self._transfer(event, keep=True)

    def on_move(self, event: Event) -> None:
        self._transfer(event, keep=False)

    def _transfer(self, event: Event, keep: bool) -> None:
        box, target, outcome = event["box"], event["target"], event["outcome"]
        pairs = event.get("pairs", {})
        for uid, name in event["messages"]:
            message = self.message(name)
            if outcome == ACKNOWLEDGED and uid not in pairs:
                if message.copy_in(box, self.view().part) and not self.may_miss(name, box):
                    what = f"{name}: {event['op']} did not find UID {uid} in {box}"
                    self.broken("lost", what, name)
                continue
            message.transfer(box, target, pairs.get(uid), keep, outcome, self.reach())
            if outcome != REFUSED:
                self.arrives(name, target, pairs.get(uid))

    def may_miss(self, name: str, box: str) -> bool:
        """Whether it may not be where its client saw it last, by its UID."""
        return False

    def on_expunge(self, event: Event) -> None:
        box = event["box"] or self.inbox[event["account"]]
        for _, name in event["messages"]:
            self.message(name).remove(box, self.outcome(name, box), self.reach())

    def on_create(self, event: Event) -> None:
        tree = self.trees[event["account"]]
        tree.created(event["box"], event["name"], event["outcome"], self.reach())

    def on_rename(self, event: Event) -> None:
        for box, _, to in event["boxes"]:
            self.trees[event["account"]].changed(box, to, event["outcome"], self.reach())

    def on_delete(self, event: Event) -> None:
        tree = self.trees[event["account"]]
        tree.changed(event["box"], None, event["outcome"], self.reach())
        if event["outcome"] == ACKNOWLEDGED:
            self.forget_box(event["account"], event["box"], self.reach())

    def forget_box(self, account: str, box: str, reach: Reach = TOGETHER) -> None:
        """The mailbox is gone, and what was in it."""
        for (owner, _), message in self.live.items():
            if owner == account and box in message.boxes():
                message.remove(box, ACKNOWLEDGED, reach)

    # What was seen

    def on_counters(self, event: Event) -> None:
        self.counter_seen(
            event["box"], event["uid_validity"], event["uid_next"], event["highest_modseq"]
        )

    def on_fetch(self, event: Event) -> None:
        box, seen = event["box"], {row[0]: row for row in event["rows"]}
        for uid, name, flags, modseq in event["rows"]:
            self.look(name, box, Copy(box, uid, frozenset(flags)))
            self.has_uid(name, box, uid)
            self.mailbox(box).modseq.add(self.grows(), event["end"], modseq)
        for uid, name in event["asked"]:
            if uid not in seen:
                self.look(name, box, None)

    def look(self, name: str, box: str, copy: Copy | None) -> None:
        if wrong := narrow(self.message(name), box, copy, self.view()):
            self.broken(wrong[0], f"{name} in {box}: {wrong[1]}", name)

    def on_resync(self, event: Event) -> None:
        for uid, told, found in event["wrong"]:
            what = f"INBOX since {event['since']}: UID {uid} has {told} by what was told, not {found}"
            self.broken("sync", what)

    def on_observe(self, event: Event) -> None:
        account, tree = event["account"], self.trees[event["account"]]
        is_first = not tree.is_known
        names = {box["box"]: box["name"] for box in event["boxes"]}
        gone = tree.boxes.keys() - names.keys()
        self.compare_trees(tree, names)
        for box in gone:
            self.forget_box(account, box)
        copies: dict[str, dict[str, Copy]] = defaultdict(dict)
        for box in event["boxes"]:
            if box["name"] == "INBOX":
                self.inbox[account] = box["box"]
            self.counter_seen(
                box["box"], box["uid_validity"], box["uid_next"], box["highest_modseq"]
            )
            self.compare_counters(box)
            self.compare_delta(box, str(event["node"]))
            for row in box["rows"]:
                copy = Copy(box["box"], row["uid"], frozenset(row["flags"]))
                if box["box"] in copies[row["id"]]:
                    self.broken("doubled", f"{row['id']} is twice in {box['name']}", row["id"])
                copies[row["id"]][box["box"]] = copy
                if is_first:
                    self.message(row["id"]).states = {(EMPTY | {copy},)}
                self.look_at_row(box["box"], row)
        self.compare_messages(account, copies)
        self.compare_quota(event)
        for mailbox in tree.boxes.values():
            mailbox.uid_next.settle(event["end"])
            mailbox.modseq.settle(event["end"])

    def compare_trees(self, tree: Tree, names: dict[str, str]) -> None:
        for box, rule, what in tree.observed(names):
            self.broken(rule, what, box)

    def look_at_row(self, box: str, row: dict[str, Any]) -> None:
        message = self.message(row["id"])
        if message.sha not in ("", row["sha"]) or (message.appended and row["prefix"]):
            self.broken("bytes", f"{row['id']} in {box} is not what was sent", row["id"])
        self.has_uid(row["id"], box, row["uid"])
        if wrong := self.compare_stamp(message.stamps.setdefault(box, Stamp()), row["modseq"]):
            self.broken(wrong[0], f"{row['id']} {wrong[1]}", row["id"])
        message.stamps[box] = Stamp(seen=row["modseq"])

    def compare_stamp(self, stamp: Stamp, modseq: int) -> tuple[str, str] | None:
        untouched = not (stamp.changed or stamp.maybe)
        if stamp.exact is not None and not stamp.maybe and modseq != stamp.exact:
            return "modseq-stale", f"was told {stamp.exact}, it is {modseq}"
        if stamp.seen is None:
            return None
        if untouched and modseq != stamp.seen:
            return "modseq-unasked", f"had {stamp.seen}, now {modseq}"
        if modseq < stamp.seen or (stamp.changed and modseq == stamp.seen):
            return "modseq-stale", f"changed, MODSEQ was {stamp.seen}, now {modseq}"
        return None

    def compare_messages(self, account: str, copies: dict[str, dict[str, Copy]]) -> None:
        for name in {name for owner, name in self.live if owner == account} | copies.keys():
            message, here = self.message(name), copies.get(name, {})
            boxes = message.boxes() | here.keys()
            # what is there first: of a doubtful MOVE it decides where nothing may be
            for box in sorted(boxes, key=lambda box: (box not in here, box)):
                self.look(name, box, here.get(box))
            message.moved = None
            message.settle()
            message.refused_in.clear()
            message.blurred.clear()
            message.stamps = {box: message.stamps[box] for box in here if box in message.stamps}
            if not here:
                self.gone[account, name] = self.live.pop((account, name))

    def compare_counters(self, box: dict[str, Any]) -> None:
        rows = box["rows"]
        counted = {
            "messages": len(rows),
            "unseen": sum("\\Seen" not in row["flags"] for row in rows),
            "deleted": sum("\\Deleted" in row["flags"] for row in rows),
            "size": sum(row["size"] for row in rows),
        }
        for what, count in counted.items():
            if box[what] != count:
                told = f"{box['name']}: STATUS {what} {box[what]}, it is {count}"
                self.broken("counters", told, box["box"])
        if rows and (last := rows[-1]["uid"]) >= box["uid_next"]:
            self.broken("uidnext-down", f"{box['name']}: UIDNEXT is not above UID {last}")
        if rows and (highest := max(row["modseq"] for row in rows)) > box["highest_modseq"]:
            self.broken("modseq-down", f"{box['name']}: HIGHESTMODSEQ is below MODSEQ {highest}")

    def compare_delta(self, box: dict[str, Any], node: str) -> None:
        mailbox, delta = self.mailbox(box["box"]), box["delta"]
        now = {row["uid"]: row["flags"] for row in box["rows"]}
        if delta is not None:
            told = mailbox.previous.get(node, {}) | dict(delta["changed"])
            told = {uid: flags for uid, flags in told.items() if uid not in delta["vanished"]}
            if told != now:
                both = sorted(told.keys() | now.keys())
                wrong = [uid for uid in both if told.get(uid) != now.get(uid)]
                what = f"{box['name']} since {delta['since']} at {node}: UIDs {wrong[:10]}"
                self.broken("sync", what, box["box"])
        mailbox.previous[node] = now

    def compare_quota(self, event: Event) -> None:
        rows = [row for box in event["boxes"] for row in box["rows"]]
        quota, size = event["quota"], sum(row["size"] for row in rows)
        counted = {"messages": len(rows), "kilobytes": (size + 1023) // 1024}
        for what, count in counted.items():
            if quota[what] is not None and quota[what] != count:
                self.broken("quota", f"{what} {quota[what]}, it is {count}")
