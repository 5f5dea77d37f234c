"""What SMTP says while something else is broken; and that nothing is lost or doubled by it."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
import samples
from shape import PATIENCE, SANITIZED, Shape, fetch, wait_for_mail
from smtp_client import Client, log_lines, mx, plain, reconfigure, submission


def role(shape: Shape, name: str) -> int:
    """The role's process; only of this node, by its supervisor's children."""
    supervisor = int((shape.folder / "a" / "pid").read_text())
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    for child in children:
        words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        if b"role" in words and name.encode() in words:
            return int(child)
    raise AssertionError(f"no process of role {name}")


def test_without_the_store_mail_waits_in_the_queue(own_shape: Shape) -> None:
    """For recipients that mx has heard of; unknown ones are refused as before."""
    node, users = own_shape.nodes[0], own_shape.users
    known, never = users[0].name.encode(), users[1].name.encode()
    unknown = b"nobody-here@" + known.partition(b"@")[2]
    accepted = [0]

    def answers(client: Client, recipient: bytes) -> int:
        assert client.command(b"MAIL FROM:<a@elsewhere.test>").code == 250
        reply = client.command(b"RCPT TO:<%s>" % recipient)
        if reply.code != 250:
            assert client.command(b"RSET").code == 250
        return reply.code

    with mx(node) as client, mx(node) as late:
        client.begin(known.decode())
        assert client.data(samples.numbered(0)).code == 250
        assert answers(client, unknown) == 550
        late.begin(known.decode())
        store = role(own_shape, "store")
        os.kill(store, signal.SIGSTOP)  # so that it is not back too early
        os.kill(store, signal.SIGKILL)
        for number, wire in enumerate((client, late, client), 1):
            if wire is client:
                assert answers(client, known) == 250
            assert wire.data(samples.numbered(number)).code == 250
            accepted.append(number)
        assert answers(client, unknown) == 550
        assert answers(client, never) in (250, 451)  # the store may be back by now
    reader = wait_for_mail(node, users[0], len(accepted))
    got = [fetch(reader, place + 1) for place in range(len(accepted))]
    numbers = sorted(int(text.partition(b"Subject: number ")[2].split()[0]) for text in got)
    assert numbers == accepted
    listed = own_shape.rookery("queue", "list")
    assert (listed["rows"], listed["waiting"], listed["held"]) == ([], 0, 0)


def test_mail_sent_while_the_store_dies_is_not_lost_and_comes_once(own_shape: Shape) -> None:
    node, user = own_shape.nodes[0], own_shape.users[0]
    accepted: list[int] = []
    stop = threading.Event()

    def send() -> None:
        with mx(node) as client:
            for number in range(5000):
                if stop.is_set():
                    return
                client.begin()
                if client.command(b"RCPT TO:<%s>" % user.name.encode()).code == 250:
                    if client.data(samples.numbered(number)).code == 250:
                        accepted.append(number)
                else:
                    stop.wait(0.02)  # the store is away
                client.command(b"RSET")

    sender = threading.Thread(target=send)
    sender.start()
    for _ in range(3):
        time.sleep(0.7)
        before = len(accepted)
        os.kill(role(own_shape, "store"), signal.SIGKILL)
        end = time.monotonic() + PATIENCE
        while len(accepted) < before + 5 and sender.is_alive():
            assert time.monotonic() < end
            time.sleep(0.05)
    stop.set()
    sender.join()
    reader = wait_for_mail(node, user, len(accepted))
    texts = [bytes(p[1]) for p in reader.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(p, tuple)]
    numbers = [int(text.partition(b"Subject: number ")[2].split()[0]) for text in texts]
    assert set(accepted) <= set(numbers), "lost"
    assert len(numbers) == len(set(numbers)), "doubled"


def test_what_a_slow_store_takes_after_all_comes_once(own_shape: Shape) -> None:
    """It has the whole message and gives no answer in time: the mx keeps the message, and sends it again."""
    reconfigure(own_shape, lambda text: text.replace("mx {", "mx {\n store_timeout 1s;"))
    node, (one, two, *_) = own_shape.nodes[0], own_shape.users
    with mx(node) as client:
        client.begin(one.name, two.name)  # the connection to the store is there
        assert client.data(samples.numbered(0)).code == 250
        client.begin(one.name, two.name)
        store = role(own_shape, "store")
        os.kill(store, signal.SIGSTOP)
        try:
            assert client.data(samples.numbered(1)).code == 250
        finally:
            os.kill(store, signal.SIGCONT)
        assert log_lines(own_shape, "role=mx", 'event="answer lost"')
    end = time.monotonic() + PATIENCE
    while own_shape.rookery("queue", "list")["rows"]:
        assert time.monotonic() < end
        time.sleep(0.05)
    for user in (one, two):
        reader = wait_for_mail(node, user, 2)
        assert reader.select("INBOX")[1] == [b"2"]
    assert log_lines(own_shape, "role=mx", 'event="queued message delivered"', one.name)


def test_without_room_for_a_large_message_it_is_put_off(own_shape: Shape) -> None:
    """As on a full disk: mx can't make a file. Its folder for them is gone."""
    node, user = own_shape.nodes[0], own_shape.users[0]
    large = samples.PLAIN + (b"x" * 76 + b"\r\n") * 20_000
    with mx(node) as client:
        (own_shape.folder / "a" / "data" / "mx" / "spool").rmdir()
        client.begin(user.name)
        reply = client.data(large)
        assert (reply.code, reply.status) == (452, "4.3.1")
        client.begin(user.name)
        assert client.data(samples.DOTS).code == 250, "a small one needs no file"
    node.do("stop")
    node.do("start")
    with mx(node) as client:
        client.begin(user.name)
        assert client.data(large).code == 250
    assert fetch(wait_for_mail(node, user, 2), 2).endswith(large)


