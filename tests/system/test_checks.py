"""What mx asks about mail from other servers: SPF, DKIM, DMARC, and what it says of it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import dkim
import pytest
from halves import DOMAIN, Halves, await_first
from name_server import NameServer, why_not
from smtp_client import Client

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

TEXT = (
    b"From: Ann <ann@%s>\r\nTo: bob@halves.test\r\nSubject: checks\r\n"
    b"Date: Fri, 27 Nov 2026 04:00:00 +0000\r\nMessage-ID: <1@a.test>\r\n\r\nHello\r\n"
)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """A private key as PEM, and its record."""
    file = tmp_path_factory.mktemp("key") / "key.pem"
    subprocess.run(["openssl", "genrsa", "-traditional", "-out", file, "2048"], check=True, capture_output=True)
    public = subprocess.run(
        ["openssl", "rsa", "-in", file, "-pubout"], check=True, capture_output=True, text=True
    ).stdout
    text = "".join(public.splitlines()[1:-1])
    return file.read_bytes(), f'"v=DKIM1; k=rsa; p={text[:200]}" "{text[200:]}"'


Start = Callable[[str], Halves]


@pytest.fixture
def start(tmp_path: Path, key: tuple[bytes, str]) -> Iterator[Start]:
    folder = tmp_path / "names"
    folder.mkdir()
    names = NameServer(folder)
    names.add("good.test", f'@ TXT "v=spf1 ip4:127.0.0.1 -all"\ns1._domainkey TXT {key[1]}\n'
              '_dmarc TXT "v=DMARC1; p=reject"\n')  # fmt: skip
    names.add("other.test", '@ TXT "v=spf1 -all"\n')
    names.add("test", "")  # DMARC looks for the organisation up there
    names.start()
    started: list[Halves] = []

    def begin(more: str) -> Halves:
        pair = Halves(tmp_path, f"    checks {{\n        trusted 192.0.2.1;\n{more}    }}\n")
        zones = "".join(
            f"    zone {zone} {{\n        servers {names.address};\n    }}\n"
            for zone in ("test", "good.test", "other.test")
        )
        pair.mx.config.write_text(
            pair.mx.config.read_text() + f'dns {{\n    root_key "";\n{zones}}}\n'
        )
        started.append(pair)
        return pair.begin()

    yield begin
    for pair in started:
        pair.stop()
    names.stop()


def give(pair: Halves, text: bytes, sender: bytes, to: str) -> tuple[int, str]:
    with Client("127.0.0.1", pair.mx.port, b"EHLO mail.good.test") as client:
        client.begin(to, sender=sender)
        reply = client.data(text)
        return reply.code, reply.status


def result(text: bytes) -> str:
    """The first field, unfolded."""
    header = text.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ")
    fields = [line for line in header.split(b"\r\n") if line.startswith(b"Authentication-Results:")]
    assert len(fields) == 1, fields
    return fields[0].decode()


def test_good_mail_is_told_to_be_so(start: Start, key: tuple[bytes, str]) -> None:
    pair = start("")
    bob = pair.add_user("bob")
    text = TEXT % b"good.test"
    text = dkim.sign(text, b"s1", b"good.test", key[0]) + text
    forged = f"Authentication-Results: mail.{DOMAIN}; spf=pass\r\n".encode()
    assert give(pair, forged + text, b"ann@good.test", bob) == (250, "2.0.0")
    found = result(await_first(pair, bob))
    for part in (f"mail.{DOMAIN};", "spf=pass", "smtp.mailfrom=ann@good.test", "dkim=pass",
                 "header.d=good.test", "dmarc=pass", "header.from=good.test"):  # fmt: skip
        assert part in found, (part, found)


def test_bad_mail_is_marked(start: Start) -> None:
    pair = start("")
    bob = pair.add_user("bob")
    assert give(pair, TEXT % b"good.test", b"eve@other.test", bob) == (250, "2.0.0")
    found = result(await_first(pair, bob))
    for part in ("spf=fail", "dkim=none", "dmarc=fail"):
        assert part in found, (part, found)


def test_mail_is_refused_where_its_author_wants_that(start: Start, key: tuple[bytes, str]) -> None:
    pair = start("        dmarc reject;\n")
    bob = pair.add_user("bob")
    assert give(pair, TEXT % b"good.test", b"eve@other.test", bob) == (550, "5.7.1")
    text = TEXT % b"good.test"
    text = dkim.sign(text, b"s1", b"good.test", key[0]) + text
    assert give(pair, text, b"eve@other.test", bob) == (250, "2.0.0"), "its signature holds"
