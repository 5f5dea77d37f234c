"""DKIM and ARC against dkimpy and Mail::DKIM from Debian's packages: what one signs the other accepts."""

import base64
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import dkim
import pytest

ROOT = Path(__file__).resolve().parents[2]
PERL = ROOT / "tests" / "lib" / "mail_dkim.pl"
DOMAIN = "example.org"
RESULTS = "mx.example.org;\r\n\tspf=pass smtp.mailfrom=a@example.net"

HEADER = b"From: A <a@example.org>\r\nTo: b@example.net\r\nSubject: Greetings\r\n"
MESSAGES = {
    "plain": HEADER + b"Date: Fri, 27 Nov 2026 03:00:00 +0000\r\n\r\nHello,\r\n\r\nworld\r\n",
    "empty body": HEADER + b"\r\n",
    "no body": HEADER,
    "no last line end": HEADER + b"\r\nHello",
    "empty lines": HEADER + b"\r\n\r\n\r\nHello\r\n\r\n\r\n\r\n",
    "white space": HEADER + b"\r\n  a \t b\t\r\n\t\r\n c  \r\n \r\n \r\n",
    "folds": b"FROM: a@example.org\r\nSubject: a\r\n  b\r\n\t c \r\nTo:\r\n b\r\nCc: \r\n\r\nx\r\n",
    "twice": b"Cc: a\r\nCc: b\r\nFrom: a@example.org\r\nReferences: <1>\r\nReferences: <2>\r\n\r\nx\r\n",
    "8 bit": HEADER + "Comments: grüß\r\n\r\ngrüß\r\n".encode() + b"\xff\xfe\x00\r\n",
    "long": HEADER + b"References: " + b" <x@y>\r\n" * 500 + b"\r\n" + b"word " * 20000 + b"\r\n",
}


def run(*words: object, text: bytes = b"") -> bytes:
    command = [str(word) for word in words]
    done = subprocess.run(command, input=text, capture_output=True, timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:].decode(errors="replace")
    return done.stdout


@dataclass
class World:
    """Our tool, two keys, and the file with their records."""

    tool: Path
    folder: Path

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    def pem(self, kind: str) -> Path:
        return self.folder / f"{kind}.pem"

    def text_of(self, name: bytes, timeout: int = 0) -> bytes | None:
        """What dkimpy asks DNS."""
        for line in self.keys.read_bytes().splitlines():
            known, _, text = line.partition(b" ")
            if known == name.rstrip(b"."):
                return text
        return None

    def sign(self, message: bytes) -> bytes:
        pairs = ["rsa", self.pem("rsa"), "ed25519", self.pem("ed25519")]
        return run(self.tool, "sign", DOMAIN, *pairs, text=message)

    def verify(self, message: bytes) -> list[str]:
        said = run(self.tool, "verify", self.keys, text=message).decode()
        return [line.split()[0] for line in said.splitlines()]

    def seal(self, message: bytes) -> bytes:
        signer = [DOMAIN, "rsa", self.pem("rsa")]
        return run(self.tool, "arc-seal", self.keys, *signer, RESULTS, text=message)

    def chain(self, message: bytes) -> str:
        return run(self.tool, "arc-verify", self.keys, text=message).decode().split()[0]

    def seal_by_dkimpy(self, message: bytes) -> bytes:
        found = f"arc={self.chain(message)}; spf=pass smtp.mailfrom=a@example.net"
        host = f"mx{message.count(b'ARC-Seal:')}.example.net"
        came = f"Authentication-Results: {host}; {found}\r\n".encode()
        signed = [b"from", b"to", b"subject", b"date"]
        key = self.pem("rsa").read_bytes()
        fields = dkim.arc_sign(
            came + message, b"rsa", DOMAIN.encode(), key, host.encode(), include_headers=signed
        )
        return b"".join(fields) + came + message

    def chain_by_dkimpy(self, message: bytes) -> str:
        status, _, _ = dkim.arc_verify(message, dnsfunc=self.text_of)
        return status.decode()

    def good_by_dkimpy(self, message: bytes, index: int = 0) -> bool:
        try:
            return bool(dkim.DKIM(message).verify(index, dnsfunc=self.text_of))
        except dkim.ValidationError:
            return False

    def perl(self, verb: str, message: bytes) -> list[str]:
        said = run("/usr/bin/perl", PERL, verb, self.keys, text=message).decode()
        return said.splitlines()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    program = Path(os.environ.get("ROOKERY") or ROOT / "build" / "src" / "cli" / "rookery")
    build = program.resolve().parents[2]
    run("ninja", "-C", build, "src/filter/dkim_probe")
    made = World(build / "src" / "filter" / "dkim_probe", tmp_path_factory.mktemp("dkim"))
    lines = []
    for kind in ("rsa", "ed25519"):
        made.pem(kind).write_bytes(run(made.tool, "key", kind))
        record = run(made.tool, "record", made.pem(kind)).decode()
        lines.append(f"{kind}._domainkey.{DOMAIN} {record}")
    made.keys.write_text("".join(lines))
    return made


