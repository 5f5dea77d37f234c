"""A shape of many machines while it is laid out: who is where, what each is told, what else runs there.

As root each machine is a network namespace (network.py) and has the well-known ports. Else all are addresses
of loopback, 127.0.1.1 up, with free ports, and nothing keeps tiers apart.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certificate
import node as nodes
import ports
import rspamd
import service
import slapd_server as slapd
from front import haproxy_text
from network import Network
from node import Node
from service import Service

DOMAIN = "example.test"
PASSWORD = "secret"
LOOPBACK = "127.0.1."


class Layout:
    def __init__(self, folder: Path, program: Path, tiers: list[str], users: int) -> None:
        self.folder, self.program = folder, program
        self.network = Network(str(folder), tiers)
        self.in_namespaces = os.getuid() == 0
        self.nodes: list[Node] = []
        self.services: list[Service] = []
        self.users = [f"user{number:04d}@{DOMAIN}" for number in range(users)]
        self.front: dict[str, Any] | None = None  # what clients are told in place of the nodes
        self.facts: dict[str, Any] = {}  # for the JSON
        self.secret = secrets.token_hex(16)  # between nodes
        self.after: list[Callable[[], None]] = []  # to do once all nodes run
        folder.mkdir(parents=True, exist_ok=True)
        self.authority = certificate.authority(folder)
        self._ports: dict[str, int] = {}
        self._hosts: dict[str, list[str]] = {}  # addresses that a node's certificate is good for besides

    def machine(self, name: str, tier: str) -> str:
        """A new one; its address."""
        self.network.add(name, tier)
        return self.host(name)

    def host(self, name: str) -> str:
        if self.in_namespaces:
            return self.network.host(name)
        return LOOPBACK + str(1 + list(self.network.places).index(name))

    def namespace(self, name: str) -> str:
        return self.network.namespace(name) if self.in_namespaces else ""

    def port(self, protocol: str) -> int:
        """The same at all machines."""
        if protocol not in self._ports:
            self._ports[protocol] = nodes.WELL_KNOWN[protocol] if self.in_namespaces else ports.free(1)[0]
        return self._ports[protocol]

    def node(self, name: str, tier: str, roles: list[str], protocols: list[str], **more: Any) -> Node:
        host = self.machine(name, tier)
        numbers = {protocol: self.port(protocol) for protocol in [*protocols, "metrics"]}
        node = nodes.make(self.folder / name, name, self.program, roles, numbers, cheap=True, host=host,
                          namespace=self.namespace(name), **more)  # fmt: skip
        self.nodes.append(node)
        return node

    def mirrored(self, name: str, tier: str, roles: list[str], protocols: list[str]) -> list[Node]:
        """Two nodes that mirror each other: name-a, name-b."""
        names = [f"{name}{half}" for half in "ab"]
        pair = []
        for own, other in zip(names, reversed(names), strict=True):
            node = self.node(own, tier, roles, protocols, twin=other)
            port = nodes.MIRROR_PORT if self.in_namespaces else ports.free(1, width=2)[0]
            node.mirror = f"{node.host}:{port}"
            pair.append(node)
        return pair

    def tell(self, node: Node, block: str, text: str) -> None:
        """Statements for a block of its config."""
        indent = "    " if block else ""
        lines = "".join(f"{indent}{line}\n" for line in text.strip().splitlines())
        node.more[block] = node.more.get(block, "") + lines

    def trust(self, node: Node, role: str) -> tuple[Path, Path]:
        """Files that a role may read: the authority of this cluster, and the secret of its directory."""
        return (node.give(role, f"{role}-ca.pem", self.authority.read_text()),
                node.give(role, f"{role}.secret", f"{self.secret}\n"))  # fmt: skip

    def good_for(self, node: Node, *hosts: str) -> None:
        """Its certificate has these addresses, too."""
        self._hosts.setdefault(node.name, []).extend(hosts)

    def rspamd(self, node: Node) -> int:
        """On the machine of that node; its port on loopback there."""
        name = f"rspamd-{node.name}"
        port = rspamd.MILTER_PORT if self.in_namespaces else ports.free(1)[0]
        self.services.append(rspamd.make(self.folder / name, name, port, node.namespace))
        return port

    def slapd(self, tier: str, homes: dict[str, str]) -> Service:
        """On a machine of its own; by address where a user lives."""
        host = self.machine("directory", tier)
        port = slapd.PORT if self.in_namespaces else ports.free(1)[0]
        folder = self.folder / "directory"
        chain, key = certificate.issue(self.folder, folder / "tls", host)
        made = slapd.make(folder, "directory", host, port, self.namespace("directory"), (self.authority, chain, key),
                          [(user, PASSWORD, homes[user]) for user in self.users])  # fmt: skip
        self.services.append(made)
        return made

    def ask_ldap(self, node: Node, directory: Service) -> None:
        role = next(role for role in node.roles if role in ("store", "proxy"))
        authority, _ = self.trust(node, role)
        password = node.give(role, "ldap.password", f"{slapd.READER_PASSWORD}\n")
        self.tell(node, "", f"""
directory {{
    driver ldap;
    ldap {{
        servers "ldaps://{directory.host}:{directory.port}";
        authorities "{authority}";
        bind_dn "{slapd.READER}";
        password_file "{password}";
        base "{slapd.BASE}";
        domains {DOMAIN};
    }}
}}""")

    def haproxy(self, name: str, tier: str, members: list[Node]) -> Service:
        """In front of two nodes, which are told its address, by the file in deploy/."""
        host = self.machine(name, tier)
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        config = folder / "haproxy.cfg"
        alike = members[0].roles == ["proxy"]  # no client is better off at the one than at the other
        config.write_text(haproxy_text(members, "leastconn" if alike else "source"))
        for member in members:
            member.balancer = host
            self.good_for(member, host)
        words = ["haproxy", "-db", "-f", str(config)]
        port = nodes.WELL_KNOWN["imap"]
        made = service.make(folder, name, "haproxy", words, host, port, self.namespace(name))
        self.services.append(made)
        return made

    def write(self) -> None:
        """All that is told lies in the nodes' folders."""
        for node in self.nodes:
            node.save()
            chain, key = certificate.issue(self.folder, node.path / "tls", node.host, *self._hosts.get(node.name, []))
            node.write_config(chain, key)
        self.network.save()
