"""A spam filter learns from what users move: what is sent to its controller, how often, and what becomes of
it while that is away. The controller is the test's own, and rspamd's."""

import contextlib
import http.server
import imaplib
import json
import re
import socket
import socketserver
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import milters
import pytest
import shape as shapes
from halves import DOMAIN, PASSWORD, Half, Halves
from imap_client import Imap
from milters import why_not
from mirror import Mirror
from shape import PATIENCE

needs_rspamd = pytest.mark.skipif(bool(why_not("rspamd")), reason=why_not("rspamd"))
QUIET = 2.5  # seconds in which what should not come would have come: it is looked for each second


@dataclass
class Post:
    path: str
    header: dict[str, str]
    body: bytes


class UnixServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)


class Controller:
    """Answers as it is told to."""

    def __init__(self, at: int | Path) -> None:
        self.posts: list[Post] = []
        self.answers: list[tuple[int, str]] = []  # then 200
        self.stuck = threading.Event()
        self.stuck.set()
        controller = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, text = (controller.answers or [(200, '{"success":true}')])[0]
                del controller.answers[:1]
                controller.posts.append(Post(self.path, dict(self.headers.items()), body))
                controller.stuck.wait(PATIENCE)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text)))
                    self.end_headers()
                    self.wfile.write(text.encode())

            def address_string(self) -> str:
                return "somebody"

            def log_message(self, *words: object) -> None:
                pass

        if isinstance(at, Path):
            self.server: http.server.HTTPServer = UnixServer(str(at), Handler)  # type: ignore[arg-type]
        else:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", at), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count: int) -> list[Post]:
        end = time.monotonic() + PATIENCE
        while len(self.posts) < count:
            assert time.monotonic() < end, f"{len(self.posts)} of {count} came"
            time.sleep(0.02)
        return self.posts

    def judged(self) -> list[tuple[str, str]]:
        """Which subjects, as what."""
        return [(post.path, subject_of(post.body)) for post in self.posts]

    def stop(self) -> None:
        self.stuck.set()
        self.server.shutdown()
        self.server.server_close()


def subject_of(message: bytes) -> str:
    found = re.search(rb"Subject: (\S+)", message)
    assert found
    return found[1].decode()


def letter(subject: str, words: str = "Hello") -> bytes:
    return (
        f"From: ann@elsewhere.test\r\nTo: bob@{DOMAIN}\r\nSubject: {subject}\r\n"
        f"Date: Fri, 27 Nov 2026 04:00:00 +0000\r\nMessage-ID: <{subject}@elsewhere.test>\r\n\r\n{words}\r\n"
    ).encode()


def teach(half: Half, options: str) -> None:
    """Before it starts: with that block."""
    text = half.config.read_text()
    half.config.write_text(text.replace("scram_iterations", f"learn {{ {options} }}\n    scram_iterations"))


class World:
    """A store, one user, and where the controller listens."""

    def __init__(self, folder: Path, at: int | Path, options: str = "", on: bool = True) -> None:
        self.at = at
        self.pair = Halves(folder)
        self.store = self.pair.store
        address = f"unix:{at}" if isinstance(at, Path) else f"127.0.0.1:{at}"
        if on:
            teach(self.store, f"address {address}; {options}")
        self.metrics_port = milters.free_port()
        with self.store.config.open("a") as config:
            config.write(f"metrics {{\n    listen 127.0.0.1:{self.metrics_port};\n}}\n")
        self.store.start()
        self.store.run("domain", "add", DOMAIN)
        self.bob = self.pair.add_user("bob")

    def client(self) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.store.port, timeout=PATIENCE)
        client.login(self.bob, PASSWORD)
        return client

    def put(self, mailbox: str, *messages: bytes) -> None:
        client = self.client()
        for message in messages:
            assert client.append(mailbox, None, None, message)[0] == "OK"
        client.logout()

    def move(self, source: str, target: str, verb: str = "MOVE", messages: str = "1:*") -> None:
        client = self.client()
        client.select(source)
        assert client.uid(verb, messages, target)[0] == "OK"
        client.logout()

    def metric(self, name: str) -> int:
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            page = answer.read().decode()
        found = re.search(rf"^rookery_{re.escape(name)} (\d+)$", page, re.M)
        assert found, page
        return int(found[1])

    def await_metric(self, name: str, value: int) -> None:
        end = time.monotonic() + PATIENCE
        while self.metric(name) != value:
            assert time.monotonic() < end, self.store.log.read_text()
            time.sleep(0.05)


SPAM, HAM = 'learnt_total{role="store",as="spam"}', 'learnt_total{role="store",as="ham"}'
FAILURES, GIVEN_UP = 'learn_failures_total{role="store"}', 'learn_given_up_total{role="store"}'


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def begin(at: int | Path, options: str = "", on: bool = True) -> World:
        made.append(World(tmp_path, at, options, on))
        return made[-1]

    yield begin
    for world in made:
        world.pair.stop()


