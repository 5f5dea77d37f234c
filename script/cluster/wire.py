"""The network of two nodes: each in a namespace of its own, a switch to this machine and a wire between them.

    this machine 10.p.q.1 ───┬─── 10.p.q.2  a  10.p.q.9 ───┐
                             ├─── 10.p.q.3  b  10.p.q.10 ──┘
                             └─── 10.p.q.4  a load balancer, if there is one

10.p.q.5 is left for an address that is now here, now there.

Cutting the wire between them leaves both to their clients. It goes down silently, as a cable that is pulled
behind a switch: no node is told.

It can be slow instead, by netem; where the kernel has none, by slow_wire.py: a second way between the two,
which is the nearer one while it is there.
"""

import json
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import processes
from network import ip

NODES = ("a", "b")
HERE = 1
BALANCER = "f"
CLIENTS = {"a": 2, "b": 3, BALANCER: 4}
FLOATING = 5
BETWEEN = {"a": 9, "b": 10}
PREFIX = 29  # of the network of the switch
CARD = "clients"  # towards the switch, in a namespace
DIRECT, SLOW = "other", "slow"  # cards towards the other node
SLOW_WIRE = Path(__file__).with_name("slow_wire.py")
DRAIN_SECONDS, END_SECONDS = 0.5, 5
FRAMES_MAX = 20000  # under way on a slow wire
NOBODY = "02:00:00:00:00:00"


class Wire:
    """Of the shape in one folder; its names and addresses follow from the folder's."""

    def __init__(self, folder: Path) -> None:
        self.leader = folder / "slow_wire.leader"
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
        ip("link", "add", self.tag, "type", "bridge")
        ip("address", "add", f"{self.network}.{HERE}/{PREFIX}", "dev", self.tag)
        ip("link", "set", self.tag, "up")
        for name in [*NODES, BALANCER] if balancer else NODES:
            self._add(name)
        a, b = (self.namespace(name) for name in NODES)
        ip("-n", a, "link", "add", DIRECT, "type", "veth", "peer", "name", DIRECT, "netns", b)
        for name in NODES:
            inside = self.namespace(name)
            ip("-n", inside, "address", "add", f"{self.peer_host(name)}/30", "dev", DIRECT)
            ip("-n", inside, "link", "set", DIRECT, "up")

    def _add(self, name: str) -> None:
        """A namespace, reached through the switch."""
        inside, near = self.namespace(name), f"{self.tag}c{name}"
        ip("netns", "add", inside)
        ip("-n", inside, "link", "set", "lo", "up")
        ip("link", "add", near, "type", "veth", "peer", "name", CARD, "netns", inside)
        ip("link", "set", near, "master", self.tag, "up")
        ip("-n", inside, "address", "add", f"{self.host(name)}/{PREFIX}", "dev", CARD)
        ip("-n", inside, "link", "set", CARD, "up")
        ip("-n", inside, "route", "add", "default", "via", f"{self.network}.{HERE}")

    def down(self) -> None:
        self._end_slow_wire()
        for name in CLIENTS:
            ip("link", "delete", f"{self.tag}c{name}", check=False)
            ip("netns", "delete", self.namespace(name), check=False)
        ip("link", "delete", self.tag, check=False)

    def is_up(self) -> bool:
        return all(Path("/run/netns", self.namespace(name)).exists() for name in NODES)

    def cut(self) -> None:
        """Nothing comes or goes between the nodes any more: each sends to a card that nobody has."""
        for inside, other, card in self._ends():
            ip("-n", inside, "neighbour", "replace", other, "lladdr", NOBODY, "nud", "permanent",
                "dev", card, check=card == DIRECT)  # fmt: skip

    def mend(self) -> None:
        for inside, other, card in self._ends():
            ip("-n", inside, "neighbour", "delete", other, "dev", card, check=False)

    def _ends(self) -> list[tuple[str, str, str]]:
        """A namespace, where the other node is reached from there, and a card towards it."""
        return [
            (self.namespace(name), self.peer_host(other), card)
            for name, other in zip(NODES, reversed(NODES), strict=True)
            for card in (DIRECT, SLOW)
        ]

    def slow(self, delay_ms: float, loss: float, seed: int = 1) -> None:
        """Between the nodes each frame takes that long, each way, and that many in a hundred are lost."""
        self.clean()
        late = ["netem", "delay", f"{delay_ms}ms", "loss", f"{loss}%", "limit", str(FRAMES_MAX)]
        if all(self._shaped(name, "replace", *late) for name in NODES):
            for name in NODES:  # lost are frames, not what a card would make many of
                ip("-n", self.namespace(name), "link", "set", DIRECT, "gso_max_segs", "1")
            return
        words = [sys.executable, "-B", str(SLOW_WIRE), SLOW, *map(self.namespace, NODES),
                 str(delay_ms), str(loss), str(seed)]  # fmt: skip
        started = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
                                   start_new_session=True)  # fmt: skip
        assert started.stdout
        with started.stdout as said:
            if said.readline() != "ready\n":
                raise RuntimeError("no slow wire: it needs netem in the kernel, or /dev/net/tun")
        self.leader.write_text(f"{started.pid}\n")
        self._lead_by(SLOW)

    def carried(self) -> int:
        """Bytes that node a has sent to the other one and got from there, with all headers, since it has cards."""
        said = subprocess.run(["ip", "-n", self.namespace("a"), "-s", "-j", "link"], capture_output=True, check=True)
        return sum(card["stats64"][way]["bytes"]
                   for card in json.loads(said.stdout) if card["ifname"] in (DIRECT, SLOW)
                   for way in ("rx", "tx"))  # fmt: skip

    def control_congestion(self, algorithm: str) -> None:
        """Of connections between the nodes that begin while the wire is slow, by the kernel's one of that name."""
        self._lead_by(SLOW if self.leader.exists() else DIRECT, "congctl", algorithm)

    def _lead_by(self, card: str, *words: str) -> None:
        for name, other in zip(NODES, reversed(NODES), strict=True):
            inside = self.namespace(name)
            ip("-n", inside, "link", "set", card, "up")
            ip("-n", inside, "route", "replace", f"{self.peer_host(other)}/32", "dev", card,
                "src", self.peer_host(name), *words)  # fmt: skip

    def _shaped(self, name: str, *words: str) -> bool:
        """By tc, what goes from that node to the other one; False: this kernel can't."""
        action, *rest = words
        inside = ["tc", "-n", self.namespace(name), "qdisc", action, "dev", DIRECT, "root", *rest]
        return subprocess.run(inside, capture_output=True).returncode == 0

    def clean(self) -> None:
        """As it was before it was slow. What is under way arrives."""
        for inside, other, card in self._ends():
            ip("-n", inside, "route", "delete", f"{other}/32", "dev", card, check=False)
        if self.leader.exists():
            time.sleep(DRAIN_SECONDS)
        self._end_slow_wire()
        for name in NODES:
            self._shaped(name, "delete")

    def _end_slow_wire(self) -> None:
        """Its cards go with it, and so do the routes."""
        if not self.leader.exists():
            return
        leader = int(self.leader.read_text())
        self.leader.unlink()
        if processes.was_told(leader, str(SLOW_WIRE)):
            processes.send([leader], signal.SIGTERM)
            processes.wait_gone(leader, END_SECONDS)

    def unplug(self, name: str) -> None:
        """The machine is gone for everybody, as when its power fails: silently. It is not told either."""
        ip("link", "set", f"{self.tag}c{name}", "nomaster")
        self.cut()

    def plug_in(self, name: str) -> None:
        ip("link", "set", f"{self.tag}c{name}", "master", self.tag)
        self.mend()
