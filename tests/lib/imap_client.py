"""An IMAP client that reads strictly: what is not the grammar of RFC 9051 fails the test.

A response becomes Python values: atoms and quoted strings are str or bytes (`Quoted`), literals bytes, lists
lists, NIL None, numbers int.
"""

import base64
import re
import socket
import ssl
from typing import Any

from shape import PATIENCE, Node, User

ATOM = re.compile(rb"[^\x00-\x20(){\"\x7f-\xff]+")
STATUS = ("OK", "NO", "BAD", "BYE", "PREAUTH")


class Refused(AssertionError):
    """The server said NO or BAD where a test expected OK."""


def uid_set(uids: str) -> list[int]:
    """Of one like "3,5:7"."""
    found: list[int] = []
    for piece in uids.split(","):
        first, _, last = piece.partition(":")
        found += range(int(first), int(last or first) + 1)
    return found


class Answer:
    """All that came for one command."""

    def __init__(self, untagged: list[list[Any]], status: str, code: str, text: str) -> None:
        self.untagged, self.status, self.code, self.text = untagged, status, code, text

    def of(self, name: str) -> list[list[Any]]:
        """Untagged responses of that name: their values behind it."""
        found = []
        for values in self.untagged:
            if values and values[0] == name:
                found.append(values[1:])
            elif len(values) > 1 and values[1] == name and isinstance(values[0], int):
                found.append([values[0], *values[2:]])
        return found

    def one(self, name: str) -> list[Any]:
        (found,) = self.of(name)
        return found

    def codes(self) -> list[str]:
        """Response codes of untagged OK, and the tagged one."""
        codes = [values[1] for values in self.untagged if values[0] in STATUS and values[1]]
        return [*codes, self.code] if self.code else codes

    def code_value(self, name: str) -> str:
        (found,) = [code[len(name) :].strip() for code in self.codes() if code.split(" ")[0] == name]
        return found

    def fetched(self) -> dict[int, dict[str, Any]]:
        """FETCH responses by sequence number, several of one message joined."""
        found: dict[int, dict[str, Any]] = {}
        for number, items in self.of("FETCH"):
            pairs = dict(zip(items[::2], items[1::2], strict=True))
            found.setdefault(number, {}).update(pairs)
        return found


