"""HTTP through the proxy: each request goes to the back end where its user lives."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_back import PIECE, Back, pattern, pattern_sha
from http_proxied import HOST, SECRET, Client, HttpWorld, Pieces, Raw, basic
from proxied import DOMAIN
from shape import PATIENCE, SANITIZED

ANN, BOB, CY = (f"{name}@{DOMAIN}" for name in ("ann", "bob", "cy"))
MEGA = 1 << 20


class World(HttpWorld):
    def __init__(self, folder: Path, more: str = "") -> None:
        self.one, self.two = Back({ANN: SECRET, CY: SECRET}), Back({BOB: SECRET})
        self.three = Back()
        backs = {"one": self.one.port, "two": self.two.port, "three": self.three.port}
        super().__init__(folder, backs, f"    default_host three.{DOMAIN};\n{more}")
        self.lives("ann", "one")
        self.lives("cy", "one")
        self.lives("bob", "two")
        self.lives("dee", "")
        self.start()

    def stop(self) -> None:
        super().stop()
        for back in (self.one, self.two, self.three):
            back.stop()


def check_log(world: World) -> None:
    said = world.log()
    assert SECRET not in said and basic(ANN).split()[1] not in said
    assert "Sanitizer" not in said and "must(" not in said and "runtime error" not in said


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("http"), "    oauth yes;\n    http_token_claim email;\n")
    yield world
    world.stop()
    check_log(world)


@pytest.fixture
def quick_world(tmp_path: Path) -> Iterator[World]:
    """One that does not wait for long."""
    world = World(tmp_path, "    http_answer_timeout 1s;\n    http_idle_timeout 2s;\n")
    yield world
    world.stop()
    check_log(world)


def await_true(what: object) -> None:
    end = time.monotonic() + PATIENCE
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_each_user_is_served_where_he_lives(world: World) -> None:
    for user, back in ((ANN, world.one), (BOB, world.two)):
        back.forget()
        with Client(world, user) as client:
            told = client.told("PROPFIND", f"/dav/{user}/?x=1", b"<propfind/>", Depth="1")
        assert told["line"] == f"PROPFIND /dav/{user}/?x=1 HTTP/1.1"
        assert told["names"]["depth"] == "1" and told["names"]["host"] == HOST
        assert told["names"]["authorization"] == basic(user)
        assert [seen.body for seen in back.seen] == [b"<propfind/>"]


def test_one_connection_keeps_its_back_end_as_long_as_its_user(world: World) -> None:
    with Client(world, ANN) as client:
        numbers = [client.told("GET", f"/{i}")["connection"] for i in range(5)]
        assert len(set(numbers)) == 1
        client.headers["Authorization"] = basic(BOB)
        assert client.told("GET", "/b")["names"]["authorization"] == basic(BOB)
        client.headers["Authorization"] = basic(CY)  # the same host as ann's
        other = client.told("GET", "/c")["connection"]
        assert other not in numbers
        client.headers["Authorization"] = basic(ANN)
        assert client.told("GET", "/d")["connection"] not in (*numbers, other)


def test_who_has_no_place_goes_to_default_host(world: World) -> None:
    world.three.forget()
    with Client(world, f"dee@{DOMAIN}") as client:
        client.told("GET", "/mine")
    assert world.three.lines() == ["GET /mine HTTP/1.1"]


def test_who_names_nobody_is_asked_for_a_password(world: World) -> None:
    with Client(world) as client:
        answer = client.ask("PROPFIND", "/dav/", b"<propfind/>")
        assert answer.status == 401
        assert answer.headers.get_all("WWW-Authenticate") == ['Basic realm="Rookery", charset="UTF-8"', "Bearer"]
        answer.read()
        # And on the same connection, with a password:
        client.headers["Authorization"] = basic(ANN)
        client.told("PROPFIND", "/dav/", b"<propfind/>")
    with Client(world) as client:
        for value in ("Digest username=ann", "Basic !!!", "Basic YQ==", "Nonsense"):
            assert client.do("GET", "/", Authorization=value)[0] == 401
    with Client(world) as client:
        answer = client.ask("HEAD", "/")
        assert answer.status == 401 and answer.read() == b""
        assert client.do("GET", "/")[0] == 401


def test_what_anybody_may_ask_goes_to_default_host(world: World) -> None:
    world.three.forget()
    with Client(world) as client:
        client.told("GET", "/.well-known/caldav")
        client.told("OPTIONS", "/dav/")
        client.told("OPTIONS", "*")
        for target in ("/.well-known", "/.well-knownx/", "/.well-known/../dav", "/.well-known/%2e%2e/dav"):
            assert client.do("GET", target)[0] == 401
    assert world.three.lines() == [
        "GET /.well-known/caldav HTTP/1.1",
        "OPTIONS /dav/ HTTP/1.1",
        "OPTIONS * HTTP/1.1",
    ]


def test_a_wrong_user_and_a_wrong_password_look_alike(world: World) -> None:
    refused = world.metric("logins_failed_total", 'protocol="http"')
    bodies = []
    for user, password in ((f"nobody@{DOMAIN}", SECRET), (ANN, "wrong")):
        with Client(world, user, password) as client:
            began = time.monotonic()
            status, body = client.do("GET", "/")
            bodies.append(body)
            assert status == 401
            assert time.monotonic() - began > 1.4
            client.headers["Authorization"] = basic(ANN)
            client.told("GET", "/")  # the connection is as good as before
    assert bodies == [b"Wrong user or password.\n", b"who?\n"]
    assert world.metric("logins_failed_total", 'protocol="http"') == refused + 2


def test_a_suspended_user_is_told_so(world: World) -> None:
    address = world.lives("sue", "one")
    world.directory.suspended = frozenset([address])
    with Client(world, address) as client:
        assert client.do("GET", "/")[0] == 403


def test_tokens_go_where_they_say_and_are_not_opened_else(world: World) -> None:
    import base64
    import json

    def token(**claims: str) -> str:
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
        return f"Bearer eyJhbGciOiJSUzI1NiJ9.{payload}.c2ln"

    with Client(world) as client:
        world.two.forget()
        world.three.forget()
        told = client.told("GET", "/a", Authorization=token(email=BOB))
        assert told["names"]["authorization"] == token(email=BOB)
        client.told("GET", "/b", Authorization=token(sub=BOB))
        client.told("GET", "/c", Authorization="Bearer opaque")
        assert client.do("GET", "/d", Authorization=token(email=f"nobody@{DOMAIN}"))[0] == 401
    assert world.two.lines() == ["GET /a HTTP/1.1"]
    assert world.three.lines() == ["GET /b HTTP/1.1", "GET /c HTTP/1.1"]


def test_what_is_for_one_hop_stays_there(world: World) -> None:
    with Client(world, ANN) as client:
        told = client.told("GET", "/", Connection="keep-alive, X-Hop, Authorization", X_Hop="1", TE="trailers",
                           Keep_Alive="300", Proxy_Authorization="Basic eA==", Upgrade="h2c",
                           X_Forwarded_For="192.0.2.1", Forwarded="for=192.0.2.1", X_Real_IP="192.0.2.1",
                           X_Forwarded_Proto="https", X_Rookery_User="root", X_Kept="2")  # fmt: skip
    names = told["names"]
    assert set(names) == {"host", "accept-encoding", "x-kept", "authorization", "x-forwarded-for", "forwarded",
                          "x-forwarded-proto", "x-forwarded-host", "x-rookery-ttl"}  # fmt: skip
    assert names["x-forwarded-for"] == "127.0.0.1" and names["x-forwarded-proto"] == "http"
    assert names["forwarded"] == f'for=127.0.0.1;proto=http;host="{HOST}"'
    assert names["x-rookery-ttl"] == "5"
    with Client(world, ANN) as client:
        assert "keep-alive" not in {name.lower() for name, _ in client.ask("GET", "/").getheaders()}


def test_bodies_of_all_kinds_go_up(world: World) -> None:
    text = pattern(3, PIECE) * 5
    with Client(world, ANN) as client:
        for body in (b"", b"x", text):
            told = client.told("PUT", "/up", body)
            assert told["length"] == len(body)
            assert "transfer-encoding" not in told["names"]
        told = client.told("PUT", "/up", Pieces(b"x", text, b"y" * 3), Transfer_Encoding="chunked")
        assert told["length"] == len(text) + 4
        assert "content-length" not in told["names"]
        assert client.told("DELETE", "/up")["length"] == 0


def test_answers_of_all_kinds_come_down(world: World) -> None:
    with Client(world, ANN) as client:
        for kind in ("big", "chunked", "close"):
            for count in (0, 1, 5000, 3 * MEGA + 7):
                answer = client.ask("GET", f"/{kind}?n={count}")
                assert answer.status == 200
                assert answer.headers["Transfer-Encoding"] == (None if kind == "big" else "chunked")
                body = answer.read()
                assert len(body) == count
                assert all(body[at : at + PIECE] == pattern(at, min(PIECE, count - at)) for at in range(0, count, PIECE))
        for status in (204, 304):
            assert client.do("GET", f"/status/{status}") == (status, b"")
        answer = client.ask("HEAD", "/")
        assert int(answer.headers["Content-Length"]) > 0 and answer.read() == b""
        assert client.told("GET", "/in-step")["line"] == "GET /in-step HTTP/1.1"


def test_an_answer_that_breaks_off_is_seen_to(world: World) -> None:
    for target in ("/short?n=70000", "/cut"):
        with Raw(world) as raw:
            raw.send(f"GET {target} HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\n\r\n".encode())
            status, fields = raw.head()
            assert status == 200
            rest = raw.input.read()
            if target == "/cut":
                assert rest == b"5\r\nhello\r\n"
            else:
                assert int(fields["content-length"]) == 70010 and len(rest) == 70000


def test_clients_of_http_1_0_are_served(world: World) -> None:
    for kind in ("big", "chunked", "close"):
        with Raw(world) as raw:
            raw.send(f"GET /{kind}?n=9000 HTTP/1.0\r\nAuthorization: {basic(ANN)}\r\n\r\n".encode())
            status, fields = raw.head()
            assert status == 200 and fields["connection"] == "close"
            assert "transfer-encoding" not in fields
            assert raw.input.read() == pattern(0, 9000)
    assert world.one.seen[-1].names["host"].startswith("one.")


def test_expectations_are_passed_on(world: World) -> None:
    ask = f"Host: a\r\nAuthorization: {basic(ANN)}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with Raw(world) as raw:
        raw.send(f"PUT /up HTTP/1.1\r\n{ask}".encode())
        assert raw.head() == (100, {"x-go": "on"})
        raw.send(b"hello")
        assert raw.answer()[0] == 200
        raw.send(f"PUT /unwanted HTTP/1.1\r\n{ask}".encode())
        assert raw.answer() == (417, b"no\n")
        assert raw.head()[0] == 0  # nobody could say what comes next
    with Raw(world) as raw:  # who does not wait
        raw.send(f"PUT /up HTTP/1.1\r\n{ask}hello".encode())
        assert raw.head()[0] == 100
        assert raw.answer()[0] == 200
    with Raw(world) as raw:
        raw.send(f"GET /hints?n=3 HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\n\r\n".encode())
        assert [raw.head()[0] for _ in range(3)] == [103] * 3
        assert raw.answer() == (200, b"hinted\n")
        raw.send(f"GET /hints?n=99 HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\n\r\n".encode())
        assert [raw.head()[0] for _ in range(16)] == [103] * 16
        assert raw.answer()[0] == 502


def test_an_answer_before_the_end_of_the_request(world: World) -> None:
    with Raw(world) as raw:
        raw.send(f"PUT /early HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\n"
                 f"Content-Length: {50 * MEGA}\r\n\r\n".encode())  # fmt: skip
        status, fields = raw.head()
        assert status == 413 and fields["connection"] == "close"


def test_requests_in_a_row_are_answered_in_order(world: World) -> None:
    with Raw(world) as raw:
        user = [basic(ANN), basic(BOB)]
        raw.send(b"".join(
            f"POST /x{i} HTTP/1.1\r\nHost: a\r\nAuthorization: {user[i % 2]}\r\nContent-Length: 3\r\n\r\nabc".encode()
            for i in range(40)
        ))  # fmt: skip
        for i in range(40):
            status, body = raw.answer()
            assert status == 200 and f"POST /x{i} ".encode() in body
        raw.send(b"\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")  # an empty line first
        assert raw.statuses() == [401]


def test_large_bodies_both_ways_arrive_whole(world: World) -> None:
    count = 200 * MEGA
    world.one.forget()

    def pieces() -> Iterator[bytes]:
        for start in range(0, count, PIECE):
            yield pattern(start, PIECE)

    before = world.memory()
    peak, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            peak.append(world.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    with Client(world, ANN) as client:
        told = client.told("PUT", "/up", pieces(), Content_Length=str(count))
        assert told["length"] == count and told["sha"] == pattern_sha(count)
        answer = client.ask("GET", f"/chunked?n={count // 4}")
        got = 0
        while piece := answer.read(PIECE):
            got += len(piece)
        assert got == count // 4
    done.set()
    watcher.join()
    assert SANITIZED or max(peak) - before < 20 * 1024  # its allocator keeps what was freed


def test_who_leaves_in_the_middle_leaves_nothing_behind(world: World) -> None:
    """Half an upload is none to the back end; who does not want the rest of an answer ends it."""
    head = f"HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\n"
    halves = {
        "/half-length": f"PUT /half-length {head}Content-Length: 100000\r\n\r\nhello",
        "/half-chunked": f"PUT /half-chunked {head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    }
    for target, text in halves.items():
        with Raw(world) as raw:
            raw.send(text.encode())
            await_true(lambda target=target: any(seen.target == target for seen in world.one.seen))
        await_true(lambda target=target: any(seen.target == target and seen.error for seen in world.one.seen))
    with Raw(world) as raw:
        raw.send(f"GET /big?n={100 * MEGA} {head}\r\n".encode())
        assert raw.head()[0] == 200
    await_true(world.one.quiet)


def test_bytes_are_counted(world: World) -> None:
    def counted() -> list[float]:
        return [world.metric("proxied_bytes_total", f'to="{end}"') for end in ("backend", "client")]

    before = counted()
    with Client(world, ANN) as client:
        client.do("PUT", "/status/200", b"x" * 1000)
        client.do("GET", "/chunked?n=70000")
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1000, 70002]


def test_slow_ones_hold_nobody_up_and_keep_no_thread(world: World) -> None:
    """Clients that neither read their answers nor send their bodies."""
    slow = []
    threads = world.threads()
    head = f"HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\n"
    for i in range(60):
        raw = Raw(world)
        if i % 3 == 0:
            raw.send(f"GET /big?n={20 * MEGA} {head}\r\n".encode())
        elif i % 3 == 1:
            raw.send(f"PUT /up {head}Content-Length: 1000\r\n\r\nhello".encode())
        else:
            raw.send(f"GET /slow?s=4 {head}\r\n".encode())
        slow.append(raw)
    time.sleep(0.5)
    with Client(world, BOB) as client:
        for i in range(50):
            began = time.monotonic()
            client.told("GET", f"/{i}")
            assert time.monotonic() - began < 5
    assert world.threads() <= threads + 4
    for i, raw in enumerate(slow):
        if i % 3 == 1:
            raw.send(b"x" * 995)
        status, fields = raw.head()
        assert status == 200
        left = int(fields["content-length"])
        while left > 0:
            piece = raw.input.read(min(left, PIECE))
            assert piece
            left -= len(piece)
        raw.__exit__()


def test_a_connection_that_the_back_end_left_is_made_anew(world: World) -> None:
    """Between two requests, or just when the next one comes."""
    with Client(world, ANN) as client:
        for pause in (0.3, 0):
            for method, body in (("GET", None), ("PROPFIND", b"<propfind/>"), ("PUT", b"x" * 50000)):
                assert client.do("GET", f"/last?s={0.1 if pause == 0 else 0}") == (200, b"last\n")
                time.sleep(pause)
                assert client.told(method, "/x", body)["length"] == len(body or b"")


def test_what_may_not_be_done_twice_is_not(world: World) -> None:
    world.one.forget()
    with Client(world, ANN) as client:
        client.told("GET", "/a")
        assert client.do("POST", "/drop", b"once")[0] == 502
        client.told("GET", "/a")
        assert client.do("GET", "/drop")[0] == 502  # twice: once on a connection that was fresh
        client.told("GET", "/a")
        time.sleep(1.2)
        assert client.told("POST", "/b", b"x")["connection"] == client.told("GET", "/b")["connection"]
    lines = world.one.lines()
    assert lines.count("POST /drop HTTP/1.1") == 1
    assert lines.count("GET /drop HTTP/1.1") == 2


def test_answers_nobody_asked_for_reach_nobody(world: World) -> None:
    with Client(world, ANN) as client:
        assert client.do("GET", "/extra") == (200, b"one\n")
        time.sleep(0.1)
        for i in range(3):
            assert f"/{i} " in client.told("GET", f"/{i}")["line"]
        assert client.do("GET", "/extra") == (200, b"one\n")
        assert "/at-once " in client.told("GET", "/at-once")["line"]


def test_answers_that_are_none_become_502(world: World) -> None:
    bad = {
        "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        "both": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
        "bare": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "garbage": b"\x16\x03\x01hello there\r\n\r\n",
        "huge": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n",
        "switch": b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "half": b"HTTP/1.1 200 OK\r\nContent-Le",
        "none": b"",
    }
    for name, answer in bad.items():
        world.one.raw[name] = answer
        with Client(world, ANN) as client:
            assert client.do("GET", f"/raw/{name}")[0] == 502, name
            client.told("GET", "/")  # the client's connection goes on


def test_websockets_are_joined(world: World) -> None:
    with Raw(world) as raw:
        raw.send(f"GET /ws HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\nConnection: Upgrade\r\n"
                 "Upgrade: websocket\r\nSec-WebSocket-Key: k\r\n\r\nearly".encode())  # fmt: skip
        status, fields = raw.head()
        assert (status, fields["upgrade"], fields["connection"]) == (101, "websocket", "Upgrade")
        assert raw.input.read(11) == b"hello EARLY"
        raw.send(b"GET / HTTP/1.1\r\n\r\n")  # nobody parses
        assert raw.input.read(18) == b"GET / HTTP/1.1\r\n\r\n"
        raw.send(b"z" * MEGA)
        assert raw.input.read(MEGA) == b"Z" * MEGA
        raw.end()
        assert raw.input.read() == b""
    assert world.one.seen[-1].names["upgrade"] == "websocket"
    with Client(world, ANN) as client:  # other protocols are not asked for
        told = client.told("GET", "/", Connection="Upgrade, HTTP2-Settings", Upgrade="h2c", HTTP2_Settings="AA")
        assert not {"upgrade", "connection", "http2-settings"} & set(told["names"])


def test_tls(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.ca))
    with socket.create_connection(("127.0.0.1", world.ports["https"]), timeout=PATIENCE) as plain:
        with context.wrap_socket(plain, server_hostname=HOST) as tls:
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {basic(ANN)}\r\n\r\n".encode())
            assert tls.recv(PIECE).startswith(b"HTTP/1.1 200 OK\r\n")
    assert world.one.seen[-1].names["x-forwarded-proto"] == "https"


def test_curl_is_content(world: World, tmp_path: Path) -> None:
    """Negotiates a password, uploads with an expectation, resumes nothing, uses one connection."""
    (tmp_path / "body").write_bytes(pattern(0, PIECE) * 30)
    base = f"https://{HOST}:{world.ports['https']}"
    done = subprocess.run(
        ["curl", "-sS", "--fail", "--anyauth", "-u", f"{ANN}:{SECRET}", "--cacert", world.ca, "--resolve",
         f"{HOST}:{world.ports['https']}:127.0.0.1", "-T", tmp_path / "body", f"{base}/up", "--next", "-sS", "--fail",
         "-u", f"{ANN}:{SECRET}", "--cacert", world.ca, "--resolve", f"{HOST}:{world.ports['https']}:127.0.0.1",
         f"{base}/big?n=100000", "-o", tmp_path / "down", "-w", "%{http_code} %{http_version} %{num_connects}"],
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert f'"length": {PIECE * 30}' in done.stdout and done.stdout.endswith("200 1.1 0")
    assert (tmp_path / "down").stat().st_size == 100000


def test_whom_nobody_can_tell_about_is_put_off(world: World) -> None:
    put_off = world.metric("logins_put_off_total", 'protocol="http"')
    world.directory.places[f"far@{DOMAIN}"] = "127.0.0.1:1"
    world.directory.places[f"odd@{DOMAIN}"] = "not a host,"
    with Client(world, ANN) as client:
        world.directory.dead = True
        try:
            answer = client.ask("GET", "/")
        finally:
            world.directory.dead = False
        assert answer.status == 503 and int(answer.headers["Retry-After"]) > 0
        answer.read()
        client.told("GET", "/")
    for user in (f"far@{DOMAIN}", f"odd@{DOMAIN}"):
        with Client(world, user) as client:
            assert client.do("GET", "/")[0] == 503
    assert world.metric("logins_put_off_total", 'protocol="http"') == put_off + 3


def test_the_second_of_a_pair_serves_when_the_first_is_down(world: World) -> None:
    world.directory.places[f"pair@{DOMAIN}"] = f"127.0.0.1:1,three.{DOMAIN}"
    world.three.forget()
    with Client(world, f"pair@{DOMAIN}") as client:
        client.told("GET", "/pair")
    assert world.three.lines() == ["GET /pair HTTP/1.1"]


def test_time_outs(quick_world: World) -> None:
    world = quick_world
    with Client(world, ANN) as client:
        status, body = client.do("GET", "/slow?s=3")
        assert status == 504 and b"in time" in body
        client.told("GET", "/")
    head = f"HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\n"
    with Raw(world) as raw:
        raw.send(f"PUT /up {head}Content-Length: 10\r\n\r\nhello".encode())
        assert raw.statuses() == [408]
    with Raw(world) as raw:  # who asks nothing
        began = time.monotonic()
        assert raw.input.read() == b""
        assert time.monotonic() - began > 1.5
    with Raw(world) as raw:  # an answer may take its time once it has begun
        raw.send(f"GET /big?n={MEGA} {head}\r\n".encode())
        time.sleep(2.5)
        assert raw.head()[0] == 200 and len(raw.input.read(MEGA)) == MEGA


def test_who_guesses_is_not_listened_to(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.half.config.write_text(
        world.half.config.read_text() + "limits {\n    auth_failures_per_address 3;\n}\n"
    )
    try:
        world.half.stop()
        world.half.start()
        for i in range(3):
            with Client(world, ANN if i else f"nobody@{DOMAIN}", "wrong") as client:
                assert client.do("GET", "/")[0] == 401
        with Client(world, ANN) as client:
            answer = client.ask("GET", "/")
            assert answer.status == 429 and answer.headers["Retry-After"]
        with Client(world, ANN, source="127.0.0.7") as client:
            client.told("GET", "/")
    finally:
        world.stop()


def test_a_connection_ends_after_five_refusals(world: World) -> None:
    with Client(world, ANN, "wrong", source="127.0.0.8") as client:
        for i in range(5):
            answer = client.ask("GET", "/")
            assert answer.status == 401
            answer.read()
            assert (answer.headers["Connection"] == "close") == (i == 4)


def test_it_stops_in_order(quick_world: World) -> None:
    """What has begun is answered, who is idle is closed."""
    world = quick_world
    idle, busy = Raw(world), Raw(world)
    head = f"HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\n\r\n"
    idle.send(f"GET / {head}".encode())
    assert idle.answer()[0] == 200
    busy.send(f"GET /slow?s=0.6 {head}".encode())
    await_true(lambda: any("/slow" in line for line in world.one.lines()))
    world.half.stop()
    assert idle.input.read() == b""
    status, fields = busy.head()
    assert status == 200 and fields["connection"] == "close"
    await_true(lambda: world.one.open == 0)

def test_a_user_who_is_kicked_loses_his_back_end(world: World) -> None:
    """Between two requests; the client's connection goes on with another."""
    with Client(world, ANN) as client, Client(world, BOB) as other:
        first, his = client.told("GET", "/a")["connection"], other.told("GET", "/a")["connection"]
        assert world.half.run("user", "kick", ANN)["sessions"] >= 1
        assert client.told("GET", "/b")["connection"] != first
        assert other.told("GET", "/b")["connection"] == his