@pytest.fixture(params=MESSAGES)
def message(request: pytest.FixtureRequest) -> bytes:
    return MESSAGES[request.param]


def test_what_we_sign_verifies_elsewhere(world: World, message: bytes) -> None:
    signed = world.sign(message)
    assert world.verify(signed) == ["pass", "pass"]
    assert world.good_by_dkimpy(signed, 0)
    assert world.good_by_dkimpy(signed, 1)
    assert f"pass {DOMAIN} rsa" in world.perl("verify", signed)


def test_what_was_changed_fails_everywhere(world: World) -> None:
    signed = world.sign(MESSAGES["plain"])
    for old, new in ((b"world", b"word"), (b"Greetings", b"Goodbye"), (b"From:", b"From: x\r\nFrom:")):
        changed = signed.replace(old, new)
        assert world.verify(changed) == ["fail", "fail"]
        assert not world.good_by_dkimpy(changed)
        assert f"fail {DOMAIN} rsa" in world.perl("verify", changed)


@pytest.mark.parametrize("header_form", [b"simple", b"relaxed"])
@pytest.mark.parametrize("body_form", [b"simple", b"relaxed"])
def test_what_dkimpy_signs_verifies_here(
    world: World, message: bytes, header_form: bytes, body_form: bytes
) -> None:
    signed = message
    raw = run("openssl", "pkey", "-in", world.pem("ed25519"), "-outform", "DER")[-32:]
    for kind, key in (("rsa", world.pem("rsa").read_bytes()), ("ed25519", base64.b64encode(raw))):
        field = dkim.sign(
            message,
            kind.encode(),
            DOMAIN.encode(),
            key,
            canonicalize=(header_form, body_form),
            signature_algorithm=f"{kind}-sha256".encode(),
        )
        signed = field + signed
    assert world.verify(signed) == ["pass", "pass"]


@pytest.mark.parametrize("method", ["simple/simple", "relaxed/relaxed"])
def test_what_mail_dkim_signs_verifies_here(world: World, message: bytes, method: str) -> None:
    field = run("/usr/bin/perl", PERL, "sign", DOMAIN, "rsa", world.pem("rsa"), method, text=message)
    assert world.verify(field + message) == ["pass"]


def test_chains_that_we_seal_hold_elsewhere(world: World, message: bytes) -> None:
    assert world.chain(message) == "none"
    once = world.seal(message)
    twice = world.seal(b"Received: from a by b\r\n" + once)
    for sealed in (once, twice):
        assert world.chain(sealed) == "pass"
        assert world.chain_by_dkimpy(sealed) == "pass"
        assert world.perl("arc", sealed) == ["pass"]


def test_chains_that_others_seal_hold_here_and_go_on(world: World) -> None:
    other = world.seal_by_dkimpy(MESSAGES["plain"])
    assert world.chain(other) == "pass"
    mixed = world.seal(world.seal_by_dkimpy(world.seal(other)))
    assert mixed.count(b"ARC-Seal:") == 4
    assert world.chain(mixed) == "pass"
    assert world.chain_by_dkimpy(mixed) == "pass"
    assert world.perl("arc", mixed) == ["pass"]


def test_a_broken_chain_is_broken_for_all(world: World) -> None:
    sealed = world.seal(world.seal(MESSAGES["plain"]))
    for old, new in ((b"world", b"word"), (b"i=1; mx.example", b"i=1; mx2.example")):
        changed = sealed.replace(old, new)
        assert world.chain(changed) == "fail"
        assert world.chain_by_dkimpy(changed) == "fail"
        assert world.perl("arc", changed) == ["fail"]
