"""Without root: nodes on addresses of loopback, with ports that are free."""

import imaplib
import os
import shutil
import smtplib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import shape as shapes
import slapd
from shape import PATIENCE, SHAPE, Node, Shape, User
from tiers import node

NOBODY = 65534
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.getuid() == 0 else []
pytestmark = [
    pytest.mark.skipif(bool(slapd.why_not()), reason=slapd.why_not()),
    pytest.mark.skipif(bool(AS_NOBODY) and not shutil.which("setpriv"), reason="no setpriv here"),
]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    folder = tmp_path_factory.mktemp("loopback")
    shapes.open_to_roles(folder)
    if AS_NOBODY:
        os.chown(folder, NOBODY, NOBODY)
    done = run(folder, "up", "proxy", "--users", "8")
    assert done.returncode == 0, done.stderr
    yield Shape(done.stdout)
    assert run(folder, "down").returncode == 0


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [*AS_NOBODY, str(SHAPE), *words, "--dir", str(folder / "s")]
    environment = os.environ | {"HOME": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


def count(at: Node, user: User) -> int:
    client = imaplib.IMAP4_SSL(at.host, at.imaps, ssl_context=at.tls(), timeout=PATIENCE)
    client.login(user.name, user.password)
    return int(client.select("INBOX", readonly=True)[1][0] or b"0")


def test_users_read_and_send_through_proxies(proxied: Shape) -> None:
    users = [proxied.fresh_user() for _ in range(4)]  # one of each back end
    proxy = node(proxied, "proxy2")
    assert proxy.host.startswith("127.0.1.")
    proxy.send([users[1]], b"Subject: x\r\n\r\nx\r\n")
    with smtplib.SMTP_SSL(proxy.host, proxy.submissions, context=proxy.tls(), timeout=PATIENCE) as client:
        client.login(users[0].name, users[0].password)
        client.sendmail(users[0].name, [user.name for user in users], b"Subject: y\r\n\r\nx\r\n")
    end = time.monotonic() + PATIENCE
    while [count(proxy, user) for user in users] != [1, 2, 1, 1]:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_node_without_a_machine_of_its_own_can_not_be_unplugged(proxied: Shape) -> None:
    done = subprocess.run(["sh", "-c", node(proxied, "store1").unplug], capture_output=True, text=True)
    assert done.returncode == 1 and "no wires of its own" in done.stderr
