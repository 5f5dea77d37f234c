"""tls-exporter channel binding data (RFC 9266), which Python's ssl does not give: it is derived (RFC 8446 section
7.5) from the exporter secret that the TLS library writes into its key log."""

import hashlib
import hmac
import ssl
from pathlib import Path

from shape import Node

LABEL = b"EXPORTER-Channel-Binding"
SIZE = 32
HASHES = {32: "sha256", 48: "sha384"}  # by the secret's length


class LoggedNode(Node):
    """The node; secrets of TLS connections that are made by it stand in its key log."""

    def __init__(self, node: Node, folder: Path) -> None:
        super().__init__(node.described, node.ca)
        self.key_log = folder / "keys"

    def tls(self) -> ssl.SSLContext:
        context = super().tls()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.keylog_filename = str(self.key_log)
        return context

    def exporter(self) -> bytes:
        """Of the connection made last."""
        lines = [line.split() for line in self.key_log.read_text().splitlines()]
        return tls_exporter([bytes.fromhex(line[2]) for line in lines if line[0] == "EXPORTER_SECRET"][-1])


def tls_exporter(secret: bytes) -> bytes:
    name = HASHES[len(secret)]
    empty = hashlib.new(name).digest()
    derived = expand_label(name, secret, LABEL, empty, len(empty))
    return expand_label(name, derived, b"exporter", empty, SIZE)


def expand_label(name: str, secret: bytes, label: bytes, context: bytes, size: int) -> bytes:
    """HKDF-Expand-Label; one block of the hash is enough."""
    label = b"tls13 " + label
    info = b"%s%c%s%c%s\x01" % (size.to_bytes(2, "big"), len(label), label, len(context), context)
    return hmac.digest(secret, info, name)[:size]
