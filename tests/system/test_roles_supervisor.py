"""The supervisor and its roles: dying, stopping, refusing to start, users, health, metrics, logs."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from pop3_client import Pop3
from samples import PLAIN
from shape import SANITIZED, Node, Shape, wait_for_mail
from smtp_client import reconfigure


def place(shape: Shape) -> Path:
    return shape.folder / shape.nodes[0].name


def supervisor(shape: Shape) -> int:
    return int((place(shape) / "pid").read_text())


def roles(shape: Shape) -> dict[str, int]:
    """Process ids by role."""
    found = {}
    children = Path(f"/proc/{supervisor(shape)}/task/{supervisor(shape)}/children").read_text()
    for pid in children.split():
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"role" in words:
            found[words[words.index(b"role") + 1].decode()] = int(pid)
    return found


def health(node: Node) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{node.host}:{node.metrics}/health", timeout=10) as page:
            return page.status, page.read().decode()
    except urllib.error.HTTPError as red:
        return red.code, red.read().decode()


def metrics(node: Node) -> str:
    with urllib.request.urlopen(f"http://{node.host}:{node.metrics}/metrics", timeout=10) as page:
        return str(page.read().decode())


def wait(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def serve_briefly(shape: Shape, edit: Callable[[str], str]) -> subprocess.CompletedProcess[str]:
    """`rookery serve` with a config that can't work, beside the node."""
    described = json.loads((place(shape) / "node.json").read_text())
    config = place(shape) / "broken.conf"
    config.write_text(edit((place(shape) / "rookery.conf").read_text()))
    return subprocess.run(
        [described["program"], "--config", str(config), "serve"],
        capture_output=True, text=True, timeout=30)  # fmt: skip


def test_a_role_that_dies_comes_back_and_the_other_goes_on(own_shape: Shape) -> None:
    node, before = own_shape.nodes[0], roles(own_shape)
    with socket.create_connection((node.host, node.smtp), timeout=30) as kept:
        assert kept.recv(100).startswith(b"220")
        os.kill(before["store"], signal.SIGKILL)
        wait(lambda: roles(own_shape).get("store", before["store"]) != before["store"])
        wait(lambda: health(node)[0] == 200)
        assert roles(own_shape)["mx"] == before["mx"]
        kept.sendall(b"NOOP\r\n")
        assert kept.recv(100).startswith(b"250")
    with Pop3(node, own_shape.users[0]) as client:
        client.ok("STAT")
    assert 'rookery_restarts_total{role="store"} 1\n' in metrics(node)


def test_health_is_red_while_a_role_is_missing(own_shape: Shape) -> None:
    node = own_shape.nodes[0]
    assert health(node) == (200, "store ready\nmx ready\n")
    for _ in range(4):  # the back-off grows, so that red can be seen
        pid = roles(own_shape)["store"]
        os.kill(pid, signal.SIGKILL)
        wait(lambda pid=pid: gone(pid))
        wait(lambda: health(node) == (503, "store not ready\nmx ready\n"))
        wait(lambda: health(node)[0] == 200)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_within_five_seconds_under_load(own_shape: Shape, number: int) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    node.send([user], PLAIN)
    wait_for_mail(node, user, 1).logout()
    idle = [socket.create_connection((node.host, node.imap), timeout=30) for _ in range(50)]
    reader = Pop3(node, user)
    reader.send(b"RETR 1\r\n" * 200000)  # never reads
    pids = [supervisor(own_shape), *roles(own_shape).values()]
    begun = time.monotonic()
    os.kill(pids[0], number)
    wait(lambda: all(gone(pid) for pid in pids))
    assert time.monotonic() - begun < 5
    for connection in idle:
        connection.close()
    reader.close()
    node.do("start")
    with Pop3(node, user) as client:
        assert client.ok("STAT").startswith(b"+OK 1 ")


def test_roles_end_when_the_supervisor_is_killed(own_shape: Shape) -> None:
    pids = list(roles(own_shape).values())
    assert len(pids) == 2
    os.kill(supervisor(own_shape), signal.SIGKILL)
    wait(lambda: all(gone(pid) for pid in pids))


def test_a_role_that_hangs_is_killed_at_the_end(own_shape: Shape) -> None:
    pids = [supervisor(own_shape), *roles(own_shape).values()]
    os.kill(pids[1], signal.SIGSTOP)
    os.kill(pids[0], signal.SIGTERM)
    wait(lambda: all(gone(pid) for pid in pids), 15)


def test_a_reload_takes_the_log_level_and_keeps_connections(own_shape: Shape) -> None:
    node, log = own_shape.nodes[0], place(own_shape) / "log"
    config = place(own_shape) / "rookery.conf"
    with Pop3(node, own_shape.users[0]) as client:
        config.write_text("log {\n    level error;\n}\n" + config.read_text())
        os.kill(supervisor(own_shape), signal.SIGHUP)
        time.sleep(1)
        before = log.read_text()
        Pop3(node, own_shape.users[1]).close()
        time.sleep(0.5)
        assert log.read_text() == before
        client.ok("NOOP")


def test_a_broken_config_is_not_taken_at_reload(own_shape: Shape) -> None:
    log, config = place(own_shape) / "log", place(own_shape) / "rookery.conf"
    config.write_text(config.read_text() + "surprise yes;\n")
    os.kill(supervisor(own_shape), signal.SIGHUP)
    wait(lambda: "not reloaded" in log.read_text())
    assert health(own_shape.nodes[0])[0] == 200