class Imap:
    def __init__(self, node: Node, user: User | None = None, tls: bool = False) -> None:
        self.socket: socket.socket = socket.create_connection(
            (node.host, node.imaps if tls else node.imap), timeout=PATIENCE
        )
        if tls:
            self.socket = node.tls().wrap_socket(self.socket, server_hostname="localhost")
        self.buffer = b""
        self.count = 0
        self.greeting = self._response()
        if user:
            self.ok(f'LOGIN "{user.name}" "{user.password}"')

    def close(self) -> None:
        self.socket.close()

    def start_tls(self, node: Node) -> None:
        self.ok("STARTTLS")
        assert not self.buffer
        self.socket = node.tls().wrap_socket(self.socket, server_hostname="localhost")

    # --- sending

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def command(self, text: str | bytes, *literals: bytes) -> Answer:
        """Each "{}" of the text becomes a synchronising literal."""
        tag = self.begin(text, *literals)
        return self.finish(tag)

    def begin(self, text: str | bytes, *literals: bytes) -> str:
        self.count += 1
        tag = f"t{self.count}"
        pieces = (text if isinstance(text, bytes) else text.encode()).split(b"{}")
        assert len(pieces) == len(literals) + 1
        line = tag.encode() + b" " + pieces[0]
        for literal, rest in zip(literals, pieces[1:], strict=True):
            self.send(line + b"{%d}\r\n" % len(literal))
            self.continuation()
            line = literal + rest
        self.send(line + b"\r\n")
        return tag

    def finish(self, tag: str) -> Answer:
        untagged = []
        while True:
            kind, values = self._response()
            if kind == "*":
                untagged.append(values)
                continue
            assert kind == tag, f"expected {tag}, got {kind} {values}"
            status, code, text = values
            return Answer(untagged, status, code, text)

    def ok(self, text: str | bytes, *literals: bytes) -> Answer:
        answer = self.command(text, *literals)
        if answer.status != "OK":
            raise Refused(f"{text!r}: {answer.status} [{answer.code}] {answer.text}")
        return answer

    def no(self, text: str | bytes, *literals: bytes) -> Answer:
        answer = self.command(text, *literals)
        assert answer.status == "NO", f"{text!r}: {answer.status} {answer.text}"
        return answer

    def bad(self, text: str | bytes) -> Answer:
        answer = self.command(text)
        assert answer.status == "BAD", f"{text!r}: {answer.status} {answer.text}"
        return answer

    def append(self, mailbox: str, message: bytes, options: str = "") -> int:
        """The UID that it got."""
        answer = self.ok(f"APPEND {mailbox} {options}{' ' if options else ''}{{}}", message)
        return int(answer.code_value("APPENDUID").split()[1])

    def authenticate(self, mechanism: str, *messages: bytes) -> Answer:
        tag = self.begin(f"AUTHENTICATE {mechanism}")
        for message in messages:
            self.continuation()
            self.send(base64.b64encode(message) + b"\r\n")
        return self.finish(tag)

    # --- reading

    def continuation(self) -> bytes:
        line = self._line()
        assert line.startswith(b"+ "), f"expected a continuation, got {line!r}"
        return line[2:]

    def wait_for(self, name: str) -> list[Any]:
        """The next untagged response of that name (IDLE)."""
        while True:
            kind, values = self._response()
            assert kind == "*", values
            if name in values[:2]:
                return values

    def closed(self) -> bool:
        """Reads to the end; True when the server closed."""
        try:
            while self.socket.recv(65536):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        return True

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"connection closed; rest {self.buffer!r}")
        self.buffer += data

    def _line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            assert b"\n" not in self.buffer, f"bare LF: {self.buffer!r}"
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        assert b"\r" not in line and b"\0" not in line, line
        return line

    def _bytes(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _response(self) -> tuple[str, list[Any]]:
        line = self._line()
        kind, rest = line.split(b" ", 1)
        word = rest.split(b" ", 1)[0].decode()
        if word in STATUS:
            found = re.fullmatch(rb"[A-Z]+(?: \[([^\]\r]*(?:\[[^\]]*\][^\]]*)*)\])? (.+)", rest)
            assert found, f"malformed status: {line!r}"
            code = (found[1] or b"").decode()
            return kind.decode(), [word, code, found[2].decode()]
        assert kind == b"*", f"malformed response: {line!r}"
        values, _ = self._values(rest, 0, top=True)
        return "*", values

    def _values(self, line: bytes, at: int, top: bool = False) -> tuple[list[Any], bytes]:
        """Values up to the end of the line (top) or the closing parenthesis; literals go on behind."""
        values: list[Any] = []
        self.rest = line[at:]
        first = True
        while True:
            if top and not self.rest:
                return values, b""
            if not top and self.rest.startswith(b")"):
                self.rest = self.rest[1:]
                return values, self.rest
            if not first and not (self.rest.startswith(b"(") and values and isinstance(values[-1], list)):
                assert self.rest.startswith(b" "), f"expected a space at {self.rest!r} of {line!r}"
                self.rest = self.rest[1:]
            first = False
            values.append(self._value(line))

    def _value(self, line: bytes) -> Any:
        rest = self.rest
        if rest.startswith(b"("):
            values, _ = self._values(rest, 1)
            return values
        if rest.startswith(b'"'):
            found = re.match(rb'"((?:[^"\\]|\\["\\])*)"', rest)
            assert found, f"unfinished quotes: {rest!r}"
            self.rest = rest[found.end() :]
            return re.sub(rb"\\(.)", rb"\1", found[1])
        literal = re.fullmatch(rb"~?\{(\d+)\}", rest)
        if literal:
            data = self._bytes(int(literal[1]))
            self.rest = self._line()
            return data
        found = ATOM.match(rest)
        assert found, f"no value at {rest!r} of {line!r}"
        text = found[0]
        if b"[" in text and b"]" not in text:  # BODY[HEADER.FIELDS (From To)]
            end = rest.index(b"]")
            text = re.match(rb"[^\]]*\](?:<\d+>)?", rest)[0]  # type: ignore[index]
            assert end < len(text)
        elif text.startswith(b"\\") or not text.endswith(b")"):
            pass
        while text.endswith(b")"):
            text = text[:-1]
        self.rest = rest[len(text) :]
        word = text.decode()
        if word == "NIL":
            return None
        return int(word) if word.isdigit() else word