class FakeStore:
    """An LMTP server that does as it is told: `behave` gets a connection's file and socket."""

    def __init__(self, path: Path, behave: Callable[["FakeStore", socket.socket], None]) -> None:
        self.behave = behave
        self.messages: list[bytes] = []
        self.commands: list[bytes] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        path.chmod(0o666)  # mx may be another user
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.behave, args=(self, connection), daemon=True).start()


def talk(
    store: FakeStore,
    connection: socket.socket,
    offers: bytes,
    answers: Iterable[bytes] | None = None,
) -> None:
    """Takes transactions until the client goes; `answers` to the message, then it hangs up."""
    with connection, connection.makefile("rwb", buffering=0) as raw:
        raw.write(b"220 fake\r\n")
        recipients = 0
        buffered = connection.makefile("rb")
        while line := buffered.readline():
            store.commands.append(line)
            verb = line[:4].upper()
            if verb == b"LHLO":
                raw.write(b"250-fake\r\n" + offers + b"250 8BITMIME\r\n")
                continue
            recipients = 0 if verb == b"MAIL" else recipients + (verb == b"RCPT")
            if verb == b"BDAT":
                store.messages.append(buffered.read(int(line.split()[1])))
            elif verb == b"DATA":
                raw.write(b"354 go on\r\n")
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += buffered.readline()
                store.messages.append(text)
            else:
                raw.write(b"250 2.0.0 fine\r\n")
                continue
            if answers is not None:
                raw.write(b"".join(answers))
                return
            raw.write(b"250 2.0.0 kept\r\n" * recipients)


Start = Callable[[Callable[[FakeStore, socket.socket], None]], FakeStore]


