"""Kicking a user at one node ends his sessions at the others, and makes them forget him."""

import imaplib
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from halves import PASSWORD, ports
from proxied import DOMAIN, World
from shape import PATIENCE

ANN, BOB = f"ann@{DOMAIN}", f"bob@{DOMAIN}"
NOT_YET = "without pop3; without pop3s; without submission; without submissions; without managesieve;"
SECRET = "a secret of the cluster"


class Cluster:
    """Two stores and a proxy. The first store tells the proxy, and the second one by an address that its certificate
    does not have."""

    def __init__(self, folder: Path) -> None:
        at_proxy, at_two = ports.free(2)
        service = "    listen authmod 127.0.0.1:{};\n    authmod_trusted 127.0.0.0/8;\n    authmod_secret_file {};\n"
        self.world = world = World(folder, NOT_YET)
        self.one, self.two = world.stores["one"], world.stores["two"]
        for half, run in ((self.one, self.one.run), (self.two, self.two.run), (world.proxy, world.proxy.run)):
            (run / "secret").write_text(SECRET + "\n")
            half.half.stop()
        self.edit(self.two.half.config, "store {\n", "store {\n" + service.format(at_two, self.two.run / "secret"))
        self.edit(world.proxy.half.config, "proxy {\n", "proxy {\n" + service.format(at_proxy, world.proxy.run / "secret"))
        self.edit(world.proxy.half.config, "cache_positive 0s", "cache_positive 1h")
        # One file vouches for both.
        (self.one.run / "both.pem").write_text((self.two.run / "tls.pem").read_text() + (world.proxy.run / "tls.pem").read_text())
        nodes = f"tls:localhost:{at_proxy} tls:127.0.0.1:{at_two}"
        self.edit(self.one.half.config, "store {\n", f"cluster {{\n    nodes {nodes};\n    secret_file {self.one.run}/secret;\n"
                  f"    authorities {self.one.run}/both.pem;\n}}\nstore {{\n")  # fmt: skip
        for half in (self.one.half, self.two.half, world.proxy.half):
            half.start()

    def edit(self, config: Path, old: str, new: str) -> None:
        text = config.read_text()
        assert old in text
        config.write_text(text.replace(old, new, 1))

    def imap(self, port: int, user: str) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", port, timeout=PATIENCE)
        client.starttls(self.context())
        client.login(user, PASSWORD)
        return client

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def command(self, *words: str) -> dict[str, Any]:
        return dict(self.one.half.run(*words))

    def stop(self) -> None:
        self.world.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    built = Cluster(tmp_path_factory.mktemp("cluster"))
    yield built
    built.stop()


def is_over(client: imaplib.IMAP4) -> bool:
    try:
        client.noop()
    except (imaplib.IMAP4.abort, OSError):
        return True
    return False


def heard(result: dict[str, Any]) -> dict[str, Any]:
    return {str(node["node"]).split(":")[1]: node for node in result["nodes"]}


def test_sessions_end_at_the_proxy_though_the_user_is_unknown_here(cluster: Cluster) -> None:
    through = cluster.imap(cluster.world.proxy.ports["imap"], BOB)
    other = cluster.imap(cluster.world.proxy.ports["imap"], ANN)
    begun = time.monotonic()
    result = cluster.command("user", "kick", BOB)
    assert time.monotonic() - begun < 10
    nodes = heard(result)
    assert nodes["localhost"]["sessions"] == 1, result
    assert is_over(through) and not is_over(other)


def test_who_is_kicked_is_looked_up_anew_and_so_is_who_is_flushed(cluster: Cluster) -> None:
    asked = cluster.world.directory.asked
    port = cluster.world.proxy.ports["imap"]
    cluster.imap(port, ANN).logout()

    def lookups() -> int:
        before = len([line for line in asked if ANN in line])
        cluster.imap(port, ANN).logout()
        return len([line for line in asked if ANN in line]) - before

    assert lookups() == 0, "it is remembered"
    for words in (("user", "kick", ANN), ("directory", "flush", ANN), ("directory", "flush")):
        result = cluster.command(*words)
        assert "why" not in heard(result)["localhost"], result
        assert lookups() > 0, words
        assert lookups() == 0


def test_who_did_not_hear_is_told(cluster: Cluster) -> None:
    """The second store has no certificate for 127.0.0.1."""
    begun = time.monotonic()
    result = cluster.command("directory", "flush", ANN)
    assert time.monotonic() - begun < 10
    node = heard(result)["127.0.0.1"]
    assert "why" in node and "sessions" not in node
    assert "tls:127.0.0.1:" in result["message"] and "did not hear" in result["message"]
    assert SECRET not in json.dumps(result) and SECRET not in cluster.one.half.log.read_text()


def test_a_node_with_another_secret_is_not_heard(cluster: Cluster) -> None:
    proxy = cluster.world.proxy
    proxy.half.stop()
    (proxy.run / "secret").write_text("something else altogether\n")
    proxy.half.start()
    try:
        result = cluster.command("user", "kick", ANN)
        assert "secret" in heard(result)["localhost"]["why"]
    finally:
        proxy.half.stop()
        (proxy.run / "secret").write_text(SECRET + "\n")
        proxy.half.start()
    assert "why" not in heard(cluster.command("user", "kick", ANN))["localhost"]
