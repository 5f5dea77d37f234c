"""A backup that was taken while clients work, served: all that was acknowledged before is in it."""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import shape as shapes
from history.checker import Checker
from history.load import Load
from history.moment import up_to
from history.record import now

USERS = 4
CLIENTS = 10
BEFORE, AFTER = 2.0, 0.5  # seconds of load on either side of the backup


def rookery(node: Path, *words: str) -> Any:
    """A command of the program that serves the node, its answer as JSON."""
    described = json.loads((node / "node.json").read_text())
    command = [described["program"], "--config", node / "rookery.conf", "--json", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def restore(copy: Path, folder: Path) -> shapes.Shape:
    """A node of its own that serves the copy."""
    restored = shapes.up("one", folder, USERS)
    restored.nodes[0].do("stop")
    shutil.rmtree(folder / "a" / "data")
    shutil.copytree(copy, folder / "a" / "data" / "store" / "mail")
    restored.nodes[0].do("start")
    return restored


def test_a_backup_under_load_holds_what_was_acknowledged_before_it(
    own_shape: shapes.Shape, tmp_path: Path
) -> None:
    folder = own_shape.folder
    (tmp_path / "history").mkdir()
    (tmp_path / "restored history").mkdir()
    load = Load(json.loads((folder / "shape.json").read_text()), tmp_path / "history", CLIENTS)
    checker = Checker()
    checker.take(load.observe(load.places[0]))

    load.begin("backup", 1)
    time.sleep(BEFORE)
    begun = now()
    rookery(folder / "a", "backup", str(tmp_path / "copy"))
    ended = now()
    time.sleep(AFTER)
    assert load.end() == []
    events = load.take()
    acknowledged = sum(e["outcome"] == "acknowledged" and e["end"] <= begun for e in events)
    assert acknowledged > 100
    assert sum(event["start"] > ended for event in events) > 10, "clients worked meanwhile"

    restored = restore(tmp_path / "copy", tmp_path / "restored")
    try:
        described = json.loads((restored.folder / "shape.json").read_text())
        other = Load(described, tmp_path / "restored history", CLIENTS)
        checker.take(up_to(events, begun, ended))
        checker.take(other.observe(other.places[0]))
        assert [str(broken) for broken in checker.found] == []
        assert rookery(restored.folder / "a", "store", "check")["damage"] == 0
    finally:
        shapes.down(restored.folder)


def test_a_backup_is_refused_where_something_is_already(
    own_shape: shapes.Shape, tmp_path: Path
) -> None:
    place = own_shape.folder / "a"
    (tmp_path / "copy").mkdir()
    described = json.loads((place / "node.json").read_text())
    program, config = described["program"], place / "rookery.conf"
    command = [program, "--config", config, "backup", tmp_path / "copy"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "there already" in done.stdout + done.stderr
    assert list((tmp_path / "copy").iterdir()) == []
