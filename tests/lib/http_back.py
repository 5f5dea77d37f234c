"""A back end of the proxy's that speaks HTTP and is as naive as some are: it believes whatever comes,
writes down what it saw, and answers as the path says."""

import base64
import hashlib
import json
import socketserver
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

PIECE = 65536


@dataclass
class Seen:
    """One request as this server understood it."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: int
    error: str = ""
    sha: str = ""
    length: int = 0
    names: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.names = {name.lower(): value for name, value in self.headers}

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]


class Back:
    def __init__(self, users: dict[str, str] | None = None) -> None:
        self.users = users  # None: nobody is asked for a password
        self.seen: list[Seen] = []
        self.connections = 0
        self.open = 0
        self.lock = threading.Lock()
        self.raw: dict[str, bytes] = {}  # answers to /raw/NAME
        back = self

        class Handler(socketserver.StreamRequestHandler):
            rbufsize = PIECE

            def handle(self) -> None:
                Conversation(back, self).run()

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 1024

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def quiet(self) -> bool:
        """No connection is open."""
        with self.lock:
            return self.open == 0

    def forget(self) -> None:
        with self.lock:
            self.seen.clear()

    def lines(self) -> list[str]:
        return [seen.line for seen in self.seen]


class Conversation:
    def __init__(self, back: Back, handler: socketserver.StreamRequestHandler) -> None:
        self.back, self.input, self.socket = back, handler.rfile, handler.request
        with back.lock:
            back.connections += 1
            back.open += 1
            self.number = back.connections

    def run(self) -> None:
        try:
            while self.one():
                pass
        except (ConnectionError, TimeoutError):
            pass
        finally:
            with self.back.lock:
                self.back.open -= 1

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def head(self, status: str, *fields: str, body: bytes = b"") -> None:
        text = "".join(f"{one}\r\n" for one in fields)
        self.write(f"HTTP/1.1 {status}\r\n{text}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    def one(self) -> bool:
        """Bare line ends count, lengths that are none are 0, the last of two fields wins."""
        line = self.input.readline(PIECE)
        if not line:
            return False
        headers = []
        while (one := self.input.readline(PIECE).strip(b"\r\n")) != b"":
            name, _, value = one.decode("latin-1").partition(":")
            headers.append((name.strip(), value.strip()))
        seen = Seen(line.decode("latin-1").strip("\r\n"), headers, b"", self.number)
        path = urllib.parse.urlsplit(seen.target).path if " " in seen.line else ""
        with self.back.lock:
            self.back.seen.append(seen)
        if path == "/early":
            self.head("413 Too Large", "Connection: close")
            return False
        if self.back.users is not None and not self.knows(seen):
            self.body(seen)
            self.head("401 Unauthorized", 'WWW-Authenticate: Basic realm="back"', body=b"who?\n")
            return True
        if seen.names.get("expect", "").lower() == "100-continue":
            if path == "/unwanted":
                self.head("417 No", "X-Said: no", body=b"no\n")
                return False
            self.write(b"HTTP/1.1 100 Continue\r\nX-Go: on\r\n\r\n")
        self.body(seen)
        return self.answer(seen, path)

    def knows(self, seen: Seen) -> bool:
        scheme, _, word = seen.names.get("authorization", "").partition(" ")
        if scheme == "Bearer":
            return True
        name, _, password = base64.b64decode(word or b"").decode().partition(":")
        return self.back.users is not None and self.back.users.get(name) == password

    def body(self, seen: Seen) -> None:
        digest, kept = hashlib.sha256(), []

        def take(length: int) -> bool:
            while length > 0:
                piece = self.input.read(min(length, PIECE))
                if not piece:
                    seen.error = "the body broke off"
                    return False
                digest.update(piece)
                seen.length += len(piece)
                if seen.length <= PIECE:
                    kept.append(piece)
                length -= len(piece)
            return True

        if "chunked" in seen.names.get("transfer-encoding", ""):
            while True:
                size = self.input.readline(PIECE)
                if not size:
                    seen.error = "the chunks broke off"
                    break
                length = int(size.partition(b";")[0] or b"0", 16) if size.strip() else 0
                if length == 0 or not take(length):
                    break
                self.input.readline(PIECE)
            while not seen.error and self.input.readline(PIECE).strip(b"\r\n"):
                pass
        else:
            length = seen.names.get("content-length", "0")
            take(int(length) if length.isdigit() else 0)
        seen.body, seen.sha = b"".join(kept), digest.hexdigest()
        if seen.error:
            raise ConnectionError(seen.error)

    def answer(self, seen: Seen, path: str) -> bool:
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(seen.target).query))
        count = int(query.get("n", "0"))
        words = path.strip("/").split("/")
        match words[0]:
            case "big":
                self.write(f"HTTP/1.1 200 OK\r\nContent-Length: {count}\r\n\r\n".encode())
                self.stream(count)
            case "chunked":
                self.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for start in range(0, count, 5000):
                    piece = pattern(start, min(5000, count - start))
                    self.write(f"{len(piece):x};ext=1\r\n".encode() + piece + b"\r\n")
                self.write(b"0\r\nX-Trailer: t\r\n\r\n")
            case "close":
                self.write(b"HTTP/1.0 200 OK\r\nX-Kind: close\r\n\r\n")
                self.stream(count)
                return False
            case "short":
                self.write(f"HTTP/1.1 200 OK\r\nContent-Length: {count + 10}\r\n\r\n".encode())
                self.stream(count)
                return False
            case "cut":
                self.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
                return False
            case "status":
                self.head(f"{words[1]} Status", body=b"" if words[1] in ("204", "304") else b"x\n")
            case "slow":
                time.sleep(float(query["s"]))
                self.head("200 OK", body=b"slow\n")
            case "hints":
                self.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * max(count, 1))
                self.head("200 OK", body=b"hinted\n")
            case "drop":
                return False
            case "last":
                self.head("200 OK", body=b"last\n")
                time.sleep(float(query.get("s", "0")))
                return False  # though it did not say so
            case "extra":
                one = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none\n"
                self.write(one + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
            case "ws":
                self.write(b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello ")
                while piece := self.socket.recv(PIECE):
                    self.write(piece.upper())
                return False
            case "raw":
                self.write(self.back.raw[words[1]])
                return False
            case _:
                told = {"line": seen.line, "headers": seen.headers, "length": seen.length, "sha": seen.sha,
                        "connection": seen.connection}  # fmt: skip
                text = json.dumps(told).encode()
                if seen.method == "HEAD":
                    self.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n".encode())
                else:
                    self.head("200 OK", "Content-Type: application/json", "Keep-Alive: timeout=5", body=text)
        return seen.names.get("connection", "") != "close"

    def stream(self, count: int) -> None:
        for start in range(0, count, PIECE):
            self.write(pattern(start, min(PIECE, count - start)))


ROW = bytes(range(256)) * (2 * PIECE // 256)


def pattern(start: int, count: int) -> bytes:
    """Bytes that say where they stand, as far as a byte can; count is at most PIECE."""
    return ROW[start % 256 : start % 256 + count]


def pattern_sha(count: int) -> str:
    digest = hashlib.sha256()
    for start in range(0, count, PIECE):
        digest.update(pattern(start, min(PIECE, count - start)))
    return digest.hexdigest()
