"""An SMTP server elsewhere that remembers each message that it was given, and whether it said 250; now and
then it cuts the connection instead."""

import random
import socket
import threading
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Copy:
    begun: float  # monotonic: the message was there
    recipients: tuple[str, ...]
    text: bytes
    answered: bool  # by 250, as far as the other side's kernel is asked


class LedgerSink:
    def __init__(self, port: int, seed: str, cuts: float) -> None:
        """`cuts`: the share of messages that get no answer."""
        self.port = port
        self.chance, self.cuts = random.Random(seed), cuts
        self.guard = threading.Lock()  # of what follows
        self.copies: list[Copy] = []
        self.listener: socket.socket | None = None

    def open(self) -> None:
        if self.listener is None:
            self.listener = socket.create_server(("127.0.0.1", self.port), backlog=100)
            threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def close(self) -> None:
        """Takes no more connections; those that stand go on."""
        if self.listener is not None:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None

    def take(self) -> list[Copy]:
        """What came since the last call."""
        with self.guard:
            taken, self.copies = self.copies, []
        return taken

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                _Session(self, connection).run()
            except OSError:
                pass

    def is_cut(self) -> bool:
        with self.guard:
            return self.chance.random() < self.cuts

    def note(self, copy: Copy) -> None:
        with self.guard:
            self.copies.append(copy)


class _Session:
    def __init__(self, sink: LedgerSink, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sink, self.connection = sink, connection
        self.input = connection.makefile("rb")
        self.recipients: list[str] = []

    def run(self) -> None:
        self.say(b"220 sink.test ready")
        while line := self.input.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say(b"250-sink.test\r\n250-PIPELINING\r\n250 8BITMIME")
            elif verb == b"DATA":
                self.say(b"354 go on")
                if not self.data():
                    return
            elif verb == b"QUIT":
                self.say(b"221 bye")
                return
            else:
                if verb in (b"MAIL", b"RSET"):
                    self.recipients = []
                elif verb == b"RCPT":
                    self.recipients.append(line[line.index(b"<") + 1 : line.index(b">")].decode())
                self.say(b"250 fine")

    def data(self) -> bool:
        """False: the connection is over."""
        lines = []
        while (line := self.input.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line.removeprefix(b"."))
        begun, answered = time.monotonic(), False
        if not self.sink.is_cut():
            try:
                self.say(b"250 kept")
                answered = True
            except OSError:
                pass
        self.sink.note(Copy(begun, tuple(self.recipients), b"".join(lines), answered))
        self.recipients = []
        return answered

    def say(self, text: bytes) -> None:
        self.connection.sendall(text + b"\r\n")
