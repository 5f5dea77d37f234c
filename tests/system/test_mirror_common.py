"""Options of the config that both nodes of a mirror go by: `rookery common`."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shape as shapes
from mirror import Mirror
from shape import Node

COMMON = "store { quota 5G; mirror { ack one; } }\nlimits { connections 9000; }\n"


def until(question: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    shapes.open_to_roles(tmp_path)
    folder = tmp_path / "shape"
    try:
        yield Mirror(shapes.up("mirror", folder, users=1))
    finally:
        shapes.down(folder)


def settings(mirror: Mirror, node: Node) -> str:
    done = mirror.run(node, "config", "show")
    assert done.returncode == 0, done.stderr
    return done.stdout


def await_setting(mirror: Mirror, node: Node, setting: str) -> None:
    until(lambda: f" {setting};" in settings(mirror, node).replace("\t", " "))


def set_common(mirror: Mirror, node: Node, text: str) -> None:
    file = mirror.shape.folder / "common.txt"
    file.write_text(text)
    mirror.command(node, "common", "set", "--file", str(file))


def test_what_one_node_is_told_both_go_by(mirror: Mirror) -> None:
    set_common(mirror, mirror.a, COMMON)
    for node in (mirror.a, mirror.b):
        await_setting(mirror, node, "quota 5G")
        await_setting(mirror, node, "connections 9000")
        await_setting(mirror, node, "ack one")
        shown = mirror.command(node, "common", "show")
        assert shown["text"] == COMMON and shown["since"]
    mirror.command(mirror.b, "common", "clear")
    for node in (mirror.a, mirror.b):
        await_setting(mirror, node, "quota 0")
    mirror.assert_equal()


def test_they_are_in_force_after_a_restart(mirror: Mirror) -> None:
    set_common(mirror, mirror.b, "store { append_limit 1M; }\n")
    await_setting(mirror, mirror.a, "append_limit 1M")
    mirror.a.do("stop")
    mirror.a.do("start")
    client = mirror.a.open_imap(mirror.shape.users[0])
    assert "APPENDLIMIT=1048576" in str(client.capability())
    client.logout()


def test_a_nodes_own_file_goes_before(mirror: Mirror) -> None:
    file = mirror.shape.folder / "b" / "rookery.conf"
    file.write_text(re.sub(r"connections_per_address \d+", "connections_per_address 555", file.read_text()))
    text = "limits { connections 777; connections_per_address 777; }\nstore { imap_idle_timeout 31m; }\n"
    set_common(mirror, mirror.a, text)
    await_setting(mirror, mirror.a, "connections 777")
    await_setting(mirror, mirror.b, "imap_idle_timeout 31m")
    await_setting(mirror, mirror.b, "connections_per_address 555")


def test_what_is_a_nodes_own_is_refused(mirror: Mirror) -> None:
    set_common(mirror, mirror.a, COMMON)
    for text, why in (("user root;", "can't be common"), ("store { qouta 1G; }", "did you mean")):
        file = mirror.shape.folder / "common.txt"
        file.write_text(text)
        done = mirror.run(mirror.a, "common", "set", "--file", str(file))
        assert done.returncode == 1 and why in done.stdout, done
    assert mirror.command(mirror.a, "common", "show")["text"] == COMMON


def test_of_two_changes_apart_the_later_holds(mirror: Mirror) -> None:
    mirror.a.do("partition")
    mirror.await_state(mirror.a, "alone")
    mirror.await_state(mirror.b, "alone")
    set_common(mirror, mirror.a, "store { quota 1G; }\n")
    set_common(mirror, mirror.b, "store { quota 2G; }\n")
    await_setting(mirror, mirror.a, "quota 1G")
    await_setting(mirror, mirror.b, "quota 2G")
    mirror.a.do("heal")
    mirror.await_sync()
    await_setting(mirror, mirror.a, "quota 2G")
    await_setting(mirror, mirror.b, "quota 2G")
    mirror.assert_equal()
