"""Bytes that rot on the disk: never served as good, named, and nothing else is hurt."""

import json
import subprocess
from pathlib import Path

import samples
from imap_client import Imap
from shape import Shape

MARK = b"these bytes will rot"


def rot(shape: Shape) -> None:
    """Changes a byte of the marked body, in whichever segment it lies."""
    hits = 0
    for segment in (shape.folder / "a" / "data" / "store" / "mail").rglob("*"):
        if not segment.is_file():
            continue
        data = segment.read_bytes()
        at = data.find(MARK)
        if at >= 0:
            hits += 1
            with segment.open("r+b") as file:
                file.seek(at)
                file.write(b"T")
    assert hits == 1


def rookery(shape: Shape, *words: str) -> subprocess.CompletedProcess[str]:
    described = json.loads((shape.folder / "a" / "node.json").read_text())
    config = Path(described["folder"]) / "rookery.conf"
    return subprocess.run(
        [described["program"], "--config", str(config), "--json", *words],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_damaged_body_is_refused_by_name_and_the_others_are_served(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    client = Imap(node, user)
    client.append("INBOX", samples.PLAIN)
    client.append("INBOX", samples.PLAIN + MARK + b"\r\n")
    client.append("INBOX", samples.DOTS)
    client.close()
    node.do("stop")
    rot(own_shape)
    node.do("start")
    client = Imap(node, user)
    client.ok("SELECT INBOX")
    assert client.no("FETCH 2 BODY.PEEK[]").code == "CORRUPTION"
    fetched = client.command("FETCH 1:3 BODY.PEEK[]").fetched()
    assert fetched[1]["BODY[]"] == samples.PLAIN and fetched[3]["BODY[]"] == samples.DOTS
    assert fetched[2]["BODY[]"] is None
    assert client.ok("FETCH 2 (ENVELOPE FLAGS)").fetched()[2]["ENVELOPE"]
    answer = rookery(own_shape, "store", "check")
    report = json.loads(answer.stdout)
    assert answer.returncode == 1 and report["damage"] >= 1
    assert any("segment" in finding["object"] + finding["text"] for finding in report["findings"])
