"""Programs of others through the proxy: curl, and openssl's STARTTLS."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from halves import PASSWORD
from proxied import DOMAIN, World, check_logs
from shape import PATIENCE

ANN, BOB = f"ann@{DOMAIN}", f"bob@{DOMAIN}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("proxied"), "without managesieve;", of_mx="")
    yield world
    world.stop()
    check_logs(world)


def curl(world: World, user: str, url: str, *words: str, text: str = "") -> str:
    command = ["curl", "-sS", "--cacert", str(world.proxy.ca), "-u", f"{user}:{PASSWORD}", url, *words]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done
    return done.stdout


def test_curl_sends_and_fetches(world: World, tmp_path: Path) -> None:
    ports = world.proxy.ports
    for user, name in ((ANN, "one"), (BOB, "two")):
        message = tmp_path / name
        message.write_text(f"From: {user}\r\nTo: {user}\r\nSubject: curled\r\n\r\nat {name}\r\n")
        curl(world, user, f"smtps://localhost:{ports['submissions']}", "--mail-from", user, "--mail-rcpt", user,
             "-T", str(message))  # fmt: skip
        assert f"at {name}".encode() in world.stores[name].fetch(user, "curled")
        assert f"at {name}" in curl(world, user, f"imaps://localhost:{ports['imaps']}/INBOX;MAILINDEX=1")
        assert f"at {name}" in curl(world, user, f"pop3s://localhost:{ports['pop3s']}/1")
        assert "INBOX" in curl(world, user, f"imap://localhost:{ports['imap']}", "--ssl-reqd")


@pytest.mark.parametrize(("protocol", "by"), [("imap", "imap"), ("pop3", "pop3"), ("submission", "smtp")])
def test_openssl_begins_tls(world: World, protocol: str, by: str) -> None:
    command = ["openssl", "s_client", "-connect", f"localhost:{world.proxy.ports[protocol]}", "-starttls", by,
               "-CAfile", str(world.proxy.ca), "-verify_return_error", "-brief"]  # fmt: skip
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and "Verification: OK" in done.stderr, done
