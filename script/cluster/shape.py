"""Cluster shapes on one machine. A shape is a folder: ca.pem, shape.json, one folder a node."""

import json
import os
import shlex
import sys
import time
from pathlib import Path

import certificate
import node as nodes
import ports
from node import Node
from wire import Wire

SCRIPT = Path(__file__).resolve().parents[1] / "shape"
DOMAIN = "example.test"
PASSWORD = "secret"
NAMED_PORTS = ["smtp", "submission", "submissions", "lmtp", "imap", "imaps", "pop3", "pop3s",
               "managesieve", "http", "metrics"]  # fmt: skip
SYNC_SECONDS = 60
COMMANDS = ["start", "stop", "kill", "wipe", "partition", "heal"]


def one(folder: Path, program: Path) -> list[Node]:
    """A single node that has every role there is."""
    used = [*nodes.PROTOCOLS, "metrics"]
    numbers = dict(zip(used, ports.free(len(used)), strict=True))
    return [nodes.make(folder / "a", "a", program, ["mx", "store"], numbers, cheap=True)]


def mirror(folder: Path, program: Path) -> list[Node]:
    """Two nodes, each a mirror of the other. As root in network namespaces, so that the wire between
    them can be cut; else both on loopback."""
    used = [*nodes.PROTOCOLS, "metrics"]
    members = []
    wire = Wire(folder) if os.getuid() == 0 else None
    if wire:
        wire.up()
    link = ports.free(1)[0]
    for name, loopback in (("a", "127.0.0.1"), ("b", "127.0.0.2")):
        numbers = dict(zip(used, ports.free(len(used)), strict=True))
        more = {"mirror": f"{wire.peer_host(name) if wire else loopback}:{link}"}
        if wire:
            more |= {"namespace": wire.namespace(name), "host": wire.host(name)}
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
    end = time.monotonic() + SYNC_SECONDS
    for member in members:
        while True:
            status = json.loads(member.command("--json", "mirror", "status"))
            if status["state"] == "in sync":
                break
            if time.monotonic() > end:
                raise RuntimeError(f"node {member.name} is not in sync: {status}")
            time.sleep(0.02)


def part(folder: Path, member: Node, apart: bool) -> None:
    """Cuts or mends the wire between a mirror's nodes."""
    if not member.mirror:
        print(f"node {member.name} stands alone, it has no wire to another one", file=sys.stderr)
    elif not member.namespace:
        member.command("mirror", "pause" if apart else "resume")
    elif apart:
        Wire(folder).cut()
    else:
        Wire(folder).mend()


def down(folder: Path) -> None:
    for member in load(folder):
        member.stop()
    if os.getuid() == 0:
        Wire(folder).down()


SHAPES = {"one": one, "mirror": mirror}


def load(folder: Path) -> list[Node]:
    if not (folder / "shape.json").exists():
        raise RuntimeError(f"{folder} holds no shape")
    described = json.loads((folder / "shape.json").read_text())
    return [Node.load(folder / entry["name"]) for entry in described["nodes"]]


def up(shape: str, folder: Path, users: int, program: Path) -> str:
    """Starts it, anew or as it was left; gives the JSON."""
    description = folder / "shape.json"
    if description.exists():
        return _again(shape, folder, users)
    folder.mkdir(parents=True, exist_ok=True)
    authority = certificate.authority(folder)
    members = SHAPES[shape](folder, program)
    for member in members:
        member.write_config(*certificate.issue(folder, member.path / "tls", member.host))
    names = [f"user{number:04d}@{DOMAIN}" for number in range(users)]
    try:
        for member in members:
            member.start()
        if shape == "mirror":
            pair(members)
        add_users(members[0], {name: PASSWORD for name in names})
    except BaseException:
        for member in members:
            member.kill()
        if os.getuid() == 0:
            Wire(folder).down()
        raise
    text = json.dumps(_describe(shape, folder, names, authority, members)) + "\n"
    description.write_text(text)
    return text


def _again(shape: str, folder: Path, users: int) -> str:
    text = (folder / "shape.json").read_text()
    described = json.loads(text)
    if described["shape"] != shape or len(described["users"]) != users:
        held = f'"{described["shape"]}" with {len(described["users"])} users'
        raise RuntimeError(f"{folder} holds {held} already")
    members = load(folder)
    if any(member.namespace for member in members) and not Wire(folder).is_up():
        Wire(folder).up()
    for member in members:
        if member.pid() is None:
            member.start()
    return text


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
    shape: str, folder: Path, names: list[str], authority: Path, members: list[Node]
) -> dict[str, object]:
    def commands(name: str) -> dict[str, str]:
        place = ["--dir", str(folder), "--node", name]
        return {verb: shlex.join([str(SCRIPT), "node", verb, *place]) for verb in COMMANDS}

    return {
        "shape": shape,
        "dir": str(folder),
        "users": [{"name": name, "password": PASSWORD} for name in names],
        "ca": str(authority),
        "nodes": [
            {"name": member.name, "roles": member.roles, "host": member.host}
            | ({"namespace": member.namespace} if member.namespace else {})
            | {port: member.ports.get(port) for port in NAMED_PORTS}
            | commands(member.name)
            for member in members
        ],
    }
