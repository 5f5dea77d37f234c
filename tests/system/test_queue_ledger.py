"""The torture of the queue finds what it is there to find: made-up rounds with one fault each."""

import random

import pytest
from history import messages
from history.queue_ledger import ELSEWHERE_MAX, Kills, Ledger
from history.record import ACKNOWLEDGED, REFUSED, UNKNOWN
from ledger_sink import Copy

HERE, AWAY = "ann@halves.test", "x@one.test"


class Story:
    """One message after another, to one recipient each, and what came of them."""

    def __init__(self) -> None:
        self.ledger, self.kills = Ledger(), Kills()
        self.keys: set[tuple[str, str]] = set()
        self.wrong: list[str] = []

    def send(self, name: str, to: str, outcome: str = ACKNOWLEDGED) -> bytes:
        text = messages.make(name, random.Random(name))
        event = {"op": "deliver", "id": name, "account": to, "outcome": outcome, "sha": messages.digest(text)}
        self.ledger.take_sent([event])
        self.keys.add((name, to))
        return text

    def arrives(self, text: bytes, to: str = HERE) -> None:
        self.wrong += self.ledger.take_mailbox(to, [b"Received: by the mx\r\n" + text])

    def goes_out(self, text: bytes, when: float, answered: bool = True, to: str = AWAY) -> None:
        self.wrong += self.ledger.take_copies([Copy(when, (to,), text, answered)])

    def logs(self, sender: str, recipient: str) -> None:
        line = f'event="queued message delivered" id=a sender={sender} recipient={recipient} host=b attempts=1'
        self.wrong += self.ledger.take_log([line])

    def end(self) -> list[str]:
        return self.wrong + self.ledger.judge(self.keys, self.kills)


@pytest.fixture
def story() -> Story:
    return Story()


def test_all_is_well(story: Story) -> None:
    story.arrives(story.send("a", HERE))
    story.goes_out(story.send("b", AWAY), 1)
    story.send("c", HERE, UNKNOWN)
    story.send("d", HERE, REFUSED)
    assert story.end() == []


def test_what_was_answered_is_not_lost(story: Story) -> None:
    story.send("a", HERE)
    story.send("b", AWAY)
    assert story.end() == ["a for ann@halves.test: lost", "b for x@one.test: lost"]


def test_what_was_refused_does_not_come(story: Story) -> None:
    story.arrives(story.send("a", HERE, REFUSED))
    assert story.end() == ["a for ann@halves.test: it was refused, and is there"]


def test_it_comes_whole_and_nothing_else_does(story: Story) -> None:
    story.arrives(story.send("a", HERE)[:-2])
    story.arrives(messages.make("b", random.Random(1)))
    assert story.end() == ["a for ann@halves.test: another text", "b for ann@halves.test: nobody has sent that"]


def test_it_goes_out_twice_only_where_something_explains_it(story: Story) -> None:
    cut, killed = story.send("cut", AWAY), story.send("killed", AWAY)
    story.goes_out(cut, 1, answered=False)
    story.goes_out(cut, 2)
    story.goes_out(killed, 3)
    story.kills.note(3.5)
    story.goes_out(killed, 4)
    assert story.end() == []
    neither = story.send("neither", AWAY)
    story.goes_out(neither, 10)
    story.goes_out(neither, 12)
    assert story.end() == ["neither for x@one.test: went out twice, 2.00 s apart"]


def test_a_kill_explains_no_more_than_was_under_way(story: Story) -> None:
    story.kills.note(1)
    for number in range(ELSEWHERE_MAX + 1):
        text = story.send(f"away{number}", AWAY)
        story.goes_out(text, 0.5)
        story.goes_out(text, 2)
    assert story.end() == [f"{ELSEWHERE_MAX + 1} went to one.test twice for one kill, at 1.00"]


def test_nothing_explains_that_it_is_twice_in_a_mailbox(story: Story) -> None:
    story.kills.note(1)
    text = story.send("a", HERE)
    story.arrives(text)
    story.arrives(text)
    assert story.end() == ["a for ann@halves.test: it is here 2 times"]


def test_what_was_written_as_done_does_not_go_out_again(story: Story) -> None:
    story.goes_out(story.send("a", AWAY), 1)
    story.logs("ann@halves.test", AWAY)
    story.logs("ann@halves.test", "y@one.test")
    assert story.end() == []
    story.logs("ann@halves.test", AWAY)
    assert story.end() == ["x@one.test from ann@halves.test: it was done, and went out again"]
