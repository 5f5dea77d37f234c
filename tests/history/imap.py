"""IMAP, as far as the simulated clients speak it."""

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from history.wire import Lost, Wire

LITERAL = re.compile(rb"\{(\d+)\}$")
CODE = re.compile(rb"\[([^\]]*)\]")


@dataclass
class Untagged:
    text: bytes
    literals: list[bytes]


@dataclass
class Answer:
    status: bytes = b""
    text: bytes = b""
    untagged: list[Untagged] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.status == b"OK"

    def codes(self) -> Iterable[bytes]:
        """Response codes, of untagged OKs too."""
        for line in [u.text for u in self.untagged if u.text.startswith(b"OK ")] + [self.text]:
            if match := CODE.search(line):
                yield match[1]

    def code(self, name: bytes) -> bytes | None:
        """What stands behind the name in its response code."""
        for code in self.codes():
            word, _, rest = code.partition(b" ")
            if word == name:
                return rest
        return None


@dataclass
class Row:
    uid: int
    modseq: int
    flags: list[str]
    date: str  # INTERNALDATE and EMAILID; empty when they were not asked for
    email: str
    literal: bytes | None


class Literal(bytes):
    """An argument that is sent as a literal; `plus` without waiting for leave."""

    plus = True


class Imap:
    def __init__(self, wire: Wire, user: str, password: str) -> None:
        self.wire = wire
        self.count = 0
        if not self.wire.line().startswith(b"* OK"):
            raise Lost("no greeting")
        self.must(f"LOGIN {user} {password}")

    def must(self, *parts: str | Literal) -> Answer:
        """A command that a healthy server does not refuse."""
        answer = self.command(*parts)
        if not answer.ok:
            self.wire.close()
            raise Lost(f"{parts[0]!r}: {answer.text!r}")
        return answer

    def command(self, *parts: str | Literal) -> Answer:
        self.count += 1
        tag = b"t%d" % self.count
        answer = Answer()
        out = tag + b" "
        for part in parts:
            if isinstance(part, Literal):
                out += b"{%d%s}\r\n" % (len(part), b"+" if part.plus else b"")
                if not part.plus:
                    self.wire.send(out)
                    out = b""
                    if not self._read(tag, answer, until_go_on=True):
                        return answer
                out += part
            else:
                out += part.encode()
        self.wire.send(out + b"\r\n")
        self._read(tag, answer, until_go_on=False)
        return answer

    def _read(self, tag: bytes, answer: Answer, until_go_on: bool) -> bool:
        """Up to the tagged answer (False) or the leave to go on (True)."""
        while True:
            line, literals = self.wire.line(), []
            while match := LITERAL.search(line):
                literals.append(self.wire.read(int(match[1])))
                line += self.wire.line()
            word, _, rest = line.partition(b" ")
            if word == tag:
                answer.status, _, answer.text = rest.partition(b" ")
                return False
            if word == b"+" and until_go_on:
                return True
            if rest.startswith(b"BYE"):
                self.wire.close()
                raise Lost(rest.decode(errors="replace"))
            answer.untagged.append(Untagged(rest, literals))

    def idle(self, seconds: float) -> Answer:
        """What is told meanwhile."""
        self.count += 1
        tag, answer = b"t%d" % self.count, Answer()
        self.wire.send(tag + b" IDLE\r\n")
        if self._read(tag, answer, until_go_on=True):
            time.sleep(seconds)
            self.wire.send(b"DONE\r\n")
            self._read(tag, answer, until_go_on=False)
        return answer

    def close(self) -> None:
        self.wire.close()


def number(text: bytes, name: bytes) -> int | None:
    match = re.search(rb"\b" + name + rb" \(?(\d+)", text)
    return int(match[1]) if match else None


def text(line: bytes, pattern: bytes) -> str:
    match = re.search(pattern, line)
    return match[1].decode() if match else ""


def rows(answer: Answer) -> list[Row]:
    """FETCH answers that have a UID."""
    found = []
    for line in answer.untagged:
        if not re.match(rb"\d+ FETCH \(", line.text):
            continue
        words = text(line.text, rb"FLAGS \(([^)]*)\)").split()
        uid = number(line.text, b"UID")
        if uid is not None:
            literal = line.literals[0] if line.literals else None
            modseq = number(line.text, b"MODSEQ") or 0
            flags = sorted(word for word in words if word != "\\Recent")
            date = text(line.text, rb'INTERNALDATE "([^"]*)"')
            email = text(line.text, rb"EMAILID \(([^)]*)\)")
            found.append(Row(uid, modseq, flags, date, email, literal))
    return found


def numbers(text: bytes) -> list[int]:
    """A UID set: "3,5:7"."""
    found: list[int] = []
    for piece in text.split(b","):
        first, _, last = piece.partition(b":")
        if first:
            low, high = sorted((int(first), int(last or first)))
            found.extend(range(low, high + 1))
    return found


def uid_set(uids: Iterable[int]) -> str:
    return ",".join(str(uid) for uid in uids)