def test_a_port_in_use_is_told_and_ends_the_start(own_shape: Shape) -> None:
    node = own_shape.nodes[0]
    done = serve_briefly(
        own_shape, lambda text: text.replace(f":{node.metrics};", f":{node.metrics + 20000};"))
    assert done.returncode == 1
    assert "rookery: role" in done.stderr and "in use" in done.stderr, done.stderr
    with Pop3(node, own_shape.users[0]) as client:  # who was there first is not disturbed
        client.ok("NOOP")
    done = serve_briefly(own_shape, lambda text: text)
    assert done.returncode == 1
    assert str(node.metrics) in done.stderr, done.stderr


def test_a_bad_certificate_is_told(own_shape: Shape) -> None:
    own_shape.nodes[0].do("stop")
    chain = place(own_shape) / "tls" / "chain.pem"
    chain.write_text("this is no certificate\n")
    done = serve_briefly(own_shape, lambda text: text)
    assert done.returncode == 1
    assert "certificate" in done.stderr.lower(), done.stderr
    chain.unlink()
    done = serve_briefly(own_shape, lambda text: text)
    assert done.returncode == 1
    assert str(chain) in done.stderr, done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root changes user")
def test_a_missing_user_is_told(own_shape: Shape) -> None:
    own_shape.nodes[0].do("stop")
    done = serve_briefly(own_shape, lambda text: re.sub(r"user [^;]+;", "user no-such-bird;", text))
    assert done.returncode == 1
    assert "no-such-bird" in done.stderr and "useradd" in done.stderr, done.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root changes user")
def test_each_role_is_its_own_user_and_mx_can_not_read_the_store(own_shape: Shape) -> None:
    users = {}
    for name, pid in roles(own_shape).items():
        status = Path(f"/proc/{pid}/status").read_text()
        users[name] = {int(word) for word in re.findall(r"(?m)^Uid:(.*)$", status)[0].split()}
        assert re.search(r"(?m)^CapEff:\s0+$", status) and re.search(r"(?m)^Groups:\s*$", status)
        assert SANITIZED or re.search(r"(?m)^Seccomp:\s2$", status)
    assert users["mx"] == {64101} and users["store"] == {64102}
    for folder, owner in (("store", 64102), ("mx", 64101)):
        held = (place(own_shape) / "data" / folder).stat()
        assert held.st_uid == owner and held.st_mode & 0o077 == 0
    tried = subprocess.run(
        ["ls", place(own_shape) / "data" / "store"], user=64101, group=64101, extra_groups=[],
        capture_output=True)  # fmt: skip
    assert tried.returncode != 0


SAMPLE = re.compile(r'([a-z_][a-z0-9_]*)((?:\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})?) (\d+)')


def test_the_metrics_page_is_valid_and_has_no_label_per_client(own_shape: Shape) -> None:
    node = own_shape.nodes[0]
    for user in own_shape.users:
        Pop3(node, user).close()
    page = metrics(node)
    assert page.endswith("\n")
    seen: set[str] = set()
    samples: set[str] = set()
    current = ""
    lines = iter(page.splitlines())
    for line in lines:
        if line.startswith("# HELP "):
            _, _, current, words = line.split(" ", 3)
            assert current not in seen and words, line
            seen.add(current)
            kind = "counter" if current.endswith("_total") else "gauge"
            assert next(lines) == f"# TYPE {current} {kind}"
            continue
        found = SAMPLE.fullmatch(line)
        assert found and found[1] == current, line
        assert found[1] + found[2] not in samples, line
        samples.add(found[1] + found[2])
    assert len(samples) < 100
    assert 'rookery_logins_total{role="store",protocol="pop3"} 4' in page
    assert not any(user.name in page for user in own_shape.users)


def test_a_json_log_is_json_on_every_line(own_shape: Shape) -> None:
    log = place(own_shape) / "log"
    node = own_shape.nodes[0]
    node.do("stop")
    log.write_text("")
    node = reconfigure_log(own_shape)
    with Pop3(node) as client:
        client.ok(b'USER "odd\\ \xff\x01\xc3\xbc=')
        client.err("PASS wrong", "AUTH")
    node.do("stop")
    written = log.read_text().splitlines()
    if SANITIZED:  # it warns once that it knows stacks of our own by what we tell it only
        written = [line for line in written if not line.startswith("==")]
    lines = [json.loads(line) for line in written]
    assert {line["role"] for line in lines} == {"supervisor", "store", "mx"}
    assert any(line["event"] == "login refused" for line in lines)
    assert all({"time", "level", "event"} <= set(line) for line in lines)


def reconfigure_log(shape: Shape) -> Node:
    return reconfigure(shape, lambda text: "log {\n    format json;\n}\n" + text)


def test_a_journal_that_is_not_there_is_told(own_shape: Shape) -> None:
    if Path("/run/systemd/journal/stdout").exists():
        pytest.skip("there is a journal here")
    done = serve_briefly(own_shape, lambda text: "log {\n    to journald;\n}\n" + text)
    assert done.returncode == 1
    assert "journal" in done.stderr


def test_a_reload_names_what_needs_a_restart(own_shape: Shape) -> None:
    log, config = place(own_shape) / "log", place(own_shape) / "rookery.conf"
    config.write_text(
        config.read_text().replace("auth_failures_per_address 1000000", "workers 50")
    )
    os.kill(supervisor(own_shape), signal.SIGHUP)
    wait(lambda: "event=reloaded" in log.read_text())
    (told,) = [line for line in log.read_text().splitlines() if "need a restart" in line]
    assert "limits.workers" in told and "limits.auth_failures_per_address" in told
