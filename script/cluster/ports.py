"""Free ports on loopback."""

import random
import socket

# Below the range that the kernel takes for outgoing connections: a client can't take a node's port
# while that node is down.
LOWEST, HIGHEST = 20000, 32000


given: set[int] = set()  # by this process, which may not have opened them yet


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free(count: int, width: int = 1) -> list[int]:
    """`width`: so many behind each other, of which the first is told."""
    found: list[int] = []
    for port in random.sample(range(LOWEST, HIGHEST), 4000):
        block = range(port, port + width)
        if given.isdisjoint(block) and all(map(is_free, block)):
            given.update(block)
            found.append(port)
            if len(found) == count:
                return found
    raise RuntimeError("no free loopback ports")
