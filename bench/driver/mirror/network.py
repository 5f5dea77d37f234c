"""Where a node is reached: on its own loopback, from inside its network namespace if it has one."""

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass

CLONE_NEWNET = 0x40000000


@dataclass
class Place:
    name: str
    ports: dict[str, int]
    host: str = "127.0.0.1"
    namespace: str = ""

    def inside(self) -> list[str]:
        """Before a command's words: it runs where the node does."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}"] if self.namespace else []

    def connect(self, protocol: str) -> socket.socket:
        with _entered(self.namespace):
            return socket.create_connection((self.host, self.ports[protocol]), timeout=60)


@contextlib.contextmanager
def _entered(namespace: str) -> Iterator[None]:
    """This thread; a socket stays in the namespace that it was made in."""
    if not namespace:
        yield
        return
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        _set_namespace(there.fileno())
        try:
            yield
        finally:
            _set_namespace(home.fileno())


def _set_namespace(file: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(file, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns: " + os.strerror(ctypes.get_errno()))
