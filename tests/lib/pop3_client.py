"""POP3 over a raw socket: what is written is what the server gets."""

import base64
import hashlib
import hmac
import socket

from shape import PATIENCE, Node, User


class Pop3:
    def __init__(self, node: Node, user: User | None = None, tls: bool = False) -> None:
        port = node.pop3s if tls else node.pop3
        self.socket: socket.socket = socket.create_connection((node.host, port), timeout=PATIENCE)
        if tls:
            self.socket = node.tls().wrap_socket(self.socket, server_hostname="localhost")
        self.input = self.socket.makefile("rb")
        self.greeting = self.line()
        assert self.greeting.startswith(b"+OK "), self.greeting
        if user:
            self.log_in(user)

    def __enter__(self) -> "Pop3":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.input.close()
        self.socket.close()

    def send(self, text: bytes) -> None:
        self.socket.sendall(text)

    def line(self) -> bytes:
        line = self.input.readline()
        assert line.endswith(b"\r\n"), f"the connection ended: {line!r}"
        return line[:-2]

    def command(self, text: str | bytes) -> bytes:
        self.send((text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        return self.line()

    def ok(self, text: str | bytes) -> bytes:
        answer = self.command(text)
        assert answer.startswith(b"+OK"), (text, answer)
        return answer

    def err(self, text: str | bytes, code: str = "") -> bytes:
        answer = self.command(text)
        expected = f"-ERR [{code}] ".encode() if code else b"-ERR "
        assert answer.startswith(expected), (text, answer)
        assert code or not answer.startswith(b"-ERR ["), (text, answer)
        return answer

    def block(self) -> list[bytes]:
        """Lines up to the final dot, dots taken off again."""
        lines = []
        while (line := self.line()) != b".":
            lines.append(line[1:] if line.startswith(b".") else line)
        return lines

    def listing(self, text: str) -> list[bytes]:
        self.ok(text)
        return self.block()

    def message(self, text: str) -> bytes:
        return b"".join(line + b"\r\n" for line in self.listing(text))

    def log_in(self, user: User) -> bytes:
        self.ok(f"USER {user.name}")
        return self.ok(f"PASS {user.password}")

    def start_tls(self, node: Node) -> None:
        self.ok("STLS")
        self.socket = node.tls().wrap_socket(self.socket, server_hostname="localhost")
        self.input = self.socket.makefile("rb")

    def at_end(self) -> bool:
        """The server has closed, and said nothing more."""
        try:
            return self.input.read(1) == b""
        except ConnectionResetError:
            return True


def encode(text: bytes) -> bytes:
    return base64.b64encode(text)


def scram(client: Pop3, user: User, password: str) -> bytes:
    """SCRAM-SHA-256; the last answer. The server's proof is checked."""
    first = b"n=%s,r=abcdefghijkl" % user.name.encode()
    answer = client.command(b"AUTH SCRAM-SHA-256 " + encode(b"n,," + first))
    assert answer.startswith(b"+ "), answer
    challenge = base64.b64decode(answer[2:])
    part = dict(item.split(b"=", 1) for item in challenge.split(b","))
    final = b"c=%s,r=%s" % (encode(b"n,,"), part[b"r"])
    salt, rounds = base64.b64decode(part[b"s"]), int(part[b"i"])
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    signed = b",".join([first, challenge, final])
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    answer = client.command(encode(final + b",p=" + encode(proof)))
    if not answer.startswith(b"+ "):
        return answer
    server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    assert base64.b64decode(answer[2:]) == b"v=" + encode(server)
    return client.command(b"")
