"""Cluster shapes on one machine. A shape is a folder: ca.pem, shape.json, one folder a node."""

import json
import os
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import certificate
import firewall
import node as nodes
import ports
from front import FRONTS, Front, await_greeting
from layout import DOMAIN, PASSWORD, Layout
from network import Network
from node import Node
from service import Service
from tiered import TIERED
from wire import Wire

SCRIPT = Path(__file__).resolve().parents[1] / "shape"
NAMED_PORTS = ["smtp", "submission", "submissions", "lmtp", "imap", "imaps", "pop3", "pop3s",
               "managesieve", "http", "authmod", "metrics"]  # fmt: skip
SYNC_SECONDS = 60
COMMANDS = ["start", "stop", "kill", "wipe", "partition", "heal", "unplug", "plug"]


def one(folder: Path, program: Path, front: Front | None) -> list[Node]:
    """A single node that has every role there is."""
    used = [*nodes.PROTOCOLS, "metrics"]
    numbers = dict(zip(used, ports.free(len(used)), strict=True))
    return [nodes.make(folder / "a", "a", program, ["mx", "store"], numbers, cheap=True)]


def mirror(folder: Path, program: Path, front: Front | None) -> list[Node]:
    """Two nodes, each a mirror of the other. As root in network namespaces, so that the wire between
    them can be cut; else both on loopback."""
    used = [*nodes.PROTOCOLS, "metrics"]
    members = []
    wire = Wire(folder) if os.getuid() == 0 else None
    if wire:
        wire.up(balancer=front is not None and front.has_machine)
    link = nodes.MIRROR_PORT if wire else ports.free(1, width=2)[0]
    for name, loopback in (("a", "127.0.0.1"), ("b", "127.0.0.2")):
        free = [nodes.WELL_KNOWN[name] for name in used] if wire else ports.free(len(used))
        numbers = dict(zip(used, free, strict=True))
        more = {"mirror": f"{wire.peer_host(name) if wire else loopback}:{link}"}
        if wire:
            more |= {"namespace": wire.namespace(name), "host": wire.host(name)}
        if front and front.has_machine:
            more["balancer"] = front.host
        members.append(
            nodes.make(folder / name, name, program, ["mx", "store"], numbers, cheap=True, **more)
        )
    return members


def pair(members: list[Node]) -> None:
    """Returns when both hold the same."""
    first, second = members
    made = json.loads(first.command("--json", "mirror", "pair", second.mirror))
    second.command("mirror", "pair", first.mirror, made["key"])
    await_sync(members)


def await_sync(members: list[Node]) -> None:
    """The queues too, where both nodes mirror them: programs of before 0.2 do not."""
    end = time.monotonic() + SYNC_SECONDS
    while True:
        found = [json.loads(member.command("--json", "mirror", "status")) for member in members]
        queues = [status["queue"]["state"] for status in found if "queue" in status]
        states = [status["state"] for status in found]
        if len(queues) == len(found) and "not mirrored" not in queues:
            states += queues
        if set(states) == {"in sync"}:
            return
        if time.monotonic() > end:
            raise RuntimeError(f"the nodes are not in sync: {found}")
        time.sleep(0.02)


def part(folder: Path, member: Node, apart: bool) -> None:
    """Cuts or mends the wire between a mirror's nodes; of another node those to all other machines of its
    shape. Its clients still reach it."""
    if network := Network.load(folder):
        if not member.namespace:
            raise RuntimeError("only machines in network namespaces can be parted, which needs root")
        for other in [member.twin] if member.twin else network.others(member.name):
            (network.cut if apart else network.mend)(member.name, other)
    elif not member.mirror:
        print(f"node {member.name} stands alone, it has no wire to another one", file=sys.stderr)
    elif not member.namespace:
        member.command("mirror", "pause" if apart else "resume")
    elif apart:
        Wire(folder).cut()
    else:
        Wire(folder).mend()


def slow(folder: Path, delay_ms: float, loss: float) -> None:
    """The wire between a mirror's nodes: its delay each way, and how many in a hundred frames it loses."""
    if Network.load(folder) or not all(member.mirror and member.namespace for member in load(folder)):
        raise RuntimeError(f"{folder} has no wire between two nodes")
    if delay_ms or loss:
        Wire(folder).slow(delay_ms, loss)
    else:
        Wire(folder).clean()


