"""SMTP and LMTP over a raw socket: what is written is what the server gets, and when it gets it."""

import base64
import hashlib
import hmac
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from shape import PATIENCE, Node, Shape, User

SENDER = b"someone@elsewhere.test"


@dataclass(frozen=True)
class Reply:
    code: int
    lines: list[bytes]

    @property
    def status(self) -> str:
        """The enhanced status code, or nothing."""
        found = re.match(rb"[245]\.\d{1,3}\.\d{1,3}(?= )", self.lines[0])
        return found[0].decode() if found else ""

    @property
    def text(self) -> bytes:
        return b"\n".join(self.lines)


class Client:
    """`hello` is said at once, unless it is empty."""

    def __init__(self, host: str, port: int, hello: bytes = b"EHLO client.test") -> None:
        self.socket: socket.socket = socket.create_connection((host, port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.socket.makefile("rb")
        self.offers: list[bytes] = []
        if hello:
            assert self.reply().code == 220
            self.greet(hello)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.input.close()
        self.socket.close()

    def greet(self, hello: bytes = b"EHLO client.test") -> Reply:
        reply = self.command(hello)
        assert reply.code == 250, reply
        self.offers = reply.lines[1:]
        return reply

    def send(self, text: bytes) -> None:
        self.socket.sendall(text)

    def reply(self) -> Reply:
        lines = []
        while True:
            line = self.input.readline()
            assert line.endswith(b"\r\n"), f"the connection ended: {line!r} after {lines!r}"
            lines.append(line[4:-2])
            if line[3:4] != b"-":
                return Reply(int(line[:3]), lines)

    def replies(self, count: int) -> list[int]:
        return [self.reply().code for _ in range(count)]

    def command(self, text: bytes) -> Reply:
        self.send(text + b"\r\n")
        return self.reply()

    def at_end(self) -> bool:
        """The server has closed, and said nothing more."""
        try:
            return self.input.read(1) == b""
        except ConnectionResetError:
            return True

    def begin(self, *to: str, sender: bytes = SENDER, mail: bytes = b"") -> None:
        """MAIL and RCPTs, which are all taken."""
        reply = self.command(b"MAIL FROM:<%s>%s" % (sender, mail))
        assert reply.code == 250, reply
        for name in to:
            reply = self.command(b"RCPT TO:<%s>" % name.encode())
            assert reply.code == 250, reply

    def data(self, message: bytes) -> Reply:
        """The whole message, dots stuffed."""
        reply = self.command(b"DATA")
        assert reply.code == 354, reply
        self.send(re.sub(rb"(?m)^\.", b"..", message) + b".\r\n")
        return self.reply()

    def start_tls(self, node: Node, context: ssl.SSLContext | None = None) -> None:
        assert self.command(b"STARTTLS").code == 220
        self.wrap(node, context)

    def wrap(self, node: Node, context: ssl.SSLContext | None = None) -> None:
        secured = (context or node.tls()).wrap_socket(self.socket, server_hostname="localhost")
        self.socket = secured
        self.input = secured.makefile("rb")


def mx(node: Node) -> Client:
    return Client(node.host, node.smtp)


def lmtp(node: Node) -> Client:
    return Client(node.host, node.lmtp, b"LHLO client.test")


def submission(node: Node, user: User | None = None) -> Client:
    """Secured, and logged in as the user."""
    client = Client(node.host, node.submission)
    client.start_tls(node)
    client.greet()
    if user:
        assert client.command(b"AUTH PLAIN " + plain(user)).code == 235
    return client


def encode(text: bytes) -> bytes:
    return base64.b64encode(text)


def plain(user: User, password: str | None = None) -> bytes:
    secret = user.password if password is None else password
    return encode(b"\0%s\0%s" % (user.name.encode(), secret.encode()))


def scram(
    client: Client,
    user: User,
    password: str,
    binding: bytes = b"",
    kind: bytes = b"tls-server-end-point",
) -> Reply:
    """SCRAM-SHA-256, with channel binding data -PLUS; the server's proof is checked."""
    header = b"p=%s,," % kind if binding else b"n,,"
    name = b"SCRAM-SHA-256-PLUS" if binding else b"SCRAM-SHA-256"
    first = b"n=%s,r=abcdefghijkl" % user.name.encode()
    reply = client.command(b"AUTH %s %s" % (name, encode(header + first)))
    if reply.code != 334:
        return reply
    challenge = base64.b64decode(reply.lines[0])
    part = dict(item.split(b"=", 1) for item in challenge.split(b","))
    final = b"c=%s,r=%s" % (encode(header + binding), part[b"r"])
    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), base64.b64decode(part[b"s"]), int(part[b"i"])
    )
    signed = b",".join([first, challenge, final])
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    reply = client.command(encode(final + b",p=" + encode(proof)))
    if reply.code != 334:
        return reply
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    assert base64.b64decode(reply.lines[0]) == b"v=" + encode(server)
    return client.command(b"")


def administer(shape: Shape, *words: str, text: str = "") -> dict[str, object]:
    """`rookery … --json`, with the text as its standard input."""
    folder = shape.folder / shape.nodes[0].name
    program = json.loads((folder / "node.json").read_text())["program"]
    done = subprocess.run(
        [program, "--config", str(folder / "rookery.conf"), "--json", *words],
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    answer = json.loads(done.stdout or "{}")
    assert isinstance(answer, dict)
    return answer


def reconfigure(shape: Shape, edit: Callable[[str], str]) -> Node:
    """The node again, with another config."""
    node = shape.nodes[0]
    config = shape.folder / node.name / "rookery.conf"
    node.do("stop")
    text = config.read_text()
    changed = edit(text)
    assert changed != text
    config.write_text(changed)
    node.do("start")
    return node


def log_lines(shape: Shape, *words: str) -> list[str]:
    """Those of the log that hold all the words."""
    lines = shape.logs()[0].read_text(errors="replace").splitlines()
    return [line for line in lines if all(word in line for word in words)]
