"""POP3 over a raw socket: what is written is what the server gets."""

import base64
import socket

import smtp_client
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


class Exchange:
    """AUTH in the words of SMTP's."""

    def __init__(self, client: Pop3) -> None:
        self.client = client

    def command(self, line: bytes) -> smtp_client.Reply:
        answer = self.client.command(line)
        if answer.startswith(b"+ "):
            return smtp_client.Reply(334, [answer[2:]])
        return smtp_client.Reply(235 if answer.startswith(b"+OK") else 535, [answer])


def scram(client: Pop3, user: User, password: str, *binding: bytes) -> bytes:
    """The last answer."""
    return smtp_client.scram(Exchange(client), user, password, *binding).text  # type: ignore[arg-type]