def plug(folder: Path, member: Node, there: bool) -> None:
    """Takes a machine off all its wires, or puts it back."""
    if not member.namespace:
        raise RuntimeError(f"node {member.name} has no wires of its own")
    wires = Network.load(folder) or Wire(folder)
    if there:
        wires.plug_in(member.name)
    else:
        wires.unplug(member.name)


def down(folder: Path) -> None:
    if front := front_of(folder):
        front.stop()
    for member in load(folder):
        member.stop()
    for service in services(folder):
        service.stop()
    if os.getuid() == 0:
        (Network.load(folder) or Wire(folder)).down()


SHAPES = {"one": one, "mirror": mirror}
ALL = [*SHAPES, *TIERED]


def _described(folder: Path) -> dict[str, Any]:
    if not (folder / "shape.json").exists():
        raise RuntimeError(f"{folder} holds no shape")
    return dict(json.loads((folder / "shape.json").read_text()))


def load(folder: Path) -> list[Node]:
    return [Node.load(folder / entry["name"]) for entry in _described(folder)["nodes"]]


def services(folder: Path) -> list[Service]:
    return [Service.load(folder / entry["name"]) for entry in _described(folder).get("services", [])]


def front_of(folder: Path) -> Front | None:
    """Of a mirror; that of other shapes is one of their services."""
    described = _described(folder)
    front = described.get("front")
    return FRONTS[front["kind"]](folder) if front and described["shape"] in SHAPES else None


def up(shape: str, folder: Path, users: int, program: Path, front: str | None = None) -> str:
    """Starts it, anew or as it was left; gives the JSON."""
    description = folder / "shape.json"
    if description.exists():
        return _again(shape, folder, users, front)
    if shape in TIERED:
        return up_tiered(shape, folder, users, program, front)
    if front and (shape != "mirror" or os.getuid() != 0):
        raise RuntimeError(f"{front} needs two nodes in network namespaces: a mirror, and root")
    leading = FRONTS[front](folder) if front else None
    folder.mkdir(parents=True, exist_ok=True)
    authority = certificate.authority(folder)
    members = SHAPES[shape](folder, program, leading)
    for member in members:
        member.write_config(*certificate.issue(folder, member.path / "tls", member.host))
    names = [f"user{number:04d}@{DOMAIN}" for number in range(users)]
    try:
        for member in members:
            member.start()
        if shape == "mirror":
            pair(members)
        add_users(members[0], {name: PASSWORD for name in names})
        if leading:
            leading.start(members)
    except BaseException:
        if leading:
            leading.stop()
        for member in members:
            member.kill()
        if os.getuid() == 0:
            Wire(folder).down()
        raise
    text = json.dumps(_describe(shape, folder, names, authority, members, leading)) + "\n"
    description.write_text(text)
    return text


def up_tiered(shape: str, folder: Path, users: int, program: Path, front: str | None) -> str:
    tiers, lay_out = TIERED[shape]
    if front and (front != "haproxy" or shape not in FRONTED or os.getuid() != 0):
        raise RuntimeError(f"--front of {shape}: only haproxy, for {', '.join(FRONTED)}, as root")
    if shape == "mirror-split" and os.getuid() != 0:
        raise RuntimeError("mirror-split has HAProxy between its nodes, which needs root")
    layout = Layout(folder, program, tiers, users)
    lay_out(layout, front)
    layout.write()
    try:
        if layout.in_namespaces:
            layout.network.up()
        _run(layout)
    except BaseException:
        for member in layout.nodes:
            member.kill()
        for service in layout.services:
            service.kill()
        if layout.in_namespaces:
            layout.network.down()
        raise
    described = _describe(shape, folder, layout.users, layout.authority, layout.nodes, None)
    described |= layout.facts | {"asked_front": front, "services": [_of_service(service) for service in layout.services]}
    if layout.front:
        described["front"] = layout.front
    text = json.dumps(described) + "\n"
    (folder / "shape.json").write_text(text)
    return text


