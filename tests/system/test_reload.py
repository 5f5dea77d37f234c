"""SIGHUP: certificates are read again, connections go on."""

import os
import signal
import ssl
import sys
import time
from pathlib import Path

from imap_client import Imap
from shape import Shape

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "script" / "cluster"))
import certificate  # noqa: E402


def serial(host: str, port: int) -> str:
    return ssl.get_server_certificate((host, port))


def supervisor(shape: Shape) -> int:
    return int((shape.folder / "a" / "pid").read_text())


def test_a_new_certificate_is_used_and_no_connection_is_dropped(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    client = Imap(node, user, tls=True)
    client.ok("SELECT INBOX")
    before = serial(node.host, node.imaps)
    tls = own_shape.folder / "a" / "tls"
    for name in ("chain.pem", "key.pem"):
        (tls / name).unlink()
    certificate.issue(own_shape.folder, tls)
    os.kill(supervisor(own_shape), signal.SIGHUP)
    end = time.monotonic() + 10
    while serial(node.host, node.imaps) == before:
        assert time.monotonic() < end, "the old certificate is still used"
        time.sleep(0.05)
    assert serial(node.host, node.submissions) != before
    client.ok("NOOP")
    Imap(node, user, tls=True).ok("NOOP")  # the new one is good, by the same CA


def test_a_broken_certificate_leaves_the_old_one_in_use(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    before = serial(node.host, node.imaps)
    (own_shape.folder / "a" / "tls" / "chain.pem").write_text("no certificate\n")
    os.kill(supervisor(own_shape), signal.SIGHUP)
    log = own_shape.folder / "a" / "log"
    end = time.monotonic() + 10
    while "certificates not taken" not in log.read_text():
        assert time.monotonic() < end, log.read_text()[-2000:]
        time.sleep(0.05)
    assert serial(node.host, node.imaps) == before
    Imap(node, user, tls=True).ok("NOOP")


def test_a_broken_config_changes_nothing(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    config = own_shape.folder / "a" / "rookery.conf"
    config.write_text(config.read_text() + "lisen smtp;\n")
    os.kill(supervisor(own_shape), signal.SIGHUP)
    log = own_shape.folder / "a" / "log"
    end = time.monotonic() + 10
    while "not reloaded" not in log.read_text():
        assert time.monotonic() < end, log.read_text()[-2000:]
        time.sleep(0.05)
    Imap(node, user).ok("NOOP")
