"""Two mx that are each other's mirror: a client that one has put off may come again to the other."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from halves import DOMAIN, Half, Halves, ports
from shape import PATIENCE
from smtp_client import Client

CLIENT = "203.0.113.9"


def make(folder: Path, name: str, link: int) -> Halves:
    (folder / name).mkdir()
    node = Halves(
        folder / name,
        "    greylist {\n        on yes;\n        delay 1s;\n    }\n"
        "    checks {\n        no_ptr_score 0;\n    }\n"
        f"    mirror {{\n        listen 127.0.0.1:{link};\n        silence 1s;\n    }}\n",
    )
    listen = f"listen smtp 127.0.0.1:{node.mx.port}"
    config = node.mx.config.read_text().replace(listen, listen + " proxy")
    node.mx.config.write_text("proxy_trusted 127.0.0.1;\n" + config)
    node.start()
    node.store.run("domain", "add", DOMAIN)
    node.add_user("bob")
    return node


def await_sync(node: Half) -> None:
    end = time.monotonic() + PATIENCE
    while (status := node.run("mirror", "status"))["state"] != "in sync":
        assert time.monotonic() < end, status
        time.sleep(0.05)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Halves, Halves]]:
    (link,) = ports.free(1, width=2)
    a, b = (make(tmp_path, name, link + 1) for name in "ab")
    key = a.mx.run("mirror", "pair", f"127.0.0.1:{link}")["key"]
    b.mx.run("mirror", "pair", f"127.0.0.1:{link}", key)
    for node in (a, b):
        await_sync(node.mx)
    yield a, b
    a.stop()
    b.stop()


def ask(node: Halves, sender: str) -> int:
    """The answer to RCPT."""
    with Client("127.0.0.1", node.mx.port, b"") as client:
        client.send(f"PROXY TCP4 {CLIENT} 192.0.2.25 40000 25\r\n".encode())
        assert client.reply().code == 220
        client.greet(b"EHLO mail.clients.test")
        client.begin(sender=sender.encode())
        return client.command(f"RCPT TO:<bob@{DOMAIN}>".encode()).code


def test_a_client_may_come_again_to_the_other_node(two: tuple[Halves, Halves]) -> None:
    a, b = two
    assert ask(a, "ann@elsewhere.test") == 450
    time.sleep(1.1)
    assert ask(b, "ann@elsewhere.test") == 250
    a.mx.kill()
    b.mx.kill()
    a.mx.start()
    assert ask(a, "eve@elsewhere.test") == 250, "what b has learnt a knows, too"