@pytest.fixture
def controller() -> Iterator[Controller]:
    started = Controller(0)
    yield started
    started.stop()


@pytest.fixture
def world(make: Callable[..., World], controller: Controller) -> World:
    return make(controller.server.server_address[1], "password secret;")


def test_what_is_moved_is_posted_as_it_is_and_once(world: World, controller: Controller) -> None:
    # Larger than what is sent at once, and than what curl would ask "Expect:" for.
    spam, ham = letter("spam", "Buy!\r\n" * 300_000), letter("ham")
    world.put("INBOX", spam)
    world.put("Junk", ham)
    world.move("INBOX", "Junk", messages="1")
    controller.wait(1)
    world.move("Junk", "INBOX", messages="1")
    posts = controller.wait(2)
    assert [(post.path, post.body) for post in posts] == [("/learnspam", spam), ("/learnham", ham)]
    assert all(post.header["Password"] == "secret" for post in posts)
    assert all("Expect" not in post.header for post in posts)
    world.await_metric(SPAM, 1)
    world.await_metric(HAM, 1)
    time.sleep(QUIET)
    assert len(controller.posts) == 2
    assert world.metric(FAILURES) == 0


def test_copies_count_and_what_is_thrown_away_does_not(world: World, controller: Controller) -> None:
    world.put("INBOX", letter("in"))
    world.put("Junk", letter("trashed"), letter("expunged"), letter("out"))
    world.move("Junk", "Trash", messages="1")
    world.move("Junk", "Junk", "COPY", messages="2")
    client = world.client()
    client.select("Junk")
    client.uid("STORE", "2", "+FLAGS", "(\\Deleted)")
    client.expunge()
    client.logout()
    world.move("INBOX", "Junk", "COPY")
    world.move("Junk", "Archive", "COPY", messages="3")
    controller.wait(2)
    time.sleep(QUIET)
    assert sorted(controller.judged()) == [("/learnham", "out"), ("/learnspam", "in")]


def test_nothing_is_learnt_without_the_block(
    make: Callable[..., World], controller: Controller
) -> None:
    world = make(controller.server.server_address[1], on=False)
    world.put("INBOX", letter("spam"))
    world.move("INBOX", "Junk")
    time.sleep(QUIET)
    assert controller.posts == []


def test_without_a_password_none_is_sent_and_a_socket_will_do(
    make: Callable[..., World], tmp_path: Path
) -> None:
    at = tmp_path / "c"
    controller = Controller(at)
    try:
        world = make(at)
        world.put("INBOX", letter("spam"))
        world.move("INBOX", "Junk")
        (post,) = controller.wait(1)
        assert post.path == "/learnspam" and "Password" not in post.header
        world.await_metric(SPAM, 1)
    finally:
        controller.stop()


@pytest.mark.parametrize(
    "answer", [(208, ""), (404, '{"error":"<1> has been already learned as spam"}'), (204, "")]
)
def test_what_is_known_already_is_done(
    world: World, controller: Controller, answer: tuple[int, str]
) -> None:
    controller.answers = [answer]
    world.put("INBOX", letter("spam"))
    world.move("INBOX", "Junk")
    world.await_metric(SPAM, 1)
    time.sleep(QUIET)
    assert len(controller.posts) == 1


@pytest.mark.parametrize("status", [500, 403, 503])
def test_a_failure_is_tried_again_later_each_time(
    world: World, controller: Controller, status: int
) -> None:
    controller.answers = [(status, "no")] * 2
    world.put("INBOX", letter("spam"))
    begin = time.monotonic()
    world.move("INBOX", "Junk")
    posts = controller.wait(3)
    assert time.monotonic() - begin > 2.5, "1 s, then 2 s"
    world.await_metric(SPAM, 1)
    assert {post.body for post in posts} == {letter("spam")}
    assert world.metric(FAILURES) == 2 and world.metric(GIVEN_UP) == 0
    assert f"answers with {status} no" in world.store.log.read_text()
    assert "secret" not in world.store.log.read_text()


def test_what_is_refused_is_given_up_and_others_go_on(world: World, controller: Controller) -> None:
    controller.answers = [(400, "what is that?")]
    world.put("INBOX", letter("one"), letter("two"))
    world.move("INBOX", "Junk")
    world.await_metric(SPAM, 1)
    assert world.metric(GIVEN_UP) == 1
    time.sleep(QUIET)
    assert controller.judged() == [("/learnspam", "one"), ("/learnspam", "two")]


def test_a_message_that_fails_holds_up_no_other(world: World, controller: Controller) -> None:
    controller.answers = [(500, "no")]
    world.put("INBOX", letter("one"), letter("two"))
    world.move("INBOX", "Junk")
    controller.wait(3)
    assert [subject for _, subject in controller.judged()] == ["one", "two", "one"]


