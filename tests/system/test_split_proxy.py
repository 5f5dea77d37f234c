"""The proxy's listeners that take mail by recipient, in front of three stores and of an mx."""

import time
from collections.abc import Iterator

import pytest
from halves import DOMAIN, ports
from shape import PATIENCE
from smtp_client import Client
from split_world import SENDER, STORES, World, message, running


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running(tmp_path_factory.mktemp("split")) as world:
        yield world


@pytest.fixture(autouse=True)
def all_run(world: World) -> Iterator[None]:
    yield
    for store in world.stores:
        if not store.is_running():
            store.start()
    world.await_empty()


class Proxy:
    """In front of the same stores (LMTP), and of an mx (SMTP): that of the world, which believes it."""

    def __init__(self, world: World) -> None:
        self.lmtp, self.smtp = ports.free(2)
        self.half = world.own("proxy", (
            f"proxy {{\n    listen lmtp 127.0.0.1:{self.lmtp};\n    listen smtp 127.0.0.1:{self.smtp};\n"
            f"    default_host {world.address(0)};\n    directory unix:{world.run}/asked;\n"
            f"    backend_authorities {world.run}/ca.pem;\n    lmtp_port {world.lmtp};\n    smtp_port {world.smtp};\n"
            f"    backend_timeout 5s;\n    front_ends 127.0.0.1;\n    names this.node.test;\n}}"), self.smtp)  # fmt: skip


@pytest.fixture(scope="module")
def proxy(world: World) -> Iterator[Proxy]:
    proxy = Proxy(world)
    proxy.half.start()
    yield proxy
    proxy.half.stop()


def lmtp(proxy: Proxy, number: int, *to: str) -> tuple[list[int], list[int]]:
    """Codes at RCPT, and those of the message."""
    with Client("127.0.0.1", proxy.lmtp, b"LHLO client.test") as client:
        assert client.command(f"MAIL FROM:<{SENDER}>".encode()).code == 250
        taken = [int(client.command(f"RCPT TO:<{name}>".encode()).code) for name in to]
        if taken.count(250) == 0:
            return taken, []
        assert client.command(b"DATA").code == 354
        client.send(message(number) + b"\r\n")
        return taken, [int(client.reply().code) for code in taken if code == 250]


def test_by_lmtp_the_proxy_splits_a_message_and_each_has_his_own_answer(world: World, proxy: Proxy) -> None:
    users = [world.user(f"lmtp{i}", i) for i in range(STORES)]
    full = world.user("lmtpfull", 1)
    for store in world.stores:
        store.run("user", "set", full, "--quota-messages", "1")
    assert lmtp(proxy, 1, full) == ([250], [250])
    taken, done = lmtp(proxy, 2, users[0], full, users[1], f"nobody@{DOMAIN}", users[2], "x@elsewhere.test")
    assert taken[0] == taken[2] == taken[4] == 250 and taken[3] == taken[5] == 550
    assert taken[1] // 100 == 5 and done == [250] * 3 or (taken[1] == 250 and done == [250, 552, 250, 250])
    for lives, user in enumerate(users):
        assert [world.numbers(store, user) for store in range(STORES)] == [
            [2] if store == lives else [] for store in range(STORES)
        ]
    text = world.inbox(2, users[2])[0]
    assert text.count(b"Return-Path:") == 1 and text.count(b"Received:") == 2


def test_a_back_end_that_is_down_is_put_off_for_its_recipients_only(world: World, proxy: Proxy) -> None:
    users = [world.user(f"off{i}", i) for i in range(STORES)]
    world.stores[1].stop()
    assert lmtp(proxy, 1, *users) == ([250, 451, 250], [250, 250])
    world.stores[1].start()
    end = time.monotonic() + PATIENCE
    while lmtp(proxy, 2, users[1]) != ([250], [250]):
        assert time.monotonic() < end
        time.sleep(0.3)
    assert [world.numbers(i, user) for i, user in enumerate(users)] == [[1], [2], [1]]


def test_an_alias_over_two_stores_goes_through_the_proxy_to_each(world: World, proxy: Proxy) -> None:
    one, two = world.user("both1", 1), world.user("both2", 2)
    team = world.lives("both", "-", f"{one},{two}")
    assert lmtp(proxy, 1, team, two) == ([250, 250], [250, 250])
    assert (world.numbers(1, one), world.numbers(2, two)) == ([1], [1])
    assert (world.numbers(2, one), world.numbers(1, two)) == ([], [])


