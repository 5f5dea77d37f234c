"""A node as a whole: starting, stopping, dying, health and figures."""

import fcntl
import os
import signal
import time
import urllib.request
from pathlib import Path
from threading import Thread

import samples
from shape import PATIENCE, Node, Shape, fetch, wait_for_mail


def page(node: Node, name: str) -> tuple[int, str]:
    with urllib.request.urlopen(f"http://{node.host}:{node.metrics}{name}", timeout=5) as answer:
        return answer.status, answer.read().decode()


def test_mail_is_there_after_a_stop_and_a_start(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    node.send([user], samples.PLAIN)
    wait_for_mail(node, user, 1)
    node.do("stop")
    node.do("start")
    assert fetch(wait_for_mail(node, user, 1), 1).endswith(samples.PLAIN)


def test_what_was_acknowledged_is_there_after_sigkill(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    client = node.open_imap(user)
    for number in range(20):
        assert client.append("INBOX", None, None, samples.numbered(number))[0] == "OK"
    node.do("kill")
    node.do("start")
    client = wait_for_mail(node, user, 20)
    assert [fetch(client, n + 1) for n in range(20)] == [samples.numbered(n) for n in range(20)]


def test_a_role_that_dies_is_started_again(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    supervisor = int((own_shape.folder / "a" / "pid").read_text())
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    assert len(children) >= 2, "a process a role"
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            node.send([user], samples.PLAIN)
            break
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.1)
    wait_for_mail(node, user, 1)


def test_a_node_waits_for_a_command_that_has_its_store(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    node.do("stop")
    with (own_shape.folder / "a" / "data" / "store" / "mail" / "LOCK").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as a command does that works without a server
        starting = Thread(target=node.do, args=("start",))
        starting.start()
        log = own_shape.logs()[0]
        end = time.monotonic() + PATIENCE
        while "waiting for the store" not in log.read_text():
            assert starting.is_alive() and time.monotonic() < end
            time.sleep(0.02)
    starting.join()
    node.send([user], samples.PLAIN)
    wait_for_mail(node, user, 1)


def test_health_and_figures_are_served(node: Node) -> None:
    assert page(node, "/health")[0] == 200
    status, text = page(node, "/metrics")
    assert status == 200
    assert any(line.startswith("rookery_") for line in text.splitlines())
