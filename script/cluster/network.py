"""The network of a shape with tiers: each machine in a network namespace of its own, a switch (bridge) for
each tier, and a router between them, which may have a firewall.

    this machine .1 ─┬─ tier 0: 10.p.q.0/27 ── machines .3 …
                     ├─ tier 1: 10.p.q.32/27 ─ machines …        router: .2 of each tier, in a
                     └─ tier 2: 10.p.q.64/27 ─ machines …        namespace of its own

This machine has a card at each switch: it is where operators and tests sit, and nothing goes through it. What
goes from one tier to another one goes through the router.
"""

import json
import subprocess
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE, ROUTER, FIRST, NOBODY = 1, 2, 3, 30  # hosts of a tier
TIER_SIZE, TIERS_MAX, PREFIX = 32, 8, 27
CARD = "eth0"
ROUTER_NAME = "router"
NO_CARD = "02:00:00:00:00:00"


def ip(*words: str, check: bool = True) -> bool:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if check and done.returncode:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.returncode == 0


@dataclass
class Network:
    """Of the shape in one folder; its names and addresses follow from the folder's."""

    folder: str
    tiers: list[str]
    places: dict[str, str] = field(default_factory=dict)  # the tier that each machine is in

    @staticmethod
    def load(folder: Path) -> "Network | None":
        try:
            return Network(**json.loads((folder / "network.json").read_text()))
        except FileNotFoundError:
            return None

    def save(self) -> None:
        (Path(self.folder) / "network.json").write_text(json.dumps(asdict(self), indent=1) + "\n")

    def __post_init__(self) -> None:
        number = zlib.crc32(self.folder.encode())
        self._tag = f"rk{number & 0xFFFFFF:06x}"
        self._three = f"10.{128 + (number >> 8) % 64}.{number % 256}"

    def add(self, name: str, tier: str) -> None:
        self.places[name] = tier

    def namespace(self, name: str) -> str:
        return f"{self._tag}-{name}"

    def _address(self, tier: str, number: int) -> str:
        return f"{self._three}.{self.tiers.index(tier) * TIER_SIZE + number}"

    def host(self, name: str) -> str:
        """Where a machine is reached."""
        tier = self.places[name]
        return self._address(tier, FIRST + [other for other in self.places if self.places[other] == tier].index(name))

    def subnet(self, tier: str) -> str:
        return f"{self._address(tier, 0)}/{PREFIX}"

    def here(self, tier: str) -> str:
        """This machine, as the tier's machines see it."""
        return self._address(tier, HERE)

    def _bridge(self, tier: str) -> str:
        return f"{self._tag}t{self.tiers.index(tier)}"

    def _cord(self, name: str) -> str:
        """The end at the switch of a machine's cable."""
        return f"{self._tag}m{list(self.places).index(name)}"

    def router_card(self, tier: str) -> str:
        return f"tier{self.tiers.index(tier)}"

    def up(self) -> None:
        self.down()
        router = self.namespace(ROUTER_NAME)
        ip("netns", "add", router)
        ip("-n", router, "link", "set", "lo", "up")
        for tier in self.tiers:
            bridge, cord = self._bridge(tier), f"{self._tag}r{self.tiers.index(tier)}"
            ip("link", "add", bridge, "type", "bridge")
            ip("address", "add", f"{self.here(tier)}/{PREFIX}", "dev", bridge)
            ip("link", "set", bridge, "up")
            self._plug(router, self.router_card(tier), cord, tier, self._address(tier, ROUTER))
        inside = ["nsenter", f"--net=/run/netns/{router}"]
        routes = ["net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0"]
        subprocess.run([*inside, "sysctl", "-qw", *routes], check=True)
        for name, tier in self.places.items():
            self._add(name, tier)

    def _plug(self, inside: str, card: str, cord: str, tier: str, address: str) -> None:
        ip("link", "add", cord, "type", "veth", "peer", "name", card, "netns", inside)
        ip("link", "set", cord, "master", self._bridge(tier), "up")
        ip("-n", inside, "address", "add", f"{address}/{PREFIX}", "dev", card)
        ip("-n", inside, "link", "set", card, "up")

    def _add(self, name: str, tier: str) -> None:
        inside = self.namespace(name)
        ip("netns", "add", inside)
        ip("-n", inside, "link", "set", "lo", "up")
        self._plug(inside, CARD, self._cord(name), tier, self.host(name))
        ip("-n", inside, "route", "add", "default", "via", self._address(tier, ROUTER))
        ip("-n", inside, "neighbour", "add", self._address(tier, NOBODY), "lladdr", NO_CARD, "nud", "permanent",
           "dev", CARD)  # fmt: skip

    def down(self) -> None:
        for name in [*self.places, ROUTER_NAME]:
            ip("netns", "delete", self.namespace(name), check=False)
        for tier in self.tiers:  # the cables go with the namespaces, which may live on with a process
            ip("link", "delete", f"{self._tag}r{self.tiers.index(tier)}", check=False)
            ip("link", "delete", self._bridge(tier), check=False)
        for name in self.places:
            ip("link", "delete", self._cord(name), check=False)

    def is_up(self) -> bool:
        return all(Path("/run/netns", self.namespace(name)).exists() for name in [*self.places, ROUTER_NAME])

    def cut(self, one: str, other: str) -> None:
        """Nothing comes or goes between the two any more, and neither is told: each sends to a card that
        nobody has."""
        for here, there in ((one, other), (other, one)):
            nobody = self._address(self.places[here], NOBODY)
            ip("-n", self.namespace(here), "route", "replace", f"{self.host(there)}/32", "via", nobody, "dev", CARD)

    def mend(self, one: str, other: str) -> None:
        for here, there in ((one, other), (other, one)):
            ip("-n", self.namespace(here), "route", "delete", f"{self.host(there)}/32", check=False)

    def others(self, name: str) -> list[str]:
        return [other for other in self.places if other != name]

    def unplug(self, name: str) -> None:
        """The machine is gone for everybody, as when its power fails: silently."""
        ip("link", "set", self._cord(name), "nomaster")

    def plug_in(self, name: str) -> None:
        ip("link", "set", self._cord(name), "master", self._bridge(self.places[name]))
