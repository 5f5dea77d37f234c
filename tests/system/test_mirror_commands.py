"""`rookery mirror …` speaks to two roles: what each is told, and what becomes of their answers."""

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shape as shapes
from mirror import PROGRAM, Mirror
from shape import Node

DONE, FAILED, LATER = 0, 1, 75
LINE = "rookery-1-made-by-the-store"
OLD = {"ok": False, "error": "no such command here: is the server of another version?",
       "kind": "bad_input", "temporary": False}  # fmt: skip
ABSENT = {"ok": False, "error": "this node is not paired", "kind": "absent", "temporary": False}
FULL = {"ok": False, "error": "no space is left", "kind": "other", "temporary": True}
FIRST = {"message": f"ready: {LINE}", "key": LINE, "line": LINE, "first": True, "other": "b"}
SECOND = {"message": "Paired.", "line": LINE, "first": False, "other": "b"}


class Role:
    """Answers at a control socket as it is told."""

    def __init__(self, path: Path) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def says(self, *answers: dict[str, Any]) -> None:
        """A result, or a whole answer with "ok"."""
        self.asked.clear()
        self.answers = [one if "ok" in one else {"ok": True, "result": one} for one in answers]

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, client.makefile("rw") as lines:
                for line in lines:
                    self.asked.append(json.loads(line))
                    lines.write(json.dumps({"progress": "comparing", "done": 1, "total": 2}) + "\n")
                    lines.write(json.dumps(self.answers.pop(0)) + "\n")
                    lines.flush()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Machine:
    """One with the roles of its config, of which some may run."""

    def __init__(self, folder: Path, roles: list[str]) -> None:
        self.config = folder / "rookery.conf"
        sockets = {"store": folder / "control", "mx": folder / "mx-control"}
        blocks = {"store": "store {\n}\n", "mx": f'mx {{\n    control_socket "unix:{sockets["mx"]}";\n}}\n'}
        self.config.write_text(
            f'hostname mail.example.test;\ndata "{folder}";\nrun "{folder}";\n'
            f'control_socket "unix:{sockets["store"]}";\n' + "".join(blocks[role] for role in roles)
        )
        self.roles = {role: Role(sockets[role]) for role in roles}

    def __getattr__(self, name: str) -> Role:
        try:
            return self.roles[name]
        except KeyError:
            raise AttributeError(name) from None

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [PROGRAM, "--config", str(self.config), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def json(self, status: int, *words: str) -> Any:
        done = self.run("--json", "mirror", *words)
        assert (done.returncode, done.stderr) == (status, ""), done
        return json.loads(done.stdout)

    def text(self, status: int, *words: str) -> str:
        """What is printed; the reason behind it, if it fails."""
        done = self.run("mirror", *words)
        assert done.returncode == status, done
        return done.stdout + done.stderr


@pytest.fixture
def machines() -> Iterator[Any]:
    """Makes one of the roles that are named."""
    folders: list[Path] = []
    made: list[Machine] = []

    def make(*roles: str) -> Machine:
        folders.append(Path(tempfile.mkdtemp(prefix="rookery-")))  # paths of sockets are short
        made.append(Machine(folders[-1], list(roles)))
        return made[-1]

    yield make
    for machine in made:
        for role in machine.roles.values():
            with contextlib.suppress(OSError):
                role.close()
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture
def machine(machines: Any) -> Any:
    return machines("store", "mx")


def told(role: Role) -> tuple[list[str], bool | None]:
    (asked,) = role.asked
    return asked["arguments"], asked["options"].get("made-here")


def test_the_store_makes_the_key_and_the_queue_gets_it_as_made_here(machine: Any) -> None:
    machine.store.says(FIRST)
    machine.mx.says(FIRST)
    found = machine.json(DONE, "pair", "b")
    assert found["key"] == LINE and "line" not in found
    assert told(machine.store) == (["b"], None)
    assert told(machine.mx) == (["b", LINE], True)


def test_a_key_from_the_other_node_goes_to_both_as_it_is(machine: Any) -> None:
    machine.store.says(SECOND)
    machine.mx.says(SECOND)
    assert machine.json(DONE, "pair", "b", "KEY")["message"] == "Paired."
    assert told(machine.store) == (["b", "KEY"], None)
    assert told(machine.mx) == (["b", "KEY"], False)


@pytest.mark.parametrize("answer", [FIRST, SECOND])
def test_a_store_that_is_paired_already_leads_a_queue_that_is_not(machine: Any, answer: Any) -> None:
    machine.store.says(answer | {"already": True})
    machine.mx.says(answer | {"message": "the queue's news"})
    found = machine.json(DONE, "pair", "b")
    assert told(machine.mx) == (["b", LINE], answer["first"])
    assert found["message"] == "the queue's news" and "already" not in found
    assert found.get("key") == answer.get("key") and "line" not in found
    machine.store.says(answer | {"already": True})
    machine.mx.says(answer | {"already": True, "message": "no news"})
    assert machine.json(DONE, "pair", "b")["message"] == answer["message"]


def test_a_queue_that_is_not_paired_is_told_with_what_to_do(machine: Any) -> None:
    machine.store.says(FIRST)
    machine.mx.says(FULL)
    said = machine.text(LATER, "pair", "mail-b")
    assert said.startswith("rookery: the store is paired with mail-b, the queue is not: no space is left")
    assert "same command again" in said and LINE not in said
    machine.store.says(FIRST)
    machine.mx.says(FULL | {"kind": "exists", "temporary": False, "error": "paired already, with c"})
    said = machine.text(FAILED, "pair", "mail-b")
    assert "paired already, with c" in said and "rookery mirror unpair" in said


def test_a_store_that_refuses_leaves_the_queue_alone(machine: Any) -> None:
    for words in (["pair", "b"], ["replace"], ["unpair"], ["pause"], ["status"], ["verify"]):
        machine.store.says(FULL)
        machine.mx.says()
        assert machine.json(LATER, *words)["error"] == "no space is left"
        assert machine.mx.asked == []


def test_an_mx_of_an_older_version_stops_nothing(machine: Any) -> None:
    def run(result: dict[str, Any], *words: str) -> Any:
        machine.store.says(dict(result))
        machine.mx.says(OLD)
        return machine.json(DONE, *words)

    found = run(FIRST, "pair", "mail-b")
    assert found["key"] == LINE and found["message"].startswith(f"ready: {LINE}\n")
    assert found["message"].endswith("rookery mirror pair mail-b")
    assert run(FIRST, "replace")["message"].endswith("rookery mirror pair b")
    assert run({"message": "Paused."}, "pause") == {"message": "Paused."}
    found = run({"state": "in sync"}, "status")
    assert found["state"] == "in sync" and found["queue"]["state"] == "not mirrored"
    found = run({"findings": [], "damage": 0, "accounts": 3, "message": "Same."}, "verify")
    assert found["accounts"] == 3 and "older version" in found["message"]


def test_a_store_of_an_older_version_says_little_of_itself(machine: Any) -> None:
    machine.store.says({"message": "ready", "key": LINE})
    machine.mx.says(FIRST)
    machine.json(DONE, "pair", "b")
    assert told(machine.mx) == (["b", LINE], True)
    machine.store.says({"message": "Paired."})
    machine.mx.says(SECOND)
    machine.json(DONE, "pair", "b", "KEY")
    assert told(machine.mx) == (["b", "KEY"], False)


@pytest.mark.parametrize("gone", ["store", "mx"])
def test_nothing_is_done_at_one_role_while_the_other_one_is_away(machine: Any, gone: str) -> None:
    machine.roles[gone].close()
    said = machine.text(LATER, "pair", "b")
    assert ("running server" if gone == "store" else "no mx role runs here") in said
    assert machine.store.asked == machine.mx.asked == []


def test_the_status_has_the_queue_behind_the_store(machine: Any) -> None:
    store = {"state": "alone", "since": "2026-11-27T10:00:00Z", "other": "b", "sent": 7}
    queue = {"state": "in sync", "since": "2026-11-27T11:00:00Z", "other": "b", "sent": 8,
             "on_this_disk_only": 0, "accounts_apart": 3, "link_error": "was cut"}  # fmt: skip
    machine.store.says(store)
    machine.mx.says(queue)
    assert machine.json(DONE, "status") == store | {"queue": queue}
    machine.store.says(store)
    machine.mx.says(queue)
    rows = [line.split("  ", 1) for line in machine.text(DONE, "status").splitlines()]
    assert [(name, value.strip()) for name, value in rows] == [
        ("state", "alone"),
        ("since", "2026-11-27T10:00:00Z"),
        ("other", "b"),
        ("sent", "7"),
        ("queue", "in sync"),
        ("queue since", "2026-11-27T11:00:00Z"),
        ("queue on this disk only", "0"),
        ("queue accounts apart", "3"),
        ("queue link error", "was cut"),
    ]


def test_what_both_find_is_added_up(machine: Any) -> None:
    def finds(count: int, name: str) -> dict[str, Any]:
        findings = [{"damage": True, "object": f"account {name}", "text": "differs"}] * count
        return {"findings": findings, "damage": count, "accounts": 10, "message": f"{name} said"}

    for in_store, in_queue in ((0, 0), (2, 0), (0, 1), (2, 1)):
        machine.store.says(finds(in_store, "s"))
        machine.mx.says(finds(in_queue, "q"))
        found = machine.json(FAILED if in_store + in_queue else DONE, "verify", "--repair")
        assert [one["object"] for one in found["findings"]] == ["account s"] * in_store + ["account q"] * in_queue
        assert (found["damage"], found["accounts"]) == (in_store + in_queue, 20)
        assert found["message"] == "s said\nq said"
        for role in (machine.store, machine.mx):
            assert role.asked[0]["options"] == {"repair": True}


def test_what_was_found_in_the_store_is_shown_also_when_the_queue_has_no_link(machine: Any) -> None:
    found = {"findings": [{"damage": True, "object": "account s", "text": "differs"}], "damage": 1,
             "accounts": 10, "message": "1 of 10"}  # fmt: skip
    machine.store.says(found)
    machine.mx.says(FULL)
    said = machine.text(FAILED, "verify")
    assert "DAMAGE  account s: differs\n" in said and "rookery: the queue: no space is left\n" in said
    machine.store.says(found | {"findings": [], "damage": 0})
    machine.mx.says(FULL)
    assert machine.json(LATER, "verify")["error"] == "the queue: no space is left"


def test_a_queue_that_is_not_paired_yet_has_nothing_to_compare(machine: Any) -> None:
    machine.store.says({"findings": [], "damage": 0, "accounts": 3, "message": "Same."})
    machine.mx.says(ABSENT)
    assert "not mirrored yet" in machine.json(DONE, "verify")["message"]


@pytest.mark.parametrize("word", ["pause", "resume", "unpair"])
def test_whichever_is_paired_is_changed_and_it_is_said_once(machine: Any, word: str) -> None:
    done = {"message": "Done."}
    for store, mx in ((done, done), (done, ABSENT), (ABSENT, done)):
        machine.store.says(store)
        machine.mx.says(mx)
        assert machine.text(DONE, word) == "Done.\n"
        assert len(machine.store.asked) == len(machine.mx.asked) == 1
    for mx in (ABSENT, OLD):
        machine.store.says(ABSENT)
        machine.mx.says(mx)
        assert "not paired" in machine.text(FAILED, word)
    machine.store.says(done)
    machine.mx.says(FULL)
    said = machine.text(LATER, word)
    assert "done for the store, not for the queue: no space is left" in said and "again" in said


def test_the_stores_new_key_is_the_queues(machine: Any) -> None:
    machine.store.says(FIRST | {"other": "c:7625"})
    machine.mx.says(FIRST)
    found = machine.json(DONE, "replace", "c:7625")
    assert found["key"] == LINE and "line" not in found
    (asked,) = machine.mx.asked
    assert asked["arguments"] == ["c:7625"]
    assert asked["options"] == {"made-here": True, "line": LINE, "other": "c:7625"}
    machine.store.says(FIRST)
    machine.mx.says(FULL)
    assert "the queue does not: no space is left" in machine.text(LATER, "replace")


@pytest.mark.parametrize("role", ["store", "mx"])
def test_a_machine_with_one_role_asks_that_one(machines: Any, role: str) -> None:
    machine = machines(role)
    there = machine.roles[role]
    there.says(FIRST)
    found = machine.json(DONE, "pair", "b")
    assert found["key"] == LINE and "line" not in found
    there.says({"state": "in sync"})
    assert machine.json(DONE, "status") == {"state": "in sync"}
    there.says(ABSENT)
    assert "not paired" in machine.text(FAILED, "unpair")


def test_what_the_roles_tell_each_other_is_no_option_of_operators(machine: Any) -> None:
    assert "unknown option" in machine.text(2, "pair", "b", "--made-here")
    assert "unknown option" in machine.text(2, "replace", "--line", LINE)


# ---- with two real nodes


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    shapes.open_to_roles(tmp_path)
    mirror = Mirror(shapes.up("mirror", tmp_path / "m", 2))
    try:
        await_both(mirror)
        yield mirror
    finally:
        shapes.down(tmp_path / "m")


def await_both(mirror: Mirror) -> None:
    """Store and queue, at both nodes."""
    mirror.await_sync()
    for node in (mirror.a, mirror.b):
        mirror.await_queue(node, "in sync")


def data(mirror: Mirror, node: Node) -> Path:
    return mirror.shape.folder / node.name / "data"


def pairing(mirror: Mirror, node: Node, role: str) -> Any:
    return json.loads((data(mirror, node) / role / "mirror.json").read_text())


def link(mirror: Mirror, node: Node) -> str:
    """Its address for the other node, with the port of its store's mirror."""
    described = json.loads((mirror.shape.folder / node.name / "node.json").read_text())
    return str(described["mirror"])


def test_store_and_queue_are_two_pairs_of_one_line(mirror: Mirror) -> None:
    for node, other, first in ((mirror.a, mirror.b, True), (mirror.b, mirror.a, False)):
        of_store, of_queue = (pairing(mirror, node, role) for role in ("store", "mx"))
        assert of_store["first"] == of_queue["first"] == first
        assert of_store["key"] != of_queue["key"] and of_store["cluster"] != of_queue["cluster"]
        assert of_queue["key"] == pairing(mirror, other, "mx")["key"]
        host, _, port = link(mirror, other).rpartition(":")
        assert of_store["peer"] == f"{host}:{port}" and of_queue["peer"] == f"{host}:{int(port) + 1}"
        queue = mirror.status(node)["queue"]
        assert queue["this_is"] == ("the first node" if first else "the second node")
    found = mirror.command(mirror.b, "mirror", "verify", "--repair")
    assert found["damage"] == 0
    assert found["message"].count("are the same at both nodes") == 2 and "of the queue" in found["message"]


def test_a_queue_that_was_left_out_is_paired_by_the_same_command(mirror: Mirror) -> None:
    """As after an upgrade from a version that did not mirror it."""
    for node in (mirror.a, mirror.b):
        node.do("stop")
        (data(mirror, node) / "mx" / "mirror.json").unlink()
        node.do("start")
    for node in (mirror.a, mirror.b):
        mirror.await_state(node, "in sync")
    for node, other, first in ((mirror.b, mirror.a, False), (mirror.a, mirror.b, True)):
        assert mirror.status(node)["queue"]["state"] == "not paired"
        found = mirror.command(node, "mirror", "pair", link(mirror, other))
        assert ("key" in found) == first
    await_both(mirror)


def test_paired_already_by_that_address_or_not(mirror: Mirror) -> None:
    key = mirror.command(mirror.a, "mirror", "pair", link(mirror, mirror.b))["key"]
    for words in ([], [key]):
        found = mirror.command(mirror.b, "mirror", "pair", link(mirror, mirror.a), *words)
        assert "already" in found["message"] and "key" not in found
    done = mirror.run(mirror.b, "mirror", "pair", "192.0.2.1", key)
    assert done.returncode == FAILED and "paired already" in done.stdout
    await_both(mirror)


def test_paused_and_unpaired_is_the_queue_too(mirror: Mirror) -> None:
    mirror.command(mirror.a, "mirror", "pause")
    status = mirror.status(mirror.a)
    assert (status["state"], status["queue"]["state"]) == ("paused", "paused")
    mirror.command(mirror.a, "mirror", "resume")
    await_both(mirror)
    mirror.command(mirror.a, "mirror", "unpair")
    status = mirror.status(mirror.a)
    assert (status["state"], status["queue"]["state"]) == ("not paired", "not paired")
    assert mirror.run(mirror.a, "mirror", "unpair").returncode == FAILED


@pytest.mark.parametrize("had_queue", [True, False])
def test_a_new_machine_gets_the_queue_too(mirror: Mirror, had_queue: bool) -> None:
    if not had_queue:
        mirror.a.do("stop")
        (data(mirror, mirror.a) / "mx" / "mirror.json").unlink()
        mirror.a.do("start")
    mirror.b.do("wipe")
    key = mirror.command(mirror.a, "mirror", "replace")["key"]
    mirror.b.do("start")
    mirror.command(mirror.b, "mirror", "pair", link(mirror, mirror.a), key)
    await_both(mirror)
    assert pairing(mirror, mirror.a, "mx")["key"] == pairing(mirror, mirror.b, "mx")["key"]
