"""Servers elsewhere, and what sends to them: Postfix's smtp-sink, aiosmtpd, and src/smtp/send_message.c."""

import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from shape import PATIENCE, SHAPE


def sender() -> Path:
    """Built beside the program."""
    named = os.environ.get("ROOKERY")
    program = Path(named).resolve() if named else SHAPE.parents[1] / "build/src/cli/rookery"
    return program.parents[1] / "smtp" / "send_message"


@dataclass(frozen=True)
class Result:
    to: str
    outcome: str  # taken, later, never
    code: int
    status: str
    text: str


@dataclass(frozen=True)
class Sent:
    tls: str
    results: list[Result]
    ends: list[str]  # of each message: sent, ended, in doubt
    failed: str  # to open: class, status, why


def send(port: int, message: bytes, *to: str, options: list[str] | None = None,
         sender_name: str = "sue@client.test") -> Sent:  # fmt: skip
    words = [str(sender()), *(options or []), f"127.0.0.1:{port}", sender_name, *to]
    done = subprocess.run(words, input=message, capture_output=True, timeout=3 * PATIENCE)
    assert done.returncode in (0, 1), done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    results = [line.split(" ", 4) for line in lines if line.split(" ")[0] in to]
    return Sent(
        lines[0].removeprefix("tls "),
        [Result(r[0], r[1], int(r[2]), r[3], r[4]) for r in results],
        [line for line in lines if line in ("sent", "ended", "in doubt")],
        "".join(line.removeprefix("not opened: ") for line in lines if line.startswith("not opened: ")),
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Sink:
    """smtp-sink with these options; each message becomes a file."""

    def __init__(self, folder: Path, *options: str, port: int = 0) -> None:
        program = shutil.which("smtp-sink", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "smtp-sink is of the package postfix: script/setup --test"
        self.folder = folder
        self.port = port or free_port()
        folder.chmod(0o777)
        as_user = ["-u", "nobody"] if os.getuid() == 0 else []
        words = [program, *as_user, *options, "-d", "got.", f"127.0.0.1:{self.port}", "100"]
        self.process = subprocess.Popen(words, cwd=folder)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except ConnectionRefusedError:
                assert self.process.poll() is None and time.monotonic() < end
                time.sleep(0.02)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)

    def messages(self) -> list[bytes]:
        """As they were dumped: fields about the session, and line ends of Unix."""
        return [path.read_bytes() for path in sorted(self.folder.glob("got.*"))]


class TlsServer:
    """An SMTP server that takes everything and offers STARTTLS, and within TLS these extensions."""

    def __init__(self, chain: Path, *offers: str, host: str = "127.0.0.1", port: int = 0) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(chain)
        self.offers = b"".join(b"250-%s\r\n" % offer.encode() for offer in offers)
        self.listener = socket.create_server((host, port))
        self.port = self.listener.getsockname()[1]
        self.messages: list[tuple[bool, bytes]] = []  # by TLS or not
        self.envelopes: list[list[bytes]] = []  # MAIL and RCPTs of each, as they were said
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                self.talk(connection)
            except (OSError, ssl.SSLError):
                pass

    def talk(self, connection: socket.socket) -> None:
        secure = False
        envelope: list[bytes] = []
        wire = connection.makefile("rwb", buffering=0)
        wire.write(b"220 mx.safe.test ready\r\n")
        while line := wire.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                wire.write(b"250-mx.safe.test\r\n250-8BITMIME\r\n"
                           + (self.offers if secure else b"250-STARTTLS\r\n") + b"250 OK\r\n")  # fmt: skip
            elif verb == b"STAR":
                wire.write(b"220 go on\r\n")
                connection = self.context.wrap_socket(connection, server_side=True)
                wire = connection.makefile("rwb", buffering=0)
                secure = True
            elif verb == b"DATA":
                wire.write(b"354 go on\r\n")
                text = b""
                while not text.endswith(b"\r\n.\r\n"):
                    text += wire.readline()
                self.envelopes.append(envelope)
                self.messages.append((secure, text))
                envelope = []
                wire.write(b"250 2.0.0 kept\r\n")
            elif verb == b"QUIT":
                wire.write(b"221 bye\r\n")
                return
            else:
                envelope += [line.strip()] if verb in (b"MAIL", b"RCPT") else []
                wire.write(b"250 2.0.0 fine\r\n")
