"""What the server sees of the DNS, from a real name server: signed, unsigned, forged, silent."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from name_server import OLD, NameServer, why_not
from shape import SHAPE

PROGRAM = os.environ.get("ROOKERY", str(SHAPE.parents[1] / "build/src/cli/rookery"))
FAILED, TEMPORARY = 1, 75
TIMEOUT = 1.5  # seconds, of a question
DIGEST = "ab" * 32

SIGNED = f"""@ MX 20 second
@ MX 10 mx
@ TXT "v=spf1 -all"
_mta-sts TXT "v=STSv1; id=20261127;"
mx A 192.0.2.1
mx AAAA 2001:db8::1
second A 192.0.2.2
_25._tcp.mx TLSA 3 1 1 {DIGEST}
_25._tcp.second TLSA 1 1 1 {DIGEST}
www CNAME mx
out CNAME mx.plain.test.
large TXT {" ".join('"' + "x" * 250 + '"' for _ in range(12))}
"""
PLAIN = """@ MX 10 mx
mx A 192.0.2.3
null MX 0 .
"""


class Asker:
    def __init__(self, config: Path) -> None:
        self.config = config

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, "--config", str(self.config), *words],
            capture_output=True,
            text=True,
            timeout=60,
        )

    def json(self, *words: str) -> dict[str, Any]:
        done = self.run("--json", "dns", *words)
        assert (done.returncode, done.stderr) == (0, ""), done
        return dict(json.loads(done.stdout))

    def fails(self, status: int, *words: str) -> str:
        done = self.run("dns", *words)
        assert (done.returncode, done.stdout) == (status, ""), done
        return done.stderr


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    if reason := why_not():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("dns")
    server = NameServer(folder)
    server.add("signed.test", SIGNED, signed=True)
    server.add("plain.test", PLAIN)
    server.add("old.test", PLAIN, signed=True, options=OLD)
    forged = server.add("forged.test", PLAIN, signed=True)
    forged.write_text(forged.read_text().replace("192.0.2.3", "192.0.2.66"))
    server.start()
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))  # takes questions, answers none
        zones = "".join(
            f"zone {zone} {{ servers {server.address}; signed {signed}; }}\n"
            for zone, signed in (("signed.test", "yes"), ("plain.test", "no"),
                                 ("old.test", "yes"), ("forged.test", "yes"))
        )  # fmt: skip
        zones += f"zone silent.test {{ servers 127.0.0.1:{silent.getsockname()[1]}; }}\n"
        config = folder / "rookery.conf"
        config.write_text(
            f"hostname mail.signed.test; data {folder}/data;\n"
            f'dns {{ root_key ""; anchors {folder}/anchors; timeout {int(TIMEOUT * 1000)}ms;\n{zones}}}\n'
        )
        yield Asker(config)
    server.stop()


def rows(answer: dict[str, Any], key: str) -> list[Any]:
    return [row[key] for row in answer["rows"]]


def test_a_signed_zone_is_secure(asker: Asker) -> None:
    answer = asker.json("lookup", "signed.test", "MX")
    assert sorted(rows(answer, "data")) == ["10 mx.signed.test", "20 second.signed.test"]
    assert answer["secure"] is True
    assert "Secure" in asker.run("dns", "lookup", "Signed.Test.", "mx").stdout


def test_an_unsigned_zone_is_not(asker: Asker) -> None:
    answer = asker.json("lookup", "mx.plain.test", "A")
    assert (rows(answer, "data"), answer["secure"]) == (["192.0.2.3"], False)


def test_aliases_are_as_secure_as_their_end(asker: Asker) -> None:
    answer = asker.json("lookup", "www.signed.test", "A")
    assert (rows(answer, "name"), answer["secure"]) == (["mx.signed.test"], True)
    answer = asker.json("lookup", "out.signed.test", "A")
    assert (rows(answer, "name"), answer["secure"]) == (["mx.plain.test"], False)


@pytest.mark.parametrize("zone", ["forged.test", "old.test"])
def test_bogus_is_not_now(asker: Asker, zone: str) -> None:
    assert "bogus" in asker.fails(TEMPORARY, "lookup", f"mx.{zone}", "A")


def test_expired_signatures_hold_up_the_route(asker: Asker) -> None:
    assert "4.4.3" in asker.fails(TEMPORARY, "route", "old.test")


def test_absence_is_said_and_whether_it_is_proven(asker: Asker) -> None:
    said = asker.fails(FAILED, "lookup", "nowhere.signed.test", "A")
    assert "no name" in said and "proven" in said
    said = asker.fails(FAILED, "lookup", "mx.signed.test", "TXT")
    assert "has no TXT" in said and "proven" in said
    said = asker.fails(FAILED, "lookup", "nowhere.plain.test", "A")
    assert "no name" in said and "proven" not in said


def test_silence_is_not_now(asker: Asker) -> None:
    began = time.monotonic()
    assert "in time" in asker.fails(TEMPORARY, "lookup", "a.silent.test", "A")
    assert TIMEOUT * 0.9 < time.monotonic() - began < TIMEOUT + 10


def test_large_answers_come_by_tcp(asker: Asker) -> None:
    answer = asker.json("lookup", "large.signed.test", "TXT")
    assert (rows(answer, "data"), answer["secure"]) == (["x" * 3000], True)


def test_a_route_has_hosts_in_order_and_what_dane_demands(asker: Asker) -> None:
    route = asker.json("route", "signed.test")
    assert route["secure"] is True and route["implicit"] is False
    assert rows(route, "host") == ["mx.signed.test", "second.signed.test"]
    assert rows(route, "addresses") == [["2001:db8::1", "192.0.2.1"], ["192.0.2.2"]]
    assert rows(route, "dane") == ["verify", "encrypt"]
    assert rows(route, "tlsa") == [[f"3 1 1 {DIGEST}"], []]
    assert route["mta_sts"] == "20261127"


def test_a_route_without_signatures_demands_nothing(asker: Asker) -> None:
    route = asker.json("route", "plain.test")
    assert (route["secure"], rows(route, "dane"), route["mta_sts"]) == (False, ["none"], None)
    route = asker.json("route", "mx.plain.test")
    assert (route["implicit"], rows(route, "host")) == (True, ["mx.plain.test"])


def test_a_domain_that_takes_no_mail(asker: Asker) -> None:
    assert "5.1.10" in asker.fails(FAILED, "route", "null.plain.test")
    assert "5.1.2" in asker.fails(FAILED, "route", "nowhere.signed.test")
    assert "4.4.3" in asker.fails(TEMPORARY, "route", "silent.test")


def test_a_route_is_shown_as_a_table(asker: Asker) -> None:
    shown = asker.run("dns", "route", "signed.test").stdout.splitlines()
    assert shown[0].split() == ["preference", "host", "addresses", "secure", "dane"]
    assert shown[1].split() == ["10", "mx.signed.test", "2001:db8::1,", "192.0.2.1", "yes", "verify"]
    assert shown[-1] == "The route is secure. MTA-STS record 20261127."


def test_settings_that_cannot_be_are_said(asker: Asker, tmp_path: Path) -> None:
    for block, said in (
        ("anchors /nowhere/anchors;", "/nowhere/anchors"),
        ('root_key ""; resolv_conf /nowhere/resolv.conf;', "/nowhere/resolv.conf"),
        ('root_key ""; zone { servers 127.0.0.1:53; }', "has no name"),
    ):
        config = tmp_path / "rookery.conf"
        config.write_text(f"hostname a.example; data {tmp_path}; dns {{ {block} }}")
        assert said in Asker(config).fails(FAILED, "lookup", "a.example", "A")
