"""What the mx has answered for, and what came of it: nothing is lost, nothing is twice in a mailbox here,
and a message has gone out twice only where an answer was cut off, or the mx was killed before it had
written that it is done."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from history.messages import identify
from history.record import ACKNOWLEDGED, REFUSED, Event
from ledger_sink import Copy

ELSEWHERE_MAX = 20  # connections to a destination: src/queue/schedule.c
SLACK = 1.0  # seconds from a message's end in the sink's kernel until the sink has read it, at most
DONE = re.compile(r"queued message delivered.* sender=(\S+) recipient=(\S+) ")

Key = tuple[str, str]  # message, recipient


@dataclass
class Kills:
    """Moments, on the monotonic clock."""

    times: list[float] = field(default_factory=list)

    def note(self, when: float) -> None:
        self.times.append(when)

    def between(self, first: Copy, second: Copy) -> float | None:
        return next((when for when in self.times if first.begun - SLACK <= when <= second.begun), None)


class Ledger:
    def __init__(self) -> None:
        self.sent: dict[Key, Event] = {}
        self.here: Counter[Key] = Counter()
        self.elsewhere: dict[Key, list[Copy]] = defaultdict(list)
        self.done: Counter[tuple[str, str]] = Counter()  # sender, recipient, as the log told
        self.doubles = Counter({"cut off": 0, "killed": 0})  # that went out

    def acknowledged(self) -> int:
        return sum(event["outcome"] == ACKNOWLEDGED for event in self.sent.values())

    def take_sent(self, events: list[Event]) -> None:
        self.sent.update({(event["id"], event["account"]): event for event in events})

    def take_mailbox(self, account: str, texts: list[bytes]) -> list[str]:
        """Messages of a mailbox here that were not there before."""
        wrong = []
        for text in texts:
            name, sha, _ = identify(text)
            wrong += self._foreign((name, account), sha)
            self.here[name, account] += 1
        return wrong

    def take_copies(self, copies: list[Copy]) -> list[str]:
        wrong = []
        for copy in copies:
            name, sha, _ = identify(copy.text)
            for address in copy.recipients:
                wrong += self._foreign((name, address), sha)
                self.elsewhere[name, address].append(copy)
        return wrong

    def _foreign(self, key: Key, sha: str) -> list[str]:
        event = self.sent.get(key)
        if event is None:
            return [f"{key[0]} for {key[1]}: nobody has sent that"]
        wrong = [f"{key[0]} for {key[1]}: another text"] if event["sha"] != sha else []
        if event["outcome"] == REFUSED:
            wrong.append(f"{key[0]} for {key[1]}: it was refused, and is there")
        return wrong

    def take_log(self, lines: list[str]) -> list[str]:
        """That it is done is logged when it is on the disk: then it never goes out again."""
        wrong = []
        for line in lines:
            if not (match := DONE.search(line)):
                continue
            key = (match[1].strip('"'), match[2].strip('"'))
            self.done[key] += 1
            is_own = key[0].endswith("@elsewhere.test") or not key[1].endswith("@halves.test")
            if is_own and self.done[key] == 2:
                wrong.append(f"{key[1]} from {key[0]}: it was done, and went out again")
        return wrong

    def judge(self, keys: set[Key], kills: Kills) -> list[str]:
        """Of one round's messages, once the queue is empty."""
        wrong: list[str] = []
        away: dict[tuple[str, float], set[str]] = defaultdict(set)  # by domain and kill
        for key in sorted(keys):
            copies = sorted(self.elsewhere.get(key, []), key=lambda copy: copy.begun)
            if self.here[key] + len(copies) == 0 and self.sent[key]["outcome"] == ACKNOWLEDGED:
                wrong.append(f"{key[0]} for {key[1]}: lost")
            if self.here[key] > 1:
                wrong.append(f"{key[0]} for {key[1]}: it is here {self.here[key]} times")
            for first, second in zip(copies, copies[1:], strict=False):
                wrong += self._judge_double(key, first, second, kills, away)
        wrong += [f"{len(names)} went to {domain} twice for one kill, at {when:.2f}"
                  for (domain, when), names in away.items() if len(names) > ELSEWHERE_MAX]  # fmt: skip
        return wrong

    def _judge_double(
        self, key: Key, first: Copy, second: Copy, kills: Kills, away: dict[tuple[str, float], set[str]]
    ) -> list[str]:
        if not first.answered:
            self.doubles["cut off"] += 1
        elif (killed := kills.between(first, second)) is not None:
            self.doubles["killed"] += 1
            away[key[1].rpartition("@")[2], killed].add(key[0])
        else:
            return [f"{key[0]} for {key[1]}: went out twice, {second.begun - first.begun:.2f} s apart"]
        return []