def test_a_store_that_breaks_off_fails_its_recipients_for_now(world: World, proxy: Proxy) -> None:
    one, two = world.user("break1", 1), world.user("break2", 2)
    with Client("127.0.0.1", proxy.lmtp, b"LHLO client.test") as client:
        client.command(f"MAIL FROM:<{SENDER}>".encode())
        for user in (one, two):
            assert client.command(f"RCPT TO:<{user}>".encode()).code == 250
        world.stores[1].kill()
        assert client.command(b"DATA").code == 354
        client.send(message(1) + b"\r\n")
        assert [client.reply().code for _ in range(2)] == [451, 250]
        assert client.command(b"MAIL FROM:<>").code == 250
        assert client.command(f"RCPT TO:<{one}>".encode()).code == 451
        assert client.command(f"RCPT TO:<{two}>".encode()).code == 250, "the session goes on"
    assert world.numbers(2, two) == [1]


def test_by_smtp_a_transaction_has_recipients_of_one_back_end(world: World, proxy: Proxy) -> None:
    """The back ends by SMTP are one mx on three addresses, which splits what comes."""
    world.mx.stop()
    text = world.mx.config.read_text()
    listens = "".join(f"    listen smtp {world.address(i)}:{world.smtp};\n" for i in range(STORES))
    front = "    xclient {\n        from 127.0.0.1;\n    }\n"
    tls = f"tls {{\n    certificate {{\n        chain {world.run}/store.pem;\n        key {world.run}/store.key;\n    }}\n}}\n"
    world.mx.config.write_text(tls + text.replace("mx {\n", "mx {\n" + listens + front))
    world.mx.start()
    one, other, two = world.user("smtp1", 1), world.user("smtp1b", 1), world.user("smtp2", 2)
    with Client("127.0.0.1", proxy.smtp) as client:
        assert client.command(f"MAIL FROM:<{SENDER}>".encode()).code == 250
        assert client.command(f"RCPT TO:<nobody@{DOMAIN}>".encode()).code == 550
        assert client.command(f"RCPT TO:<{one}>".encode()).code == 250
        reply = client.command(f"RCPT TO:<{two}>".encode())
        assert (reply.code, reply.status) == (452, "4.5.3")
        assert client.command(f"RCPT TO:<{other}>".encode()).code == 250
        assert client.command(b"DATA").code == 354
        assert client.command(message(1)).code == 250
        assert client.command(f"MAIL FROM:<{SENDER}>".encode()).code == 250
        assert client.command(f"RCPT TO:<{two}>".encode()).code == 250
        assert client.command(b"DATA").code == 354
        assert client.command(message(2)).code == 250
    assert (world.numbers(1, one), world.numbers(1, other), world.numbers(2, two)) == ([1], [1], [2])
    assert world.mx.log.read_text().count("a front end passes on a client") >= 2
    world.mx.stop()
    world.mx.config.write_text(text)
    world.mx.start()


def test_who_the_client_is_goes_on_with_him_and_a_loop_ends(world: World, proxy: Proxy) -> None:
    user = world.user("client", 2)

    def rcpt(ttl: int) -> tuple[int, str]:
        with Client("127.0.0.1", proxy.lmtp, b"LHLO client.test") as client:
            said = client.command(f"XCLIENT ADDR=192.0.2.77 PORT=1234 TTL={ttl}".encode())
            if said.code == 421:
                return said.code, said.status
            assert said.code == 220
            assert client.command(b"LHLO client.test").code == 250
            assert client.command(f"MAIL FROM:<{SENDER}>".encode()).code == 250
            reply = client.command(f"RCPT TO:<{user}>".encode())
            if reply.code == 250:
                assert client.command(b"DATA").code == 354
                assert client.command(message(1)).code == 250
            return reply.code, reply.status

    assert rcpt(3) == (250, "2.1.5")
    log = world.stores[2].log.read_text().splitlines()
    assert [line for line in log if "message accepted" in line and "client=192.0.2.77" in line]
    assert "([192.0.2.77])" in world.inbox(2, user)[0].decode()
    assert rcpt(1) == (451, "4.4.6")
    assert rcpt(0)[0] == 421


def test_who_lives_on_this_machine_gets_it_by_the_store_s_socket(world: World, proxy: Proxy) -> None:
    user = world.user("local", 0)
    world.lives("local", "This.Node.test")
    assert lmtp(proxy, 5, user) == ([250], [250])
    with Client("127.0.0.1", proxy.smtp) as client:
        assert client.command(f"MAIL FROM:<{SENDER}>".encode()).code == 250
        assert client.command(f"RCPT TO:<{user}>".encode()).code == 250
        assert client.command(b"DATA").code == 354
        assert client.command(message(6)).code == 250
    assert world.numbers(0, user) == [5, 6]
