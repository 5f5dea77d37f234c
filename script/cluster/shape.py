"""Cluster shapes on one machine. A shape is a folder: ca.pem, shape.json, one folder a node."""

import json
import shlex
from pathlib import Path

import certificate
import node as nodes
import ports
from node import Node

SCRIPT = Path(__file__).resolve().parents[1] / "shape"
DOMAIN = "example.test"
PASSWORD = "secret"
NAMED_PORTS = ["smtp", "submission", "submissions", "lmtp", "imap", "imaps", "pop3", "pop3s",
               "managesieve", "http", "metrics"]  # fmt: skip
COMMANDS = ["start", "stop", "kill", "wipe", "partition", "heal"]


def one(folder: Path, program: Path) -> list[Node]:
    """A single node that has every role there is."""
    used = [*nodes.PROTOCOLS, "metrics"]
    numbers = dict(zip(used, ports.free(len(used)), strict=True))
    return [nodes.make(folder / "a", "a", program, ["mx", "store"], numbers, cheap=True)]


SHAPES = {"one": one}


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
        member.write_config(*certificate.issue(folder, member.path / "tls"))
    names = [f"user{number:04d}@{DOMAIN}" for number in range(users)]
    try:
        for member in members:
            member.start()
        add_users(members[0], {name: PASSWORD for name in names})
    except BaseException:
        for member in members:
            member.kill()
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
    for member in load(folder):
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
            {"name": member.name, "roles": member.roles, "host": "127.0.0.1"}
            | {port: member.ports.get(port) for port in NAMED_PORTS}
            | commands(member.name)
            for member in members
        ],
    }
