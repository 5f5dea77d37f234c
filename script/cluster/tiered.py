"""The shapes of many machines: functional split, domain split by proxies, three tiers, and those with
mirrored stores. docs/shapes/ has a page for each."""

from layout import Layout
from node import Node

MX, WEB = ["smtp", "submission", "submissions"], ["http"]
READ = ["imap", "imaps", "pop3", "pop3s"]
STORE = ["lmtp", *READ, "authmod"]
PROXIED = [*MX, *READ]  # what proxies take
BACK_ENDS = 4


def _hosts(machines: list[Node]) -> str:
    return " ".join(machine.host for machine in machines)


def _front_ends(layout: Layout, store_host: str, ports: dict[str, int], tier: str) -> list[Node]:
    """Two mx with rspamd, and two of webmail, which reach one store."""
    front = []
    for number in (1, 2):
        mx = layout.node(f"mx{number}", tier, ["mx"], MX)
        authority, secret = layout.trust(mx, "mx")
        layout.tell(mx, "mx", f"""
store tls:{store_host}:{ports['lmtp']};
store_authorities "{authority}";
directory tls:{store_host}:{ports['authmod']};
directory_authorities "{authority}";
directory_secret_file "{secret}";
milter rspamd {{
    address 127.0.0.1:{layout.rspamd(mx)};
}}
srs {{
    secret_file "{secret}";
}}""")
        front.append(mx)
    for number in (1, 2):
        layout.node(f"web{number}", tier, ["web"], WEB)
    return front


def _serve_front_ends(layout: Layout, store: Node, front: list[Node]) -> None:
    _, secret = layout.trust(store, "store")
    layout.tell(store, "store", f"""
front_ends {_hosts(front)};
authmod_trusted {_hosts(front)};
authmod_secret_file "{secret}";""")


def split(layout: Layout, front: str | None) -> None:
    """2 × mx, each with rspamd, 1 × store, 2 × web."""
    store = layout.node("store", "store", ["store"], STORE)
    _serve_front_ends(layout, store, _front_ends(layout, store.host, store.ports, "front"))
    _share_front(layout, [])


def mirror_split(layout: Layout, front: str | None) -> None:
    """The same, with two stores that mirror each other behind HAProxy."""
    pair = layout.mirrored("store", "store", ["store"], STORE)
    balancer = layout.haproxy("balancer", "store", pair)
    machines = _front_ends(layout, balancer.host, pair[0].ports, "front")
    for store in pair:
        _serve_front_ends(layout, store, machines)
    layout.front = {"kind": "haproxy", "host": balancer.host, **{name: pair[0].ports[name] for name in READ}}


def _share_front(layout: Layout, members: list[Node]) -> None:
    if members:
        balancer = layout.haproxy("balancer", layout.network.places[members[0].name], members)
        served = {name: members[0].ports[name] for name in PROXIED}
        layout.front = {"kind": "haproxy", "host": balancer.host, **served}


def _tell_each_other(layout: Layout, machines: list[Node]) -> None:
    """Who is kicked, and what is to be forgotten: from each to all others; where tiers are kept apart
    not from back ends to proxies."""
    one_way = "outside" in layout.network.tiers
    for node in machines:
        role = "proxy" if "proxy" in node.roles else "store"
        authority, secret = layout.trust(node, role)
        others = [other for other in machines if other is not node]
        told = [other for other in others if not (one_way and role == "store" and "proxy" in other.roles)]
        layout.tell(node, role, f"""
authmod_trusted {_hosts(others)};
authmod_secret_file "{secret}";""")
        layout.tell(node, "", f"""
cluster {{
    nodes {" ".join(f"tls:{other.host}:{other.ports['authmod']}" for other in told)};
    secret_file "{secret}";
    authorities "{authority}";
}}""")


def _ports_of_back_ends(layout: Layout) -> str:
    """Where they are not the well-known ones."""
    if layout.in_namespaces:
        return ""
    numbers = {"imap": "imaps", "pop3": "pop3s", "submission": "submissions", "smtp": "smtp", "lmtp": "lmtp"}
    return "\n".join(f"{name}_port {layout.port(protocol)};" for name, protocol in numbers.items())


def _domain_split(layout: Layout, homes: list[list[Node]], front: str | None, tiers: tuple[str, str]) -> None:
    """Two proxies of a tier and back ends of the next one, a list for each home: one node, or two that
    mirror each other. Users are spread over the homes by a directory."""
    proxy_tier, store_tier = tiers
    where = [",".join(node.host for node in home) for home in homes]
    spread = {user: where[number % len(where)] for number, user in enumerate(layout.users)}
    directory = layout.slapd(store_tier, spread)
    proxies = [layout.node(f"proxy{number}", proxy_tier, ["proxy"], [*PROXIED, "authmod"]) for number in (1, 2)]
    for proxy in proxies:
        authority, _ = layout.trust(proxy, "proxy")
        layout.ask_ldap(proxy, directory)
        layout.tell(proxy, "proxy", f"""
default_host {homes[0][0].host};
backend_authorities "{authority}";
{_ports_of_back_ends(layout)}""")
    stores = [node for home in homes for node in home]
    for store in stores:
        layout.ask_ldap(store, directory)
        authority, _ = layout.trust(store, "mx")
        layout.tell(store, "store", f"front_ends {_hosts(proxies)} {_hosts(stores)};")
        if not layout.in_namespaces:
            layout.tell(store, "mx", f"backend_port {layout.port('lmtp')};")
        layout.tell(store, "mx", f"""
store_authorities "{authority}";
xclient {{
    from {_hosts(proxies)};
}}""")
    _tell_each_other(layout, [*proxies, *stores])
    if front:
        _share_front(layout, proxies)


BACK_END = ["lmtp", *READ, *MX, "authmod"]


def proxy(layout: Layout, front: str | None) -> None:
    """2 × proxy, 4 × store with an mx for what its users send, slapd."""
    homes = [[layout.node(f"store{number}", "back", ["store", "mx"], BACK_END)] for number in range(1, BACK_ENDS + 1)]
    _domain_split(layout, homes, front, ("front", "back"))


def mirror_proxy(layout: Layout, front: str | None) -> None:
    """Proxies over two pairs of back ends that mirror each other."""
    homes = [layout.mirrored(f"store{number}", "back", ["store", "mx"], BACK_END) for number in (1, 2)]
    _domain_split(layout, homes, front, ("front", "back"))


def three_tier(layout: Layout, front: str | None) -> None:
    """2 × web, 2 × proxy, 2 × store, a firewall between; each tier reaches the next one only."""
    for number in (1, 2):
        layout.node(f"web{number}", "web", ["web"], WEB)
    layout.machine("client", "outside")  # where nobody of us is
    homes = [[layout.node(f"store{number}", "back", ["store", "mx"], BACK_END)] for number in (1, 2)]
    _domain_split(layout, homes, front, ("proxy", "back"))


# By name: the tiers, and who lays it out.
TIERED = {
    "split": (["front", "store"], split),
    "mirror-split": (["front", "store"], mirror_split),
    "proxy": (["front", "back"], proxy),
    "mirror-proxy": (["front", "back"], mirror_proxy),
    "three-tier": (["outside", "web", "proxy", "back"], three_tier),
}
