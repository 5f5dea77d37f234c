"""Two mx that are each other's mirror: each counts for reports to others by itself, and tells what a lost one has
left behind."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elsewhere import Sink
from halves import Half, Halves, ports
from name_server import NameServer, dns, why_not
from shape import PATIENCE
from smtp_client import Client

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


class Two:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = NameServer(folder)
        self.names.add("test", "")
        self.names.add("one.test", '@ TXT "v=spf1 ip4:127.0.0.1 -all"\n'
                       '_dmarc TXT "v=DMARC1; p=none; rua=mailto:dmarc@one.test"\n')  # fmt: skip
        self.names.start()
        (folder / "sink").mkdir()
        self.sink = Sink(folder / "sink")
        (self.link,) = ports.free(1, width=2)
        self.a, self.b = (self.make(name) for name in "ab")

    def make(self, name: str) -> Halves:
        (self.folder / name).mkdir()
        node = Halves(self.folder / name, f"""    outbound {{
        smart_host "127.0.0.1:{self.sink.port}";
    }}
    mirror {{
        listen 127.0.0.1:{self.link + 1};
        silence 1s;
    }}
    queue {{
        take_over 2s;
    }}
    checks {{
        trusted 192.0.2.1;
    }}
    reports {{
        on yes;
    }}
""")
        config = node.mx.config
        (node.run / "anchors").write_text("")
        config.write_text(config.read_text() + dns(self.names, node.run / "anchors", "test", "one.test"))
        node.begin()
        node.add_user("bob")
        return node

    def pair(self) -> None:
        key = self.a.mx.run("mirror", "pair", f"127.0.0.1:{self.link}")["key"]
        self.b.mx.run("mirror", "pair", f"127.0.0.1:{self.link}", key)
        for node in (self.a.mx, self.b.mx):
            await_that(lambda node=node: node.run("mirror", "status")["state"] == "in sync")

    def stop(self) -> None:
        self.a.stop()
        self.b.stop()
        self.sink.stop()
        self.names.stop()


def await_that(holds: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    made = Two(tmp_path)
    made.pair()
    yield made
    made.stop()


def give(node: Halves) -> None:
    with Client("127.0.0.1", node.mx.port, b"EHLO mx.one.test") as client:
        client.begin("bob@halves.test", sender=b"ann@one.test")
        assert client.data(b"From: Ann <ann@one.test>\r\nSubject: x\r\n\r\nHello\r\n").code == 250


def gathered(node: Half) -> list[tuple[int, bool]]:
    """How many were counted in each report, and whether the node sends it."""
    return sorted((row["counted"], row["here"]) for row in node.run("report", "list")["rows"])


def test_each_node_tells_what_it_counted_and_what_a_lost_one_has_left(two: Two) -> None:
    give(two.a)
    give(two.a)
    give(two.b)
    assert gathered(two.a.mx) == [(2, True)]
    await_that(lambda: gathered(two.b.mx) == [(1, True), (2, False)])
    (own,) = two.b.mx.run("report", "send")["rows"]
    assert own["counted"] == 1, "the other node's it leaves alone"
    two.a.mx.kill()
    shutil.rmtree(two.folder / "a" / "mx")
    await_that(lambda: gathered(two.b.mx) == [(2, True)])
    (left,) = two.b.mx.run("report", "send", "one.test")["rows"]
    assert (left["counted"], left["destinations"]) == (2, 1) and left["id"] != own["id"]
    await_that(lambda: len(two.sink.messages()) == 2)
    assert all(b"<dmarc@one.test>" in text for text in two.sink.messages())
    assert gathered(two.b.mx) == []
