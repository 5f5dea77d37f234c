"""What a mail exchanger tells others: how mail in their name was judged (DMARC), and how TLS went when mail was
brought to them (RFC 8460). Gathered, shown, sent, and read where it arrives."""

import email
import email.message
import gzip
import json
import re
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dkim
import pytest
import samples
from elsewhere import TlsServer
from halves import DOMAIN, PASSWORD, Halves
from name_server import NameServer, dns, why_not
from shape import PATIENCE
from smtp_client import Client, encode
from web import Authority, Web

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
SCHEMA = Path(__file__).resolve().parents[1] / "lib" / "dmarc_report.xsd"
TEXT = b"From: Ann <ann@one.test>\r\nTo: bob@halves.test\r\nSubject: %s\r\n%s\r\nHello\r\n"
NAME = {"d": "urn:ietf:params:xml:ns:dmarc-2.0"}


class World:
    """one.test, which asks for both reports and tests a policy of MTA-STS that its exchanger does not keep to;
    two.test, which enforces one and asks for reports by mail; three.test, which asks for none; and four.test, which
    wants them by HTTPS only."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        self.web = Web(authority.certify(
            "mta-sts.one.test", "mta-sts.two.test", "reports.one.test", "reports.four.test"))  # fmt: skip
        for domain, mode in ("one.test", "testing"), ("two.test", "enforce"):
            policy = f"version: STSv1\r\nmode: {mode}\r\nmx: mx.{domain}\r\nmax_age: 86400\r\n"
            self.web.answers[f"mta-sts.{domain}"] = (200, "text/plain", policy)
        self.server = TlsServer(authority.certify("mail.one.test"))
        (folder / "names").mkdir()
        self.names = NameServer(folder / "names")
        self.names.add("test", "")  # DMARC looks for the organisation up there
        self.names.add("one.test", f"""@ MX 10 mx
mx A 127.0.0.1
mta-sts A 127.0.0.1
reports A 127.0.0.1
@ TXT "v=spf1 ip4:127.0.0.1 -all"
_mta-sts TXT "v=STSv1; id=1;"
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@one.test!10m,mailto:small@one.test!10,mailto:x@three.test"
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@one.test,https://reports.one.test:{self.web.port}/v1?a=b"
""")
        self.names.add("two.test", """@ MX 10 mx
mx A 127.0.0.1
mta-sts A 127.0.0.1
_mta-sts TXT "v=STSv1; id=1;"
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@two.test"
""")
        self.names.add("four.test", f"""@ MX 10 mx
mx A 127.0.0.1
reports A 127.0.0.1
_smtp._tls TXT "v=TLSRPTv1; rua=https://reports.four.test:{self.web.port}/"
""")
        self.names.add("three.test", '@ MX 10 mx\nmx A 127.0.0.1\n@ TXT "v=spf1 -all"\n')
        self.names.start()
        block = f"""    checks {{
        trusted 192.0.2.1;
        dmarc reject;
    }}
    outbound {{
        port {self.server.port};
        https_port {self.web.port};
        authorities "@RUN@/authority.pem";
    }}
    reports {{
        on yes;
        from reports@{DOMAIN};
        organisation "Halves & Co";
    }}
"""
        self.pair = Halves(folder, block)
        # Where the confined role may read.
        (self.pair.run / "authority.pem").write_bytes(authority.file.read_bytes())
        (self.pair.run / "anchors").write_text("")
        config = self.pair.mx.config
        config.write_text(config.read_text().replace("@RUN@", str(self.pair.run))
                          + dns(self.names, self.pair.run / "anchors", *self.names.zones))  # fmt: skip
        self.pair.begin()
        self.user = self.pair.add_user("bob")
        self.pair.mx.run("dkim", "add", DOMAIN, "s1")

    def stop(self) -> None:
        self.pair.stop()
        self.web.stop()
        self.names.stop()

    def give(self, sender: bytes, subject: bytes = b"x", field: bytes = b"") -> int:
        with Client("127.0.0.1", self.pair.mx.port, b"EHLO mx.one.test") as client:
            client.begin(self.user, sender=sender)
            return client.data(TEXT % (subject, field)).code

    def submit(self, number: int, to: bytes) -> None:
        with Client("127.0.0.1", self.pair.submission) as client:
            secret = encode(b"\0%s\0%s" % (self.user.encode(), PASSWORD.encode()))
            assert client.command(b"AUTH PLAIN " + secret).code == 235
            assert client.command(b"MAIL FROM:<%s>" % self.user.encode()).code == 250
            assert client.command(b"RCPT TO:<%s>" % to).code == 250
            assert client.data(samples.numbered(number)).code == 250

    def await_sent(self, count: int) -> list[bytes]:
        end = time.monotonic() + PATIENCE
        while len(self.server.messages) < count:
            assert time.monotonic() < end, self.pair.mx.log.read_text()[-3000:]
            time.sleep(0.02)
        return [text for _, text in self.server.messages]

    def await_reports(self, count: int) -> list[bytes]:
        """So many different ones. What was under way at a kill comes twice, as all mail."""
        end = time.monotonic() + PATIENCE
        while True:
            found = {str(email.message_from_bytes(text)["Message-ID"]): text for _, text in self.server.messages
                     if b"Report-ID:" in text}  # fmt: skip
            if len(found) >= count:
                assert len(found) == count, found.keys()
                return list(found.values())
            assert time.monotonic() < end, self.pair.mx.log.read_text()[-3000:]
            time.sleep(0.02)

    def gathered(self) -> dict[tuple[str, str], tuple[int, int]]:
        """By domain and kind, how many were counted and have failed."""
        rows = self.pair.mx.run("report", "list")["rows"]
        assert all(row["here"] for row in rows)
        return {(row["domain"], row["kind"]): (row["counted"], row["failures"]) for row in rows}

    def send(self, *domain: str) -> list[Any]:
        rows: list[Any] = self.pair.mx.run("report", "send", *domain)["rows"]
        return rows


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("reports"))
    yield made
    made.stop()


def read(text: bytes, kind: str) -> tuple[email.message.Message, bytes]:
    """A report's message, and what its file has."""
    message = email.message_from_bytes(text)
    parts = [part for part in message.walk() if part.get_content_type() == kind]
    assert len(parts) == 1, message
    body = parts[0].get_payload(decode=True)
    assert isinstance(body, bytes)
    return message, gzip.decompress(body)


