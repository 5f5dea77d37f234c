"""Three tiers: webmail, proxies, back ends. Each reaches the next one and no other."""

import json
import os
import subprocess
import time
from collections.abc import Iterator

import pytest
import slapd
from shape import PATIENCE, Node, Shape
from tiers import await_all, command, ended, listening, node, probe, started

pytestmark = [
    pytest.mark.skipif(os.getuid() != 0, reason="needs network namespaces"),
    pytest.mark.skipif(bool(slapd.why_not()), reason=slapd.why_not()),
]
WEB, PROXIES, STORES = ["web1", "web2"], ["proxy1", "proxy2"], ["store1", "store2"]
ALL_PORTS = list(range(1, 65536))
METRICS, AUTHMOD = 9090, 8120


@pytest.fixture(scope="module")
def tiers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    with started("three-tier", tmp_path_factory.mktemp("tiers"), 20) as shape:
        yield shape


def describe(shape: Shape) -> dict[str, object]:
    return dict(json.loads((shape.folder / "shape.json").read_text()))


def outside(shape: Shape) -> str:
    return node(shape, "web1").namespace.removesuffix("web1") + "client"


def directory(shape: Shape) -> Node:
    services = describe(shape)["services"]
    assert isinstance(services, list)
    return Node(next(one for one in services if one["name"] == "directory"), shape.ca)


def test_tier_1_can_open_no_port_of_tier_3(tiers: Shape) -> None:
    store = node(tiers, "store1")
    served = listening(store.namespace)
    assert {24, 25, 143, 993, METRICS} <= set(served)
    for name in WEB:
        assert probe(node(tiers, name).namespace, store.host, ALL_PORTS if name == "web1" else served) == []
    for other in (node(tiers, "store2"), directory(tiers)):
        assert probe(node(tiers, "web1").namespace, other.host, listening(other.namespace)) == []


def test_outside_reaches_no_port_of_tier_3_either(tiers: Shape) -> None:
    for other in (node(tiers, "store1"), node(tiers, "store2"), directory(tiers)):
        assert probe(outside(tiers), other.host, listening(other.namespace)) == []


def test_each_tier_reaches_what_it_needs_of_the_next_one_and_not_more(tiers: Shape) -> None:
    web, proxy, store = (node(tiers, name) for name in ("web1", "proxy1", "store1"))
    mail = [port for port in listening(proxy.namespace) if port not in (METRICS, AUTHMOD)]
    assert {143, 993} <= set(mail)
    assert probe(outside(tiers), web.host, listening(web.namespace)) == [80]
    assert probe(outside(tiers), proxy.host, listening(proxy.namespace)) == mail
    assert probe(web.namespace, proxy.host, listening(proxy.namespace)) == mail
    served = [port for port in listening(store.namespace) if port != METRICS]
    assert probe(proxy.namespace, store.host, ALL_PORTS) == served
    assert probe(proxy.namespace, directory(tiers).host, ALL_PORTS) == [636]


def test_nobody_goes_back(tiers: Shape) -> None:
    web, proxy, store = (node(tiers, name) for name in ("web1", "proxy1", "store1"))
    assert probe(store.namespace, proxy.host, listening(proxy.namespace)) == []
    assert probe(store.namespace, web.host, listening(web.namespace)) == []
    assert probe(proxy.namespace, web.host, listening(web.namespace)) == []


def test_the_rules_of_a_node_hold_without_those_between_tiers(tiers: Shape) -> None:
    """By the node's own rules a neighbour in its tier reaches only what its config has for him."""
    web, other = node(tiers, "web1"), node(tiers, "web2")
    assert probe(web.namespace, other.host, listening(other.namespace)) == [80]
    # a role goes nowhere that its config does not name
    store = node(tiers, "store1")
    words = ["nsenter", f"--net=/run/netns/{store.namespace}", "setpriv", "--reuid=64102", "--clear-groups",
             "timeout", "2", "bash", "-c", f"exec 3<>/dev/tcp/{node(tiers, 'store2').host}/993"]  # fmt: skip
    assert subprocess.run(words, capture_output=True).returncode != 0
    words[-1] = f"exec 3<>/dev/tcp/{directory(tiers).host}/636"
    assert subprocess.run(words, capture_output=True).returncode == 0


def test_mail_programs_are_served_through_the_tiers(tiers: Shape) -> None:
    users = [tiers.fresh_user() for _ in STORES]
    for user in users:
        script = (
            "import imaplib, ssl, sys\n"
            f"context = ssl.create_default_context(cafile={str(tiers.ca)!r})\n"
            f"c = imaplib.IMAP4_SSL({node(tiers, 'proxy1').host!r}, 993, ssl_context=context, timeout={PATIENCE})\n"
            f"c.login({user.name!r}, {user.password!r})\n"
            "c.append('INBOX', None, None, b'Subject: x\\r\\n\\r\\nx\\r\\n')\n"
            "assert c.select('INBOX')[1] == [b'1']\n"
        )
        inside = ["nsenter", f"--net=/run/netns/{outside(tiers)}"]
        subprocess.run([*inside, "/usr/bin/python3", "-c", script], check=True, timeout=60)
        await_all(node(tiers, "proxy2"), user, ["x"])


def test_a_user_is_kicked_from_where_the_next_tier_is_reached(tiers: Shape) -> None:
    user, proxies = tiers.fresh_user(), [node(tiers, name) for name in PROXIES]
    clients = [proxy.open_imap(user) for proxy in proxies]
    told = command(tiers, "proxy1", "user", "kick", user.name)
    assert all("why" not in one for one in told["nodes"]), told
    end = time.monotonic() + PATIENCE
    while not all(ended(client) for client in clients):
        assert time.monotonic() < end, "he is still there"
        time.sleep(0.05)


def test_it_says_what_an_operator_has_to_open(tiers: Shape) -> None:
    told = describe(tiers)["firewall"]
    assert isinstance(told, dict)
    print(f"\nkept apart by {told['by']}")
    for name in (*WEB, *PROXIES, *STORES):
        program = json.loads((tiers.folder / name / "node.json").read_text())["program"]
        behind = ["--behind"] if name in STORES else []
        words = [program, "--config", str(tiers.folder / name / "rookery.conf"), "firewall", *behind]
        text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        print(f"\n{name}, {node(tiers, name).host}\n{text}", end="")
        rows = [row for row in text.partition("Connects")[0].splitlines() if "/tcp" in row]
        ports = {int(row.split("/tcp")[0].split()[-1]) for row in rows}
        assert ports == set(listening(node(tiers, name).namespace))