@pytest.fixture
def fake_store(own_shape: Shape, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts one, and points mx at it."""
    path = Path(f"/tmp/rookery-fake-{os.getpid()}-{time.monotonic_ns() % 10**9}")
    started: list[FakeStore] = []

    def start(behave: Callable[[FakeStore, socket.socket], None]) -> FakeStore:
        store = FakeStore(path, behave)
        started.append(store)
        reconfigure(
            own_shape, lambda text: text.replace("mx {", f'mx {{\n store "unix:{path}";')
        )
        return store

    yield start
    for store in started:
        store.listener.close()
    path.unlink(missing_ok=True)


def rcpts(store: FakeStore) -> list[str]:
    lines = [line.decode() for line in store.commands if line.startswith(b"RCPT")]
    return [line.partition("<")[2].partition(">")[0] for line in lines]


def await_empty(shape: Shape) -> None:
    end = time.monotonic() + PATIENCE
    while rows := shape.rookery("queue", "list")["rows"]:
        assert time.monotonic() < end, rows
        time.sleep(0.05)


FULL = b"250-PIPELINING\r\n250-CHUNKING\r\n"


def test_a_message_whose_answer_was_lost_is_not_sent_again(
    own_shape: Shape, fake_store: Start
) -> None:
    lost = [False]

    def behave(store: FakeStore, connection: socket.socket) -> None:
        talk(store, connection, FULL, [] if lost[0] else None)

    store = fake_store(behave)
    node, user = own_shape.nodes[0], own_shape.users[0]
    lost[0] = True
    with mx(node) as client:
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 451
        assert len(store.messages) == 1
        assert log_lines(own_shape, "answer lost, the message may be doubled")
        lost[0] = False
        client.begin(user.name)
        assert client.data(samples.PLAIN).code == 250
    await_empty(own_shape)  # nobody asks the store for a moment
    assert len(store.messages) == 2


def test_stopping_does_not_wait_for_a_store_that_is_silent(
    own_shape: Shape, fake_store: Start
) -> None:
    """LMTP's time-out is far away, and who is killed in the middle tells its client nothing."""
    asked, over = threading.Event(), threading.Event()

    def silence() -> Iterator[bytes]:
        asked.set()
        over.wait(PATIENCE)
        yield b""

    def behave(store: FakeStore, connection: socket.socket) -> None:
        with contextlib.suppress(BrokenPipeError):  # mx is gone by then
            talk(store, connection, FULL, silence())

    fake_store(behave)
    node, user = own_shape.nodes[0], own_shape.users[0]
    with mx(node) as client:
        client.begin(user.name)
        assert client.command(b"DATA").code == 354
        client.send(samples.PLAIN + b".\r\n")
        assert asked.wait(PATIENCE)
        stopping = threading.Thread(target=node.do, args=("stop",))
        stopping.start()
        assert client.reply().code == 451
        stopping.join()
    over.set()


def test_an_idle_connection_that_the_store_closed_is_no_trouble(
    own_shape: Shape, fake_store: Start
) -> None:
    connections: list[socket.socket] = []

    def behave(store: FakeStore, connection: socket.socket) -> None:
        connections.append(connection)
        talk(store, connection, FULL)

    store = fake_store(behave)
    node, user = own_shape.nodes[0], own_shape.users[0]
    with mx(node) as client:
        for number in range(1, 4):
            client.begin(user.name)
            assert client.data(samples.PLAIN).code == 250
            assert len(store.messages) == len(connections) == number
            connections[-1].shutdown(socket.SHUT_RDWR)


def test_one_lost_answer_of_two_is_asked_for_again_by_the_queue(
    own_shape: Shape, fake_store: Start
) -> None:
    store = fake_store(lambda store, wire: talk(store, wire, FULL, [b"250 2.0.0 kept\r\n"]))
    node, users = own_shape.nodes[0], own_shape.users
    with mx(node) as client:
        client.begin(users[0].name, users[1].name)
        assert client.data(samples.PLAIN).code == 250
    assert log_lines(own_shape, "role=mx", 'event="message is in the queue"', "recipients=1")
    await_empty(own_shape)
    assert len(store.messages) == 2
    assert rcpts(store) == [users[0].name, users[1].name, users[1].name]


def test_what_fails_for_one_of_several_is_tried_again_or_comes_back(
    own_shape: Shape, fake_store: Start
) -> None:
    """One has it, so the answer is good; one's mailbox is full, of which his sender hears; and for one it works later."""
    answers = [
        [b"250 2.0.0 kept\r\n", b"552 5.2.2 full\r\n", b"452 4.2.2 busy\r\n"],
        [b"552 5.2.2 full\r\n", b"250 2.0.0 kept\r\n"],
        [b"250 2.0.0 kept\r\n"],
    ]
    store = fake_store(lambda store, wire: talk(store, wire, FULL, answers[min(len(store.messages), 2)]))
    node, (one, two, three, sender, *_) = own_shape.nodes[0], own_shape.users
    with mx(node) as client:
        assert client.command(b"MAIL FROM:<%s>" % sender.name.encode()).code == 250
        for user in (one, two, three):
            assert client.command(b"RCPT TO:<%s>" % user.name.encode()).code == 250
        assert client.data(samples.PLAIN).code == 250
    await_empty(own_shape)
    assert rcpts(store) == [user.name for user in (one, two, three, two, three, sender)]
    assert b"Status: 5.2.2" in store.messages[2] and two.name.encode() in store.messages[2]
    assert three.name.encode() not in store.messages[2].partition(b"message/rfc822")[0]


def test_what_fails_for_all_is_the_client_s_affair(own_shape: Shape, fake_store: Start) -> None:
    """And a temporary failure goes before a permanent one."""
    answers = [b"552 5.2.2 full\r\n", b"452 4.2.2 busy\r\n"]
    fake_store(lambda store, wire: talk(store, wire, FULL, answers))
    node, users = own_shape.nodes[0], own_shape.users
    with mx(node) as client:
        client.begin(*(user.name for user in users[:2]))
        reply = client.data(samples.PLAIN)
        assert (reply.code, reply.status) == (452, "4.2.2")
    assert own_shape.rookery("queue", "list")["rows"] == []


def test_a_server_without_extensions_gets_data_with_dots_stuffed(
    own_shape: Shape, fake_store: Start
) -> None:
    store = fake_store(lambda store, wire: talk(store, wire, b""))
    node, user = own_shape.nodes[0], own_shape.users[0]
    with mx(node) as client:
        client.begin(user.name)
        assert client.data(samples.DOTS).code == 250
        client.begin(user.name, mail=b" BODY=BINARYMIME")
        client.send(b"BDAT 3 LAST\r\nabc")
        reply = client.reply()
        assert (reply.code, reply.status) == (550, "5.6.1"), "it can't take that"
    assert len(store.messages) == 1
    assert store.messages[0].endswith(samples.DOTS.replace(b"\r\n.", b"\r\n..") + b".\r\n")
    assert not any(b"SIZE" in command or b"XSESSION" in command for command in store.commands)


@pytest.mark.skipif(SANITIZED, reason="counts memory")
def test_many_clients_in_the_middle_of_a_message_cost_little_memory(own_shape: Shape) -> None:
    """Their messages go to files before they are large."""
    node, user = own_shape.nodes[0], own_shape.users[0]
    process = role(own_shape, "mx")
    count, size = 600, 200_000

    def memory() -> int:
        status = Path(f"/proc/{process}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    half = samples.PLAIN + b"x" * 998 + b"\r\n"
    half += (b"x" * 998 + b"\r\n") * (size // 1000)
    clients = [mx(node) for _ in range(count)]
    before = memory()
    for client in clients:
        client.begin(user.name)
        assert client.command(b"DATA").code == 354
        client.send(half)
    time.sleep(0.5)
    grown = memory() - before
    assert grown < 256 * 256 * 1024 + count * 64 * 1024, f"{grown // count} bytes a client"
    for client in clients[::50]:
        client.send(b".\r\n")
        assert client.reply().code == 250
    for client in clients:
        client.close()
    assert fetch(wait_for_mail(node, user, count // 50), 1).endswith(half)


def test_one_address_has_so_many_connections_and_no_more(own_shape: Shape) -> None:
    node = reconfigure(
        own_shape,
        lambda text: text.replace("connections_per_address 100000", "connections_per_address 5"),
    )
    clients = [mx(node) for _ in range(5)]
    with Client(node.host, node.smtp, b"") as refused:
        assert refused.reply().code == 421
        assert refused.at_end()
    clients.pop().close()
    end = time.monotonic() + PATIENCE
    while True:
        with Client(node.host, node.smtp, b"") as again:
            if again.reply().code == 220:
                break
        assert time.monotonic() < end
    for client in clients:
        client.close()


def test_submission_without_the_directory_can_not_tell(own_shape: Shape) -> None:
    """Never "wrong password" for a directory that is away."""
    node, user = own_shape.nodes[0], own_shape.users[0]
    reconfigure(
        own_shape, lambda text: text.replace("mx {", 'mx {\n directory "unix:/nonexistent/socket";')
    )
    with submission(node) as client:
        reply = client.command(b"AUTH PLAIN " + plain(user))
        assert (reply.code, reply.status) == (454, "4.7.0")
    with mx(node) as client:
        client.begin()
        reply = client.command(b"RCPT TO:<%s>" % user.name.encode())
        assert (reply.code, reply.status[0]) == (451, "4")
