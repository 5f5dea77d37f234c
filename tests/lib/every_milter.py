"""A milter by libmilter, Sendmail's own library: asks for every change there is, and writes down what it
was told. every_milter.py ADDRESS LOG"""

import sys

import by_libmilter
import Milter

LOG = sys.argv[2]


def note(*words: object) -> None:
    with open(LOG, "a") as log:
        print(*words, file=log)


class Every(Milter.Base):  # type: ignore[misc]
    def connect(self, name: str, family: int, address: object) -> int:
        note("connect", name, address)
        self.body_len = 0
        return int(Milter.CONTINUE)

    def hello(self, name: str) -> int:
        note("hello", name)
        return int(Milter.CONTINUE)

    def envfrom(self, sender: str, *args: str) -> int:
        note("from", sender, *args, self.getsymval("i"))
        return int(Milter.CONTINUE)

    def envrcpt(self, recipient: str, *args: str) -> int:
        note("to", recipient, *args)
        return int(Milter.CONTINUE)

    def data(self) -> int:
        note("data")
        return int(Milter.CONTINUE)

    def header(self, name: str, value: str) -> int:
        note("header", repr(name), repr(value))
        return int(Milter.CONTINUE)

    def eoh(self) -> int:
        note("eoh")
        return int(Milter.CONTINUE)

    def body(self, chunk: bytes) -> int:
        note("body", len(chunk))
        return int(Milter.CONTINUE)

    def eom(self) -> int:
        self.progress()
        self.addheader("X-Added", "one\n two")
        self.addheader("X-First", "first", 0)
        self.chgheader("Subject", 1, "another")
        self.chgheader("To", 1, "")
        self.chgfrom("carol@example.com")
        self.addrcpt("dave@example.org")
        self.delrcpt("bob@example.org")
        self.replacebody("a new body\r\n")
        self.quarantine("held")
        note("eom")
        return int(Milter.CONTINUE)

    def abort(self) -> int:
        note("abort")
        return int(Milter.CONTINUE)


by_libmilter.serve(Every, "every", sys.argv[1])
