"""Two mx that are each other's mirror: what one has taken the other one sends when it is lost, and
only then; what is changed at one holds at both."""

import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import samples
from elsewhere import Sink
from halves import DOMAIN, PASSWORD, Half, Halves, ports
from shape import PATIENCE
from smtp_client import Client, encode


class Two:
    """Each with a store of its own; only the mx are mirrored."""

    def __init__(self, folder: Path, take_over: str) -> None:
        self.folder = folder
        (self.link,), (self.sink_port,) = ports.free(1, width=2), ports.free(1)
        self.smart = f'    outbound {{\n        smart_host "127.0.0.1:{self.sink_port}";\n    }}\n'
        self.sink: Sink | None = None
        self.take_over = take_over
        self.a, self.b = (self.make(name) for name in "ab")

    def make(self, name: str) -> Halves:
        (self.folder / name).mkdir()
        mirror = f"    mirror {{\n        listen 127.0.0.1:{self.link + 1};\n        silence 1s;\n    }}\n"
        queue = f"    queue {{\n        take_over {self.take_over};\n    }}\n"
        return Halves(self.folder / name, self.smart + mirror + queue)

    def start(self) -> None:
        for node in (self.a, self.b):
            node.begin()
            node.add_user("anna")

    def pair(self, first: Half, second: Half, key: str = "") -> None:
        peer = f"127.0.0.1:{self.link}"
        key = key or first.run("mirror", "pair", peer)["key"]
        second.run("mirror", "pair", peer, key)
        for node in (first, second):
            await_state(node, "in sync")

    def open_sink(self) -> Sink:
        """From now on the smart host is there."""
        folder = self.folder / "sink"
        folder.mkdir()
        self.sink = Sink(folder, port=self.sink_port)
        return self.sink

    def lose(self, node: Halves) -> None:
        """Its mx dies, and the machine with it."""
        node.mx.kill()
        shutil.rmtree(self.folder / ("a" if node is self.a else "b") / "mx")

    def stop(self) -> None:
        self.a.stop()
        self.b.stop()
        if self.sink:
            self.sink.stop()


def await_state(node: Half, wanted: str) -> None:
    end = time.monotonic() + PATIENCE
    while (status := node.run("mirror", "status"))["state"] != wanted:
        assert time.monotonic() < end, status
        time.sleep(0.05)


def submit(node: Halves, number: int) -> None:
    user = f"anna@{DOMAIN}".encode()
    with Client("127.0.0.1", node.submission) as client:
        secret = encode(b"\0%s\0%s" % (user, PASSWORD.encode()))
        assert client.command(b"AUTH PLAIN " + secret).code == 235
        assert client.command(b"MAIL FROM:<%s>" % user).code == 250
        assert client.command(b"RCPT TO:<x%d@elsewhere.test>" % number).code == 250
        assert client.data(samples.numbered(number)).code == 250


def rows(node: Halves) -> list[Any]:
    return list(node.mx.run("queue", "list")["rows"])


def await_rows(node: Halves, count: int) -> list[Any]:
    end = time.monotonic() + PATIENCE
    while len(found := rows(node)) != count:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def await_here(node: Halves, count: int) -> None:
    """It works on all of these itself."""
    end = time.monotonic() + PATIENCE
    while [row["here"] for row in rows(node)] != [True] * count:
        assert time.monotonic() < end, rows(node)
        time.sleep(0.05)


def await_sent(sink: Sink, count: int) -> None:
    end = time.monotonic() + PATIENCE
    while len(sink.messages()) < count:
        assert time.monotonic() < end, "nothing comes"
        time.sleep(0.05)


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[[str], Two]]:
    started: list[Two] = []

    def start(take_over: str) -> Two:
        two = Two(tmp_path, take_over)
        started.append(two)
        two.start()
        two.pair(two.a.mx, two.b.mx)
        return two

    yield start
    for two in started:
        two.stop()


Begin = Callable[[str], Two]


def test_what_a_lost_node_had_taken_the_other_one_sends(begin: Begin) -> None:
    two = begin("2s")
    for number in range(5):
        submit(two.a, number)
    found = await_rows(two.b, 5)
    assert {row["here"] for row in found} == {False}
    assert {row["next"] for row in found} == {"other node"}
    two.lose(two.a)
    sink = two.open_sink()
    await_sent(sink, 5)
    await_rows(two.b, 0)
    time.sleep(0.5)
    assert len(sink.messages()) == 5


