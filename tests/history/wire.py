"""A connection by lines, which tells "it died" from "it does not answer"."""

import socket
import ssl
from pathlib import Path

PATIENCE = 20.0  # seconds; a server that is up and does not answer for so long is stuck


class Lost(Exception):
    """The connection ended, or could not be made; what was sent may or may not have been done."""


class Stuck(Lost):
    """It stands, and nothing comes."""


class Wire:
    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        try:
            self.socket = socket.create_connection((host, port), timeout=PATIENCE)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls:
                self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        except OSError as wrong:
            raise Lost(str(wrong)) from None
        self.input = self.socket.makefile("rb")

    def send(self, text: bytes) -> None:
        try:
            self.socket.sendall(text)
        except TimeoutError:
            raise Stuck("takes no bytes") from None
        except OSError as wrong:
            raise Lost(str(wrong)) from None

    def line(self) -> bytes:
        """Without its line end."""
        try:
            line = self.input.readline()
        except TimeoutError:
            raise Stuck("no answer") from None
        except OSError as wrong:
            raise Lost(str(wrong)) from None
        if not line.endswith(b"\n"):
            raise Lost("closed")
        return line.rstrip(b"\r\n")

    def read(self, count: int) -> bytes:
        try:
            got = self.input.read(count)
        except TimeoutError:
            raise Stuck("no answer") from None
        except OSError as wrong:
            raise Lost(str(wrong)) from None
        if len(got) < count:
            raise Lost("closed")
        return got

    def close(self) -> None:
        try:
            self.input.close()
            self.socket.close()
        except OSError:
            pass


class LocalWire(Wire):
    """To a socket in the file system."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        try:
            self.socket.connect(str(path))
        except OSError as wrong:
            self.socket.close()
            raise Lost(str(wrong)) from None
        self.input = self.socket.makefile("rb")
