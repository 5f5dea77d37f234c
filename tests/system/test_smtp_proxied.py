"""Behind a load balancer that sends PROXY headers."""

from collections.abc import Iterator

import pytest
import samples
import shape as shapes
from shape import Node, Shape, fetch, wait_for_mail
from smtp_client import Client, log_lines, reconfigure

V2 = b"\r\n\r\n\0\r\nQUIT\n"
V2_IPV4 = V2 + b"\x21\x11\0\x0c" + bytes([192, 0, 2, 8, 192, 0, 2, 1]) + b"\x04\xd2\0\x19"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    folder = tmp_path_factory.mktemp("proxied") / "one"
    started = shapes.up("one", folder, 4)
    listen = f"listen smtp 127.0.0.1:{started.nodes[0].smtp}"
    reconfigure(
        started,
        lambda text: "proxy_trusted 127.0.0.1;\n" + text.replace(listen, listen + " proxy"),
    )
    yield started
    shapes.down(folder)


def arrive(node: Node, header: bytes) -> Client:
    client = Client(node.host, node.smtp, b"")
    client.send(header)
    assert client.reply().code == 220
    client.greet()
    return client


@pytest.mark.parametrize(
    ("header", "address", "written"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 25\r\n", "192.0.2.7", b"[192.0.2.7]"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 25\r\n", "2001:db8::7", b"[IPv6:2001:db8::7]"),
        (V2_IPV4, "192.0.2.8", b"[192.0.2.8]"),
    ],
)
def test_the_header_gives_the_client_address_to_received_and_log(
    proxied: Shape, header: bytes, address: str, written: bytes
) -> None:
    node, user = proxied.nodes[0], proxied.fresh_user()
    with arrive(node, header) as client:
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
    got = fetch(wait_for_mail(node, user, 1), 1)
    assert b"Received: from client.test (%s)\r\n" % written in got
    assert log_lines(proxied, "role=mx", 'event="message accepted"', address, user.name)


def test_without_a_header_nobody_is_served(proxied: Shape) -> None:
    node = proxied.nodes[0]
    with Client(node.host, node.smtp, b"") as client:
        client.send(b"EHLO client.test\r\n")
        assert client.at_end()


def test_a_header_where_none_is_expected_is_no_command(node: Node) -> None:
    with Client(node.host, node.smtp, b"") as client:
        client.reply()
        assert client.command(b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 25").code == 500
