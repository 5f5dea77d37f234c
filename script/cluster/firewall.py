"""What keeps tiers apart: rules on the router between them, by what `rookery firewall` says of each node, and
on each node those that it prints for nftables. Where the kernel has no nf_tables, the router's routes."""

import json
import subprocess
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import Any

from network import ROUTER_NAME, Network, ip
from node import Node
from service import Service

NFT = "/usr/sbin/nft"
SMTP_PORT = 25
PRIORITY = "100"  # of routes that lead nowhere

# Who may begin to speak to whom, besides mail that goes out. Mail programs reach the proxies as webmail does.
REACHES = [("outside", "web"), ("outside", "proxy"), ("web", "proxy"), ("proxy", "back")]
OUTGOING = ("back", "outside")
INNER = "back"  # clients do not reach it
BEHIND = {True: ["--behind"], False: []}


def _inside(namespace: str, words: list[str], text: str) -> str:
    """"" when it went well, else why not."""
    command = ["nsenter", f"--net=/run/netns/{namespace}", *words]
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True)
    except FileNotFoundError:
        return f"{words[0]} is not here"
    return done.stderr.strip() or f"exit {done.returncode}" if done.returncode else ""


def open_ports(node: Node, behind: bool, source: IPv4Network) -> list[int]:
    """Those that a node serves somebody of that network at."""
    said = json.loads(node.command("--json", "firewall", *BEHIND[behind]))
    return sorted({flow["port"] for flow in said["listens"]
                   if any(of == "*" or ip_network(of).overlaps(source) for of in flow["from"])})  # fmt: skip


def rules(network: Network, nodes: list[Node], services: list[Service]) -> str:
    lines = []
    for source, target in REACHES:
        way = f'iifname "{network.router_card(source)}" oifname "{network.router_card(target)}"'
        subnet = IPv4Network(network.subnet(source))
        served = [(node.name, node.host, open_ports(node, target == INNER, subnet)) for node in nodes
                  if network.places[node.name] == target]  # fmt: skip
        served += [(other.name, other.host, [other.port]) for other in services
                   if network.places.get(other.name) == target and other.kind != "haproxy"]  # fmt: skip
        for name, host, ports in served:
            several = ", ".join(map(str, ports))
            lines.append(f'{way} ip daddr {host} tcp dport {{ {several} }} accept comment "{source} to {name}"')
    source, target = OUTGOING
    lines.append(f'iifname "{network.router_card(source)}" oifname "{network.router_card(target)}" '
                 f'tcp dport {SMTP_PORT} accept comment "mail to elsewhere"')  # fmt: skip
    body = "".join(f"\t\t{line}\n" for line in lines)
    return ("table inet tiers\ndelete table inet tiers\ntable inet tiers {\n\tchain forward {\n"
            "\t\ttype filter hook forward priority filter; policy drop;\n"
            f"\t\tct state established,related accept\n{body}\t}}\n}}\n")  # fmt: skip


def keep_apart(folder: Path, network: Network, nodes: list[Node], services: list[Service]) -> dict[str, Any]:
    """What it did, for the JSON."""
    text = rules(network, nodes, services)
    (folder / "router.nft").write_text(text)
    why = _inside(network.namespace(ROUTER_NAME), [NFT, "-f", "-"], text)
    if why:
        return {"by": "routes", "why": why, "apart": _by_routes(network)}
    for node in nodes:
        guard(network, node)
    return {"by": "nftables", "router": str(folder / "router.nft"),
            "nodes": {node.name: str(node.path / "node.nft") for node in nodes}}  # fmt: skip


def guard(network: Network, node: Node) -> None:
    """The node's own rules. Who asks for its health here is this machine."""
    text = node.command("firewall", "--nftables", *BEHIND[network.places[node.name] == INNER])
    text += f"add element inet rookery monitoring4 {{ {network.here(network.places[node.name])} }}\n"
    (node.path / "node.nft").write_text(text)
    if why := _inside(network.namespace(node.name), [NFT, "-f", "-"], text):
        raise RuntimeError(f"nft at {node.name}: {why}")


def _by_routes(network: Network) -> list[str]:
    """Tiers between which the router has no way. Ports are not looked at."""
    apart = []
    for one in network.tiers:
        for other in network.tiers:
            ways = [(one, other), (other, one)]
            if one >= other or any(way in [*REACHES, OUTGOING] for way in ways):
                continue
            for source, target in ways:
                ip("-n", network.namespace(ROUTER_NAME), "rule", "add", "from", network.subnet(source), "to",
                   network.subnet(target), "blackhole", "priority", PRIORITY)  # fmt: skip
            apart.append(f"{one} and {other}")
    return apart
