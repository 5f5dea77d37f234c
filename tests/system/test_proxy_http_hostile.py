"""Requests that two servers read in two ways, through the proxy to a back end that believes anything:
it must see one request for each that the proxy answered, and none that was hidden in another."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_back import Back
from http_proxied import SECRET, Client, HttpWorld, Raw, basic
from proxied import DOMAIN
from shape import PATIENCE, SANITIZED

ANN = f"ann@{DOMAIN}"
AUTH = f"Authorization: {basic(ANN)}\r\n".encode()
HEAD = b"Host: dav.test\r\n" + AUTH
POISON = b"GET /poison HTTP/1.1\r\n" + HEAD + b"\r\n"
P = str(len(POISON)).encode()


def post(fields: bytes, body: bytes = POISON, line: bytes = b"POST /first HTTP/1.1") -> bytes:
    return line + b"\r\n" + HEAD + fields + b"\r\n" + body


def chunked(fields: bytes, body: bytes) -> bytes:
    return post(b"Transfer-Encoding: chunked\r\n" + fields, body)


def chunk(content: bytes) -> bytes:
    return f"{len(content):x}".encode() + b"\r\n" + content + b"\r\n"


LAST = b"0\r\n\r\n"
# What must not get through; each holds a second request for one of two readers.
REFUSED = {
    "length, then coding": post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", LAST + POISON),
    "coding, then length": post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", LAST + POISON),
    "two lengths": post(b"Content-Length: " + P + b"\r\nContent-Length: 0\r\n"),
    "two lengths, the other way": post(b"Content-Length: 0\r\nContent-Length: " + P + b"\r\n"),
    "the same length twice": post(b"Content-Length: 0\r\nContent-Length: 0\r\n"),
    "a list of lengths": post(b"Content-Length: " + P + b", " + P + b"\r\n"),
    "a signed length": post(b"Content-Length: +" + P + b"\r\n"),
    "a negative length": post(b"Content-Length: -1\r\n"),
    "a length in hexadecimal": post(b"Content-Length: 0x5\r\n"),
    "a length with a blank in it": post(b"Content-Length: 1 0\r\n"),
    "a length past all": post(b"Content-Length: 18446744073709551616\r\n"),
    "an empty length": post(b"Content-Length:\r\n"),
    "a length before a blank": post(b"Content-Length : " + P + b"\r\n"),
    "a length before a tab": post(b"Content-Length\t: " + P + b"\r\n"),
    "a folded length": post(b"Content-Length:\r\n " + P + b"\r\n"),
    "a length that continues another field": post(b"X: y\r\n Content-Length: " + P + b"\r\n"),
    "a length behind a bare CR": post(b"X: y\rContent-Length: " + P + b"\r\n"),
    "a length behind a bare LF": post(b"X: y\nContent-Length: " + P + b"\r\n"),
    "a length behind a NUL": post(b"X: y\0Content-Length: " + P + b"\r\n"),
    "a length with an underscore": post(b"Content_Length: " + P + b"\r\n"),
    "a coding with an underscore": post(b"Transfer_Encoding: chunked\r\n", LAST + POISON),
    "a coding before a blank": post(b"Transfer-Encoding : chunked\r\n", LAST + POISON),
    "a coding behind a vertical tab": post(b"Transfer-Encoding:\x0bchunked\r\n", LAST + POISON),
    "a coding with something in front": post(b"Transfer-Encoding: xchunked\r\n", LAST + POISON),
    "a coding in quotes": post(b'Transfer-Encoding: "chunked"\r\n', LAST + POISON),
    "a coding that is not the last": post(b"Transfer-Encoding: chunked, identity\r\n", LAST + POISON),
    "two codings": post(b"Transfer-Encoding: gzip, chunked\r\n", LAST + POISON),
    "two coding fields": post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", LAST + POISON),
    "two coding fields, the other way": post(b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", LAST + POISON),
    "a folded coding": post(b"Transfer-Encoding:\r\n chunked\r\n", LAST + POISON),
    "a coding with a parameter": post(b"Transfer-Encoding: chunked;q=1\r\n", LAST + POISON),
    "a coding of HTTP/1.0": post(b"Transfer-Encoding: chunked\r\n", LAST + POISON, b"POST /first HTTP/1.0"),
    "bare LF everywhere": post(b"", b"").replace(b"\r\n", b"\n") + POISON,
    "a bare LF behind the line": b"POST /first HTTP/1.1\n" + HEAD + b"\r\n" + POISON,
    "a blank in front of the first field": b"GET /first HTTP/1.1\r\n X: y\r\n" + HEAD + b"\r\n" + POISON,
    "a field without a colon": post(b"GET /poison HTTP/1.1\r\n", b""),
    "a field without a name": post(b": x\r\n", b""),
    "two blanks behind the method": post(b"", POISON, b"GET  /first HTTP/1.1"),
    "a tab behind the method": post(b"", POISON, b"GET\t/first HTTP/1.1"),
    "a line in the target": post(b"", POISON, b"GET /first HTTP/1.1\r\nX: /poison HTTP/1.1 \x01"),
    "a CR in the target": post(b"", POISON, b"GET /first\rHTTP/1.1 HTTP/1.1"),
    "a version within": post(b"", POISON, b"GET /first HTTP/1.1 HTTP/1.1"),
    "no version": post(b"", POISON, b"GET /first"),
    "a version of ours": post(b"", POISON, b"GET /first HTTP/1.9"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + POISON,
    "two hosts": post(b"Host: other.test\r\n"),
    "no host": b"GET /first HTTP/1.1\r\n" + AUTH + b"\r\n" + POISON,
    "a host with a path": b"GET /first HTTP/1.1\r\nHost: a/b\r\n" + AUTH + b"\r\n" + POISON,
    "a host with a user": b"GET /first HTTP/1.1\r\nHost: a@b\r\n" + AUTH + b"\r\n" + POISON,
    "a target of another host": post(b"", POISON, b"GET http://other.test/first HTTP/1.1"),
    "a target that is none": post(b"", POISON, b"GET first HTTP/1.1"),
    "a target with a user": post(b"", POISON, b"GET http://u@dav.test/first HTTP/1.1"),
    "a tunnel": b"CONNECT dav.test:443 HTTP/1.1\r\nHost: dav.test:443\r\n" + AUTH + b"\r\n" + POISON,
    "a trace": post(b"", POISON, b"TRACE /first HTTP/1.1"),
    "two users": post(AUTH),
    "a forged client with underscores": post(b"X_Forwarded_For: 192.0.2.1\r\n", b""),
    "more fields than are taken": post(b"".join(b"X-%d: y\r\n" % i for i in range(200))),
    "a head that is too large": post(b"X: " + b"y" * 70000 + b"\r\n"),
    "a target that is too long": post(b"", POISON, b"GET /" + b"x" * 20000 + b" HTTP/1.1"),
    "an expectation of another kind": post(b"Expect: poison\r\n"),
}
# Bodies that break off within: their head was good, so a back end may see a request that never ends.
BROKEN = {
    "a chunk with a bare LF": chunked(b"", b"0\n\n" + POISON),
    "a chunk's extension with a bare LF": chunked(b"", b"2;\nxx\r\n4c\r\n0\r\n\r\n" + POISON),
    "a chunk's extension with a bare CR": chunked(b"", b"0;\r\r\n\r\n" + POISON),
    "a chunk size with a sign": chunked(b"", b"+0\r\n\r\n" + POISON),
    "a chunk size with a prefix": chunked(b"", b"0x0\r\n\r\n" + POISON),
    "a chunk size with a blank": chunked(b"", b" 0\r\n\r\n" + POISON),
    "a chunk size that is none": chunked(b"", b"\r\n\r\n" + POISON),
    "a chunk size past all": chunked(b"", b"10000000000000000\r\n" + POISON),
    "a chunk that is longer than it says": chunked(b"", b"1\r\nxx\r\n0\r\n\r\n" + POISON),
    "a chunk without its end": chunked(b"", b"1\r\nx0\r\n\r\n" + POISON),
    "a chunk that ends in a bare LF": chunked(b"", b"1\r\nx\n0\r\n\r\n" + POISON),
    "trailers with a bare LF": chunked(b"", b"0\r\nX: y\n\r\n" + POISON),
    "trailers that fold": chunked(b"", b"0\r\nX: y\r\n z\r\n\r\n" + POISON),
    "trailers with a blank before the colon": chunked(b"", b"0\r\nX : y\r\n\r\n" + POISON),
}
# What is right, and stays one request (the second number: with the poison as a request of its own).
TAKEN = {
    "a length": (post(b"Content-Length: " + P + b"\r\n"), 1),
    "a length with zeros in front": (post(b"Content-Length: 000" + P + b"\r\n"), 1),
    "no body, and one more request": (post(b"Content-Length: 0\r\n"), 2),
    "a body of GET": (post(b"Content-Length: " + P + b"\r\n", POISON, b"GET /first HTTP/1.1"), 1),
    "chunks": (chunked(b"", chunk(POISON) + LAST), 1),
    "chunks, and one more request": (chunked(b"", chunk(b"x") + LAST + POISON), 2),
    "extensions": (chunked(b"", b"1;a=b;c=\"0\"\r\nx\r\n0;d\r\n\r\n"), 1),
    "trailers": (chunked(b"Trailer: X\r\n", b"0\r\nContent-Length: 100\r\nX: y\r\n\r\n" + POISON), 2),
    "a coding in capitals": (post(b"transfer-encoding: CHUNKED\r\n", chunk(POISON) + LAST), 1),
    "Connection that names the length": (post(b"Connection: Content-Length\r\nContent-Length: " + P + b"\r\n"), 1),
    "Connection that names the coding": (chunked(b"Connection: Transfer-Encoding\r\n", chunk(POISON) + LAST), 1),
    "HTTP/2 that is asked for": (
        post(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nContent-Length: "
             + P + b"\r\n"), 1),
    "a WebSocket with a body": (
        post(b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: " + P + b"\r\n",
             POISON, b"GET /first HTTP/1.1"), 1),
    "a target with its host": (post(b"", POISON, b"GET http://dav.test/first HTTP/1.1"), 2),
    "an empty line first": (b"\r\n" + post(b"Content-Length: 0\r\n"), 2),
}  # fmt: skip


class World(HttpWorld):
    def __init__(self, folder: Path) -> None:
        self.back = Back({ANN: SECRET})
        super().__init__(folder, {"one": self.back.port})
        self.lives("ann", "one")
        self.start()

    def stop(self) -> None:
        super().stop()
        self.back.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("hostile"))
    yield world
    world.stop()
    said = world.log()
    assert SECRET not in said and basic(ANN).split()[1] not in said
    assert "Sanitizer" not in said and "must(" not in said and "runtime error" not in said


def say(world: HttpWorld, request: bytes, step: int) -> list[int]:
    """The answers to what is sent in pieces of this size (0: at once), until the connection ends."""
    with Raw(world) as raw:
        pieces = [request[at : at + step] for at in range(0, len(request), step)] if step else [request]
        for piece in pieces if len(pieces) < 2000 else [request]:
            try:
                raw.send(piece)
            except ConnectionError:
                break
            if len(pieces) > 1:
                time.sleep(0.0002)
        try:
            raw.end()
        except OSError:
            pass  # it is closed already
        return raw.statuses()


def await_quiet(world: World) -> None:
    """The back end has seen the end of all connections."""
    end = time.monotonic() + PATIENCE
    while not world.back.quiet():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.mark.parametrize("step", [0, 1, 7])
def test_what_can_be_read_in_two_ways_reaches_nobody(world: World, step: int) -> None:
    for name, request in REFUSED.items():
        world.back.forget()
        statuses = say(world, request, step)
        assert len(statuses) == 1 and statuses[0] >= 400, (name, statuses)
        await_quiet(world)
        assert world.back.lines() == [], name


@pytest.mark.parametrize("step", [0, 1, 7])
def test_half_a_request_is_none(world: World, step: int) -> None:
    for number, (name, request) in enumerate(BROKEN.items()):
        mine = f"/half-{step}-{number}"
        statuses = say(world, request.replace(b"/first", mine.encode()), step)
        assert 200 not in statuses, (name, statuses)
        end = time.monotonic() + PATIENCE
        while not (seen := [one for one in world.back.seen if one.target == mine]) or not seen[0].error:
            assert time.monotonic() < end, name
            time.sleep(0.002)
        assert len(seen) == 1, name
    assert not any("/poison" in line for line in world.back.lines())


@pytest.mark.parametrize("step", [0, 1, 7])
def test_what_is_right_is_what_it_was(world: World, step: int) -> None:
    for number, (name, (request, count)) in enumerate(TAKEN.items()):
        mine = [f"/right-{step}-{number}", "/poison"]
        world.back.forget()
        statuses = say(world, request.replace(b"/first", mine[0].encode()), step)
        assert statuses == [200] * count, (name, statuses)
        all_seen = [seen for seen in world.back.seen if seen.target in mine]
        assert [seen.target for seen in all_seen] == mine[:count], name
        for seen in all_seen:
            assert not ({"upgrade", "trailer", "http2-settings"} & set(seen.names)), name
            fields = [key.lower() for key, _ in seen.headers]
            assert fields.count("content-length") + fields.count("transfer-encoding") <= 1, name
            assert fields.count("host") == 1 and fields.count("authorization") == 1, name


def test_the_back_end_alone_is_deceived(world: World) -> None:
    """Else the tests above could not fail."""
    deceived = set()
    direct = HttpWorld.__new__(HttpWorld)
    direct.ports = {"http": world.back.port}
    for name, request in (REFUSED | BROKEN).items():
        world.back.forget()
        try:
            say(direct, request, 0)
        except (ValueError, IndexError, ConnectionError):
            pass
        time.sleep(0.01)
        if any(" /poison" in line for line in world.back.lines()):
            deceived.add(name)
    assert len(deceived) > 30, deceived
    assert {"length, then coding", "a list of lengths", "a chunk with a bare LF"} <= deceived


def test_answers_with_more_than_they_say_reach_nobody(world: World) -> None:
    """A back end that sends a body where there is none, or more of it."""
    hidden = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhidden"
    size = str(len(hidden)).encode()
    world.back.raw = {
        "head": b"HTTP/1.1 200 OK\r\nContent-Length: " + size + b"\r\n\r\n" + hidden,
        "unchanged": b"HTTP/1.1 304 Not Modified\r\nContent-Length: " + size + b"\r\n\r\n" + hidden,
        "nothing": b"HTTP/1.1 204 No Content\r\nContent-Length: " + size + b"\r\n\r\n" + hidden,
        "longer": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + hidden,
        "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + hidden,
    }
    for name in world.back.raw:
        with Client(world, ANN) as client:
            status, body = client.do("HEAD" if name == "head" else "GET", f"/raw/{name}")
            assert (status, body) in ((200, b""), (200, b"ok"), (204, b""), (304, b"")), name
            for i in range(3):
                assert f"/{i} " in client.told("GET", f"/{i}")["line"], name


def test_many_who_begin_and_stop_hold_little(world: World) -> None:
    before = world.memory()
    raws = []
    for i in range(300):
        raw = Raw(world)
        raw.send([b"GET / HTTP/1.1\r\nX: ", post(b"Content-Length: 100\r\n", b"x"), b"G"][i % 3] + b"y" * (i % 7))
        raws.append(raw)
    time.sleep(0.5)
    with Client(world, ANN) as client:
        client.told("GET", "/")
    assert SANITIZED or world.memory() - before < 300 * 24  # its allocator keeps what was freed
    for raw in raws:
        raw.__exit__()
