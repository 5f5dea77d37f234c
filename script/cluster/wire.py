"""The network of two nodes: each in a namespace of its own, a switch to this machine and a wire between them.

    this machine 10.p.q.1 ───┬─── 10.p.q.2  a  10.p.q.9 ───┐
                             ├─── 10.p.q.3  b  10.p.q.10 ──┘
                             └─── 10.p.q.4  a load balancer, if there is one

10.p.q.5 is left for an address that is now here, now there.

Cutting the wire between them leaves both to their clients. It goes down silently, as a cable that is pulled
behind a switch: no node is told.
"""

import subprocess
import zlib
from pathlib import Path

NODES = ("a", "b")
HERE = 1
BALANCER = "f"
CLIENTS = {"a": 2, "b": 3, BALANCER: 4}
FLOATING = 5
BETWEEN = {"a": 9, "b": 10}
PREFIX = 29  # of the network of the switch
CARD = "clients"  # towards the switch, in a namespace
NOBODY = "02:00:00:00:00:00"


def _ip(*words: str, check: bool = True) -> bool:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.returncode == 0


class Wire:
    """Of the shape in one folder; its names and addresses follow from the folder's."""

    def __init__(self, folder: Path) -> None:
        number = zlib.crc32(str(folder).encode())
        self.tag = f"rk{number & 0xFFFFFF:06x}"
        self.network = f"10.{64 + (number >> 8) % 64}.{number % 256}"

    def namespace(self, name: str) -> str:
        return f"{self.tag}{name}"

    def host(self, name: str) -> str:
        """Where clients reach a node or the load balancer."""
        return f"{self.network}.{CLIENTS[name]}"

    def floating_host(self) -> str:
        return f"{self.network}.{FLOATING}"

    def peer_host(self, name: str) -> str:
        """Where the other node reaches it."""
        return f"{self.network}.{BETWEEN[name]}"

    def up(self, balancer: bool = False) -> None:
        self.down()
        _ip("link", "add", self.tag, "type", "bridge")
        _ip("address", "add", f"{self.network}.{HERE}/{PREFIX}", "dev", self.tag)
        _ip("link", "set", self.tag, "up")
        for name in [*NODES, BALANCER] if balancer else NODES:
            self._add(name)
        a, b = (self.namespace(name) for name in NODES)
        _ip("-n", a, "link", "add", "other", "type", "veth", "peer", "name", "other", "netns", b)
        for name in NODES:
            inside = self.namespace(name)
            _ip("-n", inside, "address", "add", f"{self.peer_host(name)}/30", "dev", "other")
            _ip("-n", inside, "link", "set", "other", "up")

    def _add(self, name: str) -> None:
        """A namespace, reached through the switch."""
        inside, near = self.namespace(name), f"{self.tag}c{name}"
        _ip("netns", "add", inside)
        _ip("-n", inside, "link", "set", "lo", "up")
        _ip("link", "add", near, "type", "veth", "peer", "name", CARD, "netns", inside)
        _ip("link", "set", near, "master", self.tag, "up")
        _ip("-n", inside, "address", "add", f"{self.host(name)}/{PREFIX}", "dev", CARD)
        _ip("-n", inside, "link", "set", CARD, "up")
        _ip("-n", inside, "route", "add", "default", "via", f"{self.network}.{HERE}")

    def down(self) -> None:
        for name in CLIENTS:
            _ip("link", "delete", f"{self.tag}c{name}", check=False)
            _ip("netns", "delete", self.namespace(name), check=False)
        _ip("link", "delete", self.tag, check=False)

    def is_up(self) -> bool:
        return all(Path("/run/netns", self.namespace(name)).exists() for name in NODES)

    def cut(self) -> None:
        """Nothing comes or goes between the nodes any more: each sends to a card that nobody has. Kernels
        without netem can do that too."""
        for name, other in zip(NODES, reversed(NODES), strict=True):
            _ip("-n", self.namespace(name), "neighbour", "replace", self.peer_host(other),
                "lladdr", NOBODY, "nud", "permanent", "dev", "other")  # fmt: skip

    def mend(self) -> None:
        for name, other in zip(NODES, reversed(NODES), strict=True):
            _ip("-n", self.namespace(name), "neighbour", "delete", self.peer_host(other),
                "dev", "other", check=False)  # fmt: skip

    def unplug(self, name: str) -> None:
        """The machine is gone for everybody, as when its power fails: silently. It is not told either."""
        _ip("link", "set", f"{self.tag}c{name}", "nomaster")
        self.cut()

    def plug_in(self, name: str) -> None:
        _ip("link", "set", f"{self.tag}c{name}", "master", self.tag)
        self.mend()