def test_a_node_that_comes_back_sends_what_it_took(begin: Begin) -> None:
    two = begin("1h")
    submit(two.a, 1)
    await_rows(two.b, 1)
    two.a.mx.kill()
    sink = two.open_sink()
    await_state(two.b.mx, "alone")
    time.sleep(1)
    assert sink.messages() == [], "the other node is not lost yet"
    two.a.mx.start()
    await_sent(sink, 1)
    for node in (two.a, two.b):
        await_rows(node, 0)
    assert len(sink.messages()) == 1


def test_what_was_sent_in_its_stead_a_node_does_not_send_again(begin: Begin) -> None:
    two = begin("2s")
    for number in range(30):
        submit(two.a, number)
    two.a.mx.kill()
    sink = two.open_sink()
    await_sent(sink, 30)
    await_rows(two.b, 0)
    two.a.mx.start()
    await_state(two.a.mx, "in sync")
    submit(two.a, 30)
    submit(two.b, 31)
    await_sent(sink, 32)
    time.sleep(1)
    assert len(sink.messages()) == 32
    for node in (two.a, two.b):
        await_rows(node, 0)


def test_who_is_replaced_leaves_its_mail_to_the_other_node_and_the_new_one_gets_the_queue(
    begin: Begin,
) -> None:
    two = begin("0s")
    submit(two.a, 1)
    await_rows(two.b, 1)
    two.lose(two.a)
    await_state(two.b.mx, "alone")
    time.sleep(1)
    assert [row["here"] for row in rows(two.b)] == [False], "0s: never by itself"
    key = two.b.mx.run("mirror", "replace")["key"]
    await_here(two.b, 1)
    submit(two.b, 2)
    two.a.mx.start()
    two.pair(two.b.mx, two.a.mx, key)
    assert [row["here"] for row in await_rows(two.a, 2)] == [False, False]
    two.b.mx.kill()
    sink = two.open_sink()
    two.b.mx.start()
    await_sent(sink, 2)
    for node in (two.a, two.b):
        await_rows(node, 0)
    assert len(sink.messages()) == 2


def test_keys_and_secrets_that_are_made_at_one_node_hold_at_the_other(begin: Begin) -> None:
    two = begin("1h")
    sink = two.open_sink()
    two.a.mx.run("dkim", "add", DOMAIN, "here", "--algorithm", "ed25519")
    (key,) = two.b.mx.run("dkim", "list")["rows"]
    assert key["selector"] == "here" and key["signs"]
    submit(two.b, 1)
    await_sent(sink, 1)
    time.sleep(0.1)
    assert f"d={DOMAIN}".encode() in sink.messages()[0]
    two.b.mx.run("dkim", "retire", DOMAIN, "here")
    (key,) = two.a.mx.run("dkim", "list")["rows"]
    assert not key["signs"]


def forward(node: Halves, sink: Sink, number: int) -> str:
    """The sender under which it goes on."""
    before = len(sink.messages())
    node.store.run("alias", "add", f"away{number}@{DOMAIN}", "x@elsewhere.test")
    with Client("127.0.0.1", node.mx.port) as client:
        client.begin(f"away{number}@{DOMAIN}", sender=b"sue@origin.test")
        assert client.data(samples.numbered(number)).code == 250
    await_sent(sink, before + 1)
    time.sleep(0.1)
    sent = (text for text in sink.messages() if b"number %d\n" % number in text)
    return re.findall(r"X-Mail-Args: <(SRS0=\S+)>", next(sent).decode())[0]


def test_both_nodes_lead_back_what_either_has_written(tmp_path: Path) -> None:
    """Before they were a pair, too, when each had a secret of its own."""
    two = Two(tmp_path, "1h")
    try:
        two.start()
        sink = two.open_sink()
        written = [forward(node, sink, number) for number, node in enumerate((two.a, two.b))]
        assert written[0] != written[1]
        two.pair(two.a.mx, two.b.mx)
        written += [forward(node, sink, 2 + number) for number, node in enumerate((two.a, two.b))]
        assert written[2] == written[3] and written[2] in written[:2], "one of them signs at both"
        for node in (two.a, two.b):
            with Client("127.0.0.1", node.mx.port) as client:
                client.begin(*written, sender=b"")
                forged = written[0].replace("sue", "eve")
                assert client.command(b"RCPT TO:<%s>" % forged.encode()).code == 550
    finally:
        two.stop()
