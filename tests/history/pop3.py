"""POP3: login, TOP, DELE, QUIT."""

from history.wire import Lost, Wire


class Pop3:
    def __init__(self, wire: Wire, user: str, password: str) -> None:
        self.wire = wire
        if not self.wire.line().startswith(b"+OK"):
            raise Lost("no greeting")
        self.must(f"USER {user}")
        self.must(f"PASS {password}")

    def ask(self, text: str) -> bytes:
        self.wire.send(text.encode() + b"\r\n")
        return self.wire.line()

    def must(self, text: str) -> bytes:
        answer = self.ask(text)
        if not answer.startswith(b"+OK"):
            self.wire.close()
            raise Lost(f"{text.split()[0]}: {answer!r}")
        return answer

    def count(self) -> int:
        return int(self.must("STAT").split()[1])

    def header(self, number: int) -> bytes | None:
        if not self.ask(f"TOP {number} 0").startswith(b"+OK"):
            return None  # another program has expunged it meanwhile
        lines = []
        while (line := self.wire.line()) != b".":
            lines.append(line)
        return b"\r\n".join(lines)

    def close(self) -> None:
        self.wire.close()
