"""A milter by libmilter that does what the mail itself says: the first word of the sender's, a
recipient's local part, or the subject names what it answers there. told_milter.py ADDRESS LOG"""

import os
import sys
import time

import by_libmilter
import Milter

LOG = sys.argv[2]
SLOW_SECONDS = 5


def note(*words: object) -> None:
    with open(LOG, "a") as log:
        print(*words, file=log)


class Told(Milter.Base):  # type: ignore[misc]
    def answer(self, word: str) -> int:
        match word:
            case "refuse":
                self.setreply("554", "5.7.9", "Not with us")
                return int(Milter.REJECT)
            case "refuse-plainly":
                return int(Milter.REJECT)
            case "defer":
                self.setreply("450", "4.7.9", "Not yet")
                return int(Milter.TEMPFAIL)
            case "hang-up":
                self.setreply("421", "4.7.8", "Go away")
                return int(Milter.TEMPFAIL)
            case "drop":
                return int(Milter.DISCARD)
            case "accept":
                return int(Milter.ACCEPT)
            case "slow":
                time.sleep(SLOW_SECONDS)
            case "die":
                os._exit(1)
        return int(Milter.CONTINUE)

    @staticmethod
    def word(address: str) -> str:
        return address.strip("<>").partition("@")[0].partition("+")[0]

    def connect(self, name: str, family: int, address: object) -> int:
        note("connect", name)
        return int(Milter.CONTINUE)

    def hello(self, name: str) -> int:
        note("hello", name)
        return self.answer(name.partition(".")[0])

    def envfrom(self, sender: str, *args: str) -> int:
        note("from", sender, *args, "as", self.getsymval("{auth_authen}"))
        self.subject = ""
        self.results = 0
        return self.answer(self.word(sender))

    def envrcpt(self, recipient: str, *args: str) -> int:
        note("to", recipient)
        return self.answer(self.word(recipient))

    def header(self, name: str, value: str) -> int:
        note("header", name)
        if name == "Subject":
            self.subject = value
        return int(Milter.CONTINUE)

    def eom(self) -> int:
        note("end", self.getsymval("i"))
        word, _, rest = self.subject.partition(" ")
        match word:
            case "hold":
                self.quarantine(rest)
            case "mark":
                self.addheader("X-Spam", rest)
            case "add":
                self.addrcpt(rest)
            case "remove":
                self.delrcpt(rest)
            case "sender":
                self.chgfrom(rest)
            case "rewrite":
                self.chgheader("Subject", 1, rest)
                self.addheader("X-First", "first", 0)
                self.replacebody("a new body\r\n")
        return self.answer(word)


by_libmilter.serve(Told, "told", sys.argv[1])