FRONTED = ["proxy", "mirror-proxy", "three-tier"]


def _of_service(service: Service) -> dict[str, object]:
    about = {"name": service.name, "kind": service.kind, "host": service.host, "port": service.port}
    return about | ({"namespace": service.namespace} if service.namespace else {})


def _run(layout: Layout) -> None:
    """Those that others ask first: services, stores, then what is in front of them."""
    pairs = [(a, b) for a in layout.nodes for b in layout.nodes if a.twin == b.name and a.name < b.name]
    stores = [member for member in layout.nodes if "store" in member.roles]
    for service in layout.services:
        service.start()
    for member in stores:
        member.start()
    for both in pairs:
        pair(list(both))
    if not any(service.kind == "slapd" for service in layout.services):
        add_users(stores[0], dict.fromkeys(layout.users, PASSWORD))
    for member in layout.nodes:
        if member not in stores:
            member.start()
    keep_apart(layout.folder, layout.network, layout.nodes, layout.services, layout.facts)
    if layout.front:
        await_front(layout.front)


def await_front(front: dict[str, Any]) -> None:
    await_greeting(front["host"], [name for name in front if name in nodes.WELL_KNOWN])


def keep_apart(
    folder: Path, network: Network, members: list[Node], programs: list[Service], facts: dict[str, Any]
) -> None:
    """Of the shape with a firewall; what it did goes into the facts."""
    if "outside" not in network.tiers:
        return
    if os.getuid() == 0:
        facts["firewall"] = firewall.keep_apart(folder, network, members, programs)
    else:
        facts["firewall"] = {"by": None, "why": "this is not root: all are on loopback, nothing keeps tiers apart"}


def _again(shape: str, folder: Path, users: int, front: str | None) -> str:
    described, leading = _described(folder), front_of(folder)
    asked = described.get("asked_front", leading.kind if leading else None)
    held = described["shape"], len(described["users"]), asked
    if held != (shape, users, front):
        raise RuntimeError(f'{folder} holds "{held[0]}" with {held[1]} users already, front: {held[2]}')
    members, network, programs = load(folder), Network.load(folder), services(folder)
    if network and os.getuid() == 0 and not network.is_up():
        network.up()
        keep_apart(folder, network, members, programs, {})
    elif not network and any(member.namespace for member in members) and not Wire(folder).is_up():
        Wire(folder).up(balancer=leading is not None and leading.has_machine)
    for program in programs:
        if program.pid() is None:
            program.start()
    for member in sorted(members, key=lambda member: "store" not in member.roles):
        if member.pid() is None:
            member.start()
    if leading:
        leading.stop()
        leading.start(members)
    elif "front" in described:
        await_front(described["front"])
    return (folder / "shape.json").read_text()


def add_users(member: Node, passwords: dict[str, str]) -> None:
    batch = member.path / "users.batch"
    batch.touch(mode=0o600)
    batch.write_text("".join(f"{name} {word}\n" for name, word in passwords.items()))
    try:
        member.command("domain", "add", DOMAIN)
        if passwords:
            member.command("user", "add", "--batch", str(batch))
    finally:
        batch.unlink()


def _describe(
    shape: str, folder: Path, names: list[str], authority: Path, members: list[Node], front: Front | None
) -> dict[str, object]:
    def commands(name: str) -> dict[str, str]:
        place = ["--dir", str(folder), "--node", name]
        return {verb: shlex.join([str(SCRIPT), "node", verb, *place]) for verb in COMMANDS}

    described: dict[str, object] = {
        "shape": shape,
        "dir": str(folder),
        "users": [{"name": name, "password": PASSWORD} for name in names],
        "ca": str(authority),
        "nodes": [
            {"name": member.name, "roles": member.roles, "host": member.host}
            | ({"namespace": member.namespace} if member.namespace else {})
            | {port: member.ports.get(port) for port in NAMED_PORTS}
            | ({"placeholder": True} if "web" in member.roles else {})
            | commands(member.name)
            for member in members
        ],
    }
    if front:
        served = {protocol: nodes.WELL_KNOWN[protocol] for protocol in nodes.PROTOCOLS}
        described["front"] = {"kind": front.kind, "host": front.host, **served}
    return described