def is_signed(world: World, text: bytes) -> bool:
    rows = world.pair.mx.run("domain", "dns", DOMAIN)["rows"]
    records = {row["name"]: "".join(re.findall(r'"([^"]*)"', row["data"])) for row in rows if row["type"] == "TXT"}

    def look_up(name: bytes, timeout: int = 5) -> bytes:
        return records[name.decode()].encode()

    return bool(dkim.DKIM(text.removesuffix(b".\r\n")).verify(dnsfunc=look_up))


def check_dmarc(world: World, text: bytes) -> None:
    message, body = read(text, "application/gzip")
    assert message["To"] == "<dmarc@one.test>", "one wants no file so large, the other one never said yes"
    assert message["From"] == f"<reports@{DOMAIN}>" and message["Auto-Submitted"] == "auto-generated"
    assert is_signed(world, text)
    done = subprocess.run(["xmllint", "--noout", "--schema", SCHEMA, "-"], input=body, capture_output=True)
    assert done.returncode == 0, (done.stderr, body)
    tree = ElementTree.fromstring(body)
    assert tree.findtext("d:report_metadata/d:org_name", namespaces=NAME) == "Halves & Co"
    assert tree.findtext("d:policy_published/d:domain", namespaces=NAME) == "one.test"
    rows = {
        tuple(row.findtext(f"d:row/d:policy_evaluated/d:{name}", namespaces=NAME) for name in ("spf", "dkim", "disposition"))
        + (row.findtext("d:identifiers/d:envelope_from", namespaces=NAME), row.findtext("d:row/d:count", namespaces=NAME))
        for row in tree.findall("d:record", NAME)
    }  # fmt: skip
    assert rows == {("pass", "fail", "pass", "one.test", "2"), ("fail", "fail", "reject", "three.test", "1")}


def check_tls(world: World, body: bytes) -> None:
    report = json.loads(body)
    assert report["organization-name"] == "Halves & Co" and report["contact-info"] == f"reports@{DOMAIN}"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", report["date-range"]["start-datetime"])
    (part,) = report["policies"]
    assert part["policy"] == {
        "policy-type": "sts",
        "policy-string": ["version: STSv1", "mode: testing", "mx: mx.one.test", "max_age: 86400"],
        "policy-domain": "one.test",
        "mx-host": ["mx.one.test"],
    }
    assert part["summary"] == {"total-successful-session-count": 0, "total-failure-session-count": 1}
    (detail,) = part["failure-details"]
    assert detail == {
        "result-type": "certificate-host-mismatch",
        "sending-mta-ip": "127.0.0.1",
        "receiving-mx-hostname": "mx.one.test",
        "receiving-ip": "127.0.0.1",
        "failed-session-count": 1,
        "failure-reason-code": detail["failure-reason-code"],
    }
    assert "mismatch" in detail["failure-reason-code"]