def test_what_waits_survives_a_kill(make: Callable[..., World]) -> None:
    port = milters.free_port()
    world = make(port)
    world.put("INBOX", *[letter(f"n{number}") for number in range(5)])
    world.move("INBOX", "Junk")
    world.await_metric(FAILURES, 1)
    world.store.kill()
    controller = Controller(port)
    try:
        world.store.start()
        controller.wait(5)
        world.await_metric(SPAM, 5)
        time.sleep(QUIET)
        assert sorted(subject for _, subject in controller.judged()) == [f"n{i}" for i in range(5)]
    finally:
        controller.stop()


def test_a_controller_that_hangs_holds_up_neither_users_nor_the_end(
    world: World, controller: Controller
) -> None:
    controller.stuck.clear()
    world.put("INBOX", letter("one"))
    world.move("INBOX", "Junk")
    controller.wait(1)
    begin = time.monotonic()
    world.put("INBOX", letter("two"))
    world.move("INBOX", "Junk")
    world.store.stop()
    assert time.monotonic() - begin < 10
    controller.stuck.set()
    world.store.start()
    controller.wait(3)
    world.await_metric(SPAM, 2)


@needs_rspamd
def test_rspamd_learns(make: Callable[..., World], tmp_path: Path) -> None:
    folder = tmp_path / "rspamd"
    folder.mkdir()
    port = milters.free_port()
    bayes = f"""
worker "controller" {{ bind_socket = "127.0.0.1:{port}"; count = 1; password = "secret"; secure_ip = []; }}
classifier "bayes" {{
	tokenizer {{ name = "osb"; }}
	backend = "sqlite3";
	cache {{ path = "{folder}/learnt.sqlite"; }}
	min_tokens = 1;
	statfile {{ symbol = "BAYES_SPAM"; spam = true; path = "{folder}/spam.sqlite"; }}
	statfile {{ symbol = "BAYES_HAM"; spam = false; path = "{folder}/ham.sqlite"; }}
}}
"""

    def stat() -> dict[str, int]:
        url = urllib.request.Request(f"http://127.0.0.1:{port}/stat", headers={"Password": "secret"})
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            said = json.load(answer)
        return {file["symbol"]: file["revision"] for file in said["statfiles"]}

    daemon = milters.rspamd(folder, f"unix:{folder}/milter", bayes)
    try:
        world = make(port, "password secret;")
        words = "\r\n".join(f"word{i} of the many others there are here{i}" for i in range(60))
        world.put("INBOX", letter("spam", words))
        world.put("Junk", letter("ham", words[::-1]))
        world.move("INBOX", "Junk", messages="1")
        world.move("Junk", "INBOX", messages="1")
        world.await_metric(SPAM, 1)
        world.await_metric(HAM, 1)
        end = time.monotonic() + PATIENCE
        while stat() != {"BAYES_SPAM": 1, "BAYES_HAM": 1}:
            assert time.monotonic() < end, (stat(), (folder / "log").read_text())
            time.sleep(0.1)
        # The same once more: it is known.
        world.move("Junk", "Archive", messages="2")
        world.await_metric(HAM, 2)
        world.move("Archive", "Junk")
        world.await_metric(SPAM, 2)
    finally:
        daemon.stop()


def test_of_a_mirror_each_message_is_learnt_once(tmp_path: Path) -> None:
    shapes.open_to_roles(tmp_path)
    controller = Controller(tmp_path / "c")  # which both reach, whatever network they are in
    (tmp_path / "c").chmod(0o666)
    started = shapes.up("mirror", tmp_path / "m", 4)
    try:
        mirror = Mirror(started)
        user = started.users[0]
        for node in (mirror.a, mirror.b):
            config = started.folder / node.name / "rookery.conf"
            block = f'learn {{ address "unix:{tmp_path}/c"; }}\n'
            config.write_text(re.sub(r"(^store {\n)", rf"\1    {block}", config.read_text(), flags=re.M))
            node.do("stop")
            node.do("start")
            mirror.await_sync()
        clients = [Imap(node, user, tls=True) for node in (mirror.a, mirror.b)]
        for number in range(20):
            clients[0].append("INBOX", letter(f"n{number}"))
        for client in clients:
            client.ok("SELECT INBOX")
        controller.stuck.clear()
        for number in range(20):
            clients[number % 2].ok(f"UID MOVE {number + 1} Junk")
        controller.wait(2)  # one of each node, at once
        controller.stuck.set()
        controller.wait(20)
        time.sleep(QUIET)
        assert sorted(controller.judged()) == sorted(("/learnspam", f"n{i}") for i in range(20))
        mirror.assert_equal()
    finally:
        shapes.down(tmp_path / "m")
        controller.stop()
