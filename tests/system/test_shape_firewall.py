"""rookery firewall: which ports are open for whom, where a machine connects to, and rules that load."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mirror import PROGRAM

NFT = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin")
needs_nft = pytest.mark.skipif(os.getuid() != 0 or not NFT, reason="needs nft and network namespaces")
CONFIG = """
hostname mail.example.test;
data "{folder}/data";
run "{folder}/run";
proxy_trusted 192.0.2.5 192.0.2.0/24 2001:db8::/64;
metrics {{ listen *:9090; }}
mx {{
    user 64101;
    listen smtp *:25;
    listen submissions 192.0.2.11:10465 proxy;
    directory tls:store.example.test:8120;
}}
store {{
    user 64102;
    listen imaps *:993;
    listen lmtp *:24;
    listen authmod [2001:db8::5]:8120;
    authmod_trusted 2001:db8::7 192.0.2.7;
    front_ends 192.0.2.7;
}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "rookery.conf"
    file.write_text(CONFIG.format(folder=tmp_path))
    return file


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"rkfw{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "delete", name], check=True)


def told(config: Path, *words: str) -> str:
    done = subprocess.run([PROGRAM, "--config", str(config), "firewall", *words], capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout


def ports(config: Path, *words: str) -> dict[int, Any]:
    return {flow["port"]: flow["from"] for flow in json.loads(told(config, "--json", *words))["listens"]}


def test_the_table_says_for_whom_a_port_is(config: Path) -> None:
    text = told(config)
    print(text)
    listens, _, connects = text.partition("Connects")
    rows = {row.split()[1]: row for row in listens.splitlines() if "/tcp" in row}
    assert rows["smtp"].endswith("anybody")
    assert "192.0.2.7 (store.front_ends)" in rows["lmtp"]
    assert "store.example.test" in connects


def test_json_says_the_same(config: Path) -> None:
    assert ports(config) == {25: ["*"], 10465: ["192.0.2.5", "192.0.2.0/24", "2001:db8::/64"], 993: ["*"],
                             24: ["192.0.2.7"], 8120: ["2001:db8::7", "192.0.2.7"], 9090: []}  # fmt: skip


def test_behind_front_ends_nothing_is_for_anybody(config: Path) -> None:
    assert ports(config, "--behind")[993] == ["192.0.2.7"]
    assert ports(config, "--behind")[25] == []


def test_what_it_does_not_know_is_refused(config: Path) -> None:
    done = subprocess.run([PROGRAM, "--config", str(config), "firewall", "--iptables"], capture_output=True, text=True)
    assert done.returncode == 2 and "--nftables" in done.stderr


@needs_nft
@pytest.mark.parametrize("words", [[], ["--behind"]])
def test_the_rules_load_twice_and_are_those(config: Path, namespace: str, words: list[str]) -> None:
    rules = told(config, "--nftables", *words)
    inside = ["nsenter", f"--net=/run/netns/{namespace}", str(NFT)]
    for _ in range(2):
        done = subprocess.run([*inside, "-f", "-"], input=rules, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + rules
    held = subprocess.run([*inside, "list", "ruleset"], capture_output=True, text=True, check=True).stdout
    assert held.count("table inet rookery") == 1
    assert "ip saddr 192.0.2.7 tcp dport 24 accept" in held
    assert ("ip saddr 192.0.2.7 tcp dport 993" in held) == bool(words)
    assert "meta skuid 64101 tcp dport 25 accept" in held and "meta skuid 64102 drop" in held