def test_what_is_counted_survives_and_is_told_once(world: World) -> None:
    assert world.give(b"ann@one.test") == 250
    assert world.give(b"ann@one.test") == 250
    assert world.give(b"eve@three.test") == 550
    world.pair.mx.stop()  # within a minute: it is written down as it stops
    world.pair.mx.start()
    assert world.gathered() == {("one.test", "dmarc"): (3, 1)}
    world.submit(1, b"x@one.test")
    world.submit(2, b"x@three.test")
    assert all(b"Subject: number" in text for text in world.await_sent(2)), "what is tested goes on"
    wanted = {("one.test", "dmarc"): (3, 1), ("one.test", "tls"): (1, 1)}
    assert world.gathered() == wanted, "three.test asks for nothing"
    world.pair.mx.kill()  # what the list has shown is on the disk
    world.pair.mx.start()
    assert world.gathered() == wanted
    shown = world.pair.mx.run("report", "show", "one.test")["rows"]
    assert any(row["result"].startswith("certificate-host-mismatch") for row in shown), shown
    assert {row["source"] for row in shown if row["kind"] == "dmarc"} == {"127.0.0.1"}
    sent = world.send()
    world.pair.mx.kill()  # nothing is lost, and nothing gathered anew
    world.pair.mx.start()
    assert {(row["kind"], row["destinations"], row["failed"]) for row in sent} == {
        ("dmarc", 1, False), ("tls", 2, False)}, sent  # fmt: skip
    assert world.gathered() == {} and world.send() == []
    reports = world.await_reports(2)
    (dmarc,) = (text for text in reports if b"TLS-Report-Domain" not in text)
    check_dmarc(world, dmarc)
    (tls,) = (text for text in reports if b"TLS-Report-Domain: one.test" in text)
    message, body = read(tls, "application/tlsrpt+gzip")
    assert message.get_content_type() == "multipart/report" and message.get_param("report-type") == "tlsrpt"
    assert message["To"] == "<tls@one.test>" and message["TLS-Report-Submitter"] == DOMAIN
    name = next(part.get_filename() for part in message.walk() if part.get_filename())
    assert re.fullmatch(rf"{DOMAIN}!one\.test!\d+!\d+\.json\.gz", name or "")
    assert is_signed(world, tls)
    check_tls(world, body)
    ((path, kind, posted),) = world.web.posted
    assert (path, kind) == ("/v1?a=b", "application/tlsrpt+gzip") and gzip.decompress(posted) == body


def test_reports_are_not_reported_on(world: World) -> None:
    """What brings a report of TLS is no session, and who sends us reports and passes DMARC is not counted."""
    assert world.give(b"ann@one.test", b"Report Domain: halves.test Submitter: one.test Report-ID: <1>") == 250
    assert world.give(b"ann@one.test", field=b"TLS-Report-Domain: halves.test\r\n") == 250
    assert world.give(b"eve@three.test", field=b"TLS-Report-Domain: halves.test\r\n") == 550
    counted = world.gathered()
    assert counted[("one.test", "dmarc")] == (1, 1), "who fails is counted all the same"
    world.send("one.test")
    end = time.monotonic() + PATIENCE
    while world.pair.mx.run("queue", "list")["rows"]:
        assert time.monotonic() < end
        time.sleep(0.02)
    tls = world.gathered().get(("one.test", "tls"), (0, 0))
    assert tls[0] <= 1, "only the session with the report of DMARC"


def test_a_report_of_tls_goes_though_tls_is_broken_there(world: World) -> None:
    """The policy is enforced, and its exchanger has no certificate that would do: mail waits, the report goes."""
    before = len(world.server.messages)
    world.submit(3, b"x@two.test")
    end = time.monotonic() + PATIENCE
    while not (found := world.pair.mx.run("queue", "destinations")["rows"]) or not found[0]["reason"]:
        assert time.monotonic() < end, world.pair.mx.log.read_text()[-3000:]
        time.sleep(0.02)
    assert found[0]["name"] == "two.test" and "certificate" in found[0]["reason"].lower()
    assert world.gathered()[("two.test", "tls")] == (1, 1)
    (sent,) = world.send("two.test")
    assert (sent["kind"], sent["destinations"]) == ("tls", 1), sent
    (text,) = world.await_sent(before + 1)[before:]
    _, body = read(text, "application/tlsrpt+gzip")
    (part,) = json.loads(body)["policies"]
    assert part["failure-details"][0]["result-type"] == "certificate-host-mismatch"
    assert ("two.test", "tls") not in world.gathered()


def test_who_takes_no_report_is_asked_again(world: World) -> None:
    world.web.post_status = 500
    world.submit(4, b"x@four.test")
    end = time.monotonic() + PATIENCE
    while ("four.test", "tls") not in world.gathered():
        assert time.monotonic() < end
        time.sleep(0.02)
    (sent,) = world.send("four.test")
    assert sent["failed"] and "500" in sent["result"], sent
    world.web.post_status = 200
    (row,) = (row for row in world.pair.mx.run("report", "list")["rows"] if row["domain"] == "four.test")
    assert row["attempts"] == 1 and row["counted"] == 1, row
    (sent,) = world.send("four.test")
    assert sent["destinations"] == 1, sent
