"""Dovecot behind the proxy: logins by password, by a master and by token; COMPRESS; ManageSieve."""

import base64
import re
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from dovecot_backend import MASTER, MASTER_PASSWORD, TOKEN, DovecotBackend, why_not
from halves import PASSWORD
from proxied import DOMAIN, Directory, Line, Proxy
from shape import PATIENCE, open_to_roles

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
CARL = f"carl@{DOMAIN}"
PLAIN = base64.b64encode(f"\0{CARL}\0{PASSWORD}".encode()).decode()
WRONG = base64.b64encode(f"\0{CARL}\0wrong".encode()).decode()
NO_SUBMISSION = "without submission; without submissions;"


def bearer(token: str) -> str:
    return base64.b64encode(f"n,a={CARL},\x01host=x\x01port=143\x01auth=Bearer {token}\x01\x01".encode()).decode()


def xoauth2(token: str) -> str:
    return base64.b64encode(f"user={CARL}\x01auth=Bearer {token}\x01\x01".encode()).decode()


class World:
    def __init__(self, folder: Path, more: str = "") -> None:
        open_to_roles(folder)
        self.dovecot = DovecotBackend(CARL)
        self.directory = Directory()
        self.directory.places[CARL] = self.dovecot.host
        self.proxy = Proxy(folder, self.directory, [self.dovecot], NO_SUBMISSION + "front_ends 127.0.0.9;" + more)

    def start(self) -> "World":
        self.proxy.start()
        return self

    def stop(self) -> None:
        self.proxy.stop()
        self.directory.stop()
        self.dovecot.stop()
        log = self.proxy.log()
        assert PASSWORD not in log and MASTER_PASSWORD not in log and TOKEN not in log
        assert "Sanitizer" not in log and "must(" not in log

    def line(self, protocol: str, source: str = "127.0.0.1") -> Line:
        return Line(self.proxy.ports[protocol], source)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("dovecot"), "oauth yes;").start()
    yield world
    world.stop()


@pytest.fixture(scope="module")
def by_master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("master")
    world = World(folder, "login master;")
    secret = world.proxy.run / "secret"
    secret.write_text(MASTER_PASSWORD + "\n")
    config = world.proxy.half.config
    more = f"login master;\n    master_user {MASTER};\n    master_secret_file {secret};"
    config.write_text(config.read_text().replace("login master;", more))
    world.start()
    yield world
    world.stop()


def imap(client: Line, text: str) -> list[str]:
    lines = [client.do(text)]
    while not lines[-1].startswith(text.split()[0] + " "):
        lines.append(client.line())
    return lines


def test_imap_by_password_and_its_words_for_a_wrong_one(world: World) -> None:
    with world.line("imap") as client:
        assert "[AUTHENTICATIONFAILED] Authentication failed." in imap(client, f"a LOGIN {CARL} wrong")[-1]
        done = imap(client, f"b LOGIN {CARL} {PASSWORD}")
        assert done[-1].startswith("b OK [CAPABILITY IMAP4rev1 ") and "COMPRESS=DEFLATE" in done[-1]
        assert imap(client, "c SELECT INBOX")[-1].startswith("c OK")
    with world.line("imap") as client:
        assert "IDLE" in client.greeting and "LITERAL+" in client.greeting  # as Dovecot says


def test_compress_passes(world: World) -> None:
    with world.line("imap") as client:
        imap(client, f"a LOGIN {CARL} {PASSWORD}")
        assert imap(client, "b COMPRESS DEFLATE")[-1].startswith("b OK")
        deflate = zlib.compressobj(wbits=-15)
        client.socket.sendall(deflate.compress(b"c SELECT INBOX\r\n") + deflate.flush(zlib.Z_SYNC_FLUSH))
        inflate, text = zlib.decompressobj(wbits=-15), b""
        while b"\r\nc OK" not in text:
            text += inflate.decompress(client.input.read1())
        assert b"* FLAGS" in text


def test_dovecot_knows_the_client_by_id_and_xclient(world: World) -> None:
    with world.line("imap", "127.0.0.7") as client:
        imap(client, f"a LOGIN {CARL} {PASSWORD}")
    with world.line("pop3", "127.0.0.6") as client:
        assert client.do(f"AUTH PLAIN {PLAIN}").startswith("+OK")
    with world.line("managesieve", "127.0.0.5") as client:
        sieve(client)
        assert sieve(client, f'AUTHENTICATE "PLAIN" "{PLAIN}"')[-1].startswith("OK")
    said = world.dovecot.said()
    for protocol, address in (("imap", "127.0.0.7"), ("pop3", "127.0.0.6"), ("managesieve", "127.0.0.5")):
        assert re.search(rf"{protocol}-login: .*Login: user=<{re.escape(CARL)}>.*rip={re.escape(address)},", said), said


def test_pop3_by_password(world: World) -> None:
    with world.line("pop3") as client:
        assert client.do(f"USER {CARL}").startswith("+OK")
        assert client.do("PASS wrong") == "-ERR [AUTH] Authentication failed."
        assert client.do(f"AUTH PLAIN {PLAIN}").startswith("+OK")
        assert client.do("STAT").startswith("+OK ")


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_tokens_go_to_the_back_end_and_its_words_come_back(world: World, mechanism: str) -> None:
    message = bearer if mechanism == "OAUTHBEARER" else xoauth2
    answer = "AQ==" if mechanism == "OAUTHBEARER" else ""
    with world.line("imap") as client:
        assert f"AUTH={mechanism}" in client.greeting
        said = client.do(f"a AUTHENTICATE {mechanism} {message('another')}")
        assert '"status":"' in base64.b64decode(said.removeprefix("+ ")).decode()
        assert "NO [AUTHENTICATIONFAILED]" in imap_answer(client, answer)
        assert imap(client, f"b AUTHENTICATE {mechanism} {message(TOKEN)}")[-1].startswith("b OK [CAPABILITY")
        assert imap(client, "c SELECT INBOX")[-1].startswith("c OK")
    with world.line("pop3") as client:
        said = client.do(f"AUTH {mechanism} {message('another')}")
        assert '"status":"' in base64.b64decode(said.removeprefix("+ ")).decode()
        assert client.do(answer).startswith("-ERR [AUTH]")
        assert client.do(f"AUTH {mechanism} {message(TOKEN)}").startswith("+OK")
    with world.line("managesieve") as client:
        sieve(client)
        said = client.do(f'AUTHENTICATE "{mechanism}" "{message("another")}"')
        assert '"status":"' in base64.b64decode(said.strip('"')).decode()
        assert client.do(f'"{answer}"').startswith("NO")
        assert sieve(client, f'AUTHENTICATE "{mechanism}" "{message(TOKEN)}"')[-1].startswith("OK")


def imap_answer(client: Line, text: str) -> str:
    line = client.do(text)
    while line.startswith("* "):
        line = client.line()
    return line


def sieve(client: Line, text: str | None = None) -> list[str]:
    """An answer; without a command what is said by itself, whose first line is read already."""
    lines = [client.do(text) if text is not None else client.greeting]
    while not lines[-1].startswith(("OK", "NO", "BYE")):
        lines.append(client.line())
    return lines


def test_managesieve(world: World) -> None:
    with world.line("managesieve") as client:
        sieve(client)
        said = sieve(client, "LISTSCRIPTS")
        assert said == ['NO "Log in first"']
        assert sieve(client, 'NOOP "a b"') == ['OK (TAG "a b") "Done"']
        assert sieve(client, f'AUTHENTICATE "PLAIN" "{WRONG}"')[-1].startswith('NO "Authentication failed')
        assert sieve(client, f'AUTHENTICATE "PLAIN" "{PLAIN}"')[-1].startswith("OK")
        script = 'require "fileinto";\r\nfileinto "x";\r\n'
        assert sieve(client, f'PUTSCRIPT "mine" {{{len(script)}+}}\r\n{script}')[-1].startswith("OK")
        assert '"mine"' in sieve(client, "LISTSCRIPTS")
    with world.line("managesieve") as client, Line(world.dovecot.ports["managesieve"]) as direct:
        own = ('"SASL"', '"STARTTLS"', '"XCLIENT"', "OK")
        ours = [line for line in sieve(client) if not line.startswith(own)]
        assert ours == [line for line in sieve(direct) if not line.startswith(own)]


def test_managesieve_by_starttls_literals_and_steps(world: World) -> None:
    with world.line("managesieve") as client:
        assert '"STARTTLS"' in sieve(client)
        assert sieve(client, "STARTTLS")[-1].startswith("OK")
        client.start_tls(world.proxy.ca)
        said = sieve(client, "CAPABILITY")
        while client.socket.pending():  # type: ignore[attr-defined]
            said += sieve(client, "NOOP")
        assert '"STARTTLS"' not in said
    with world.line("managesieve") as client:
        sieve(client)
        assert client.do('AUTHENTICATE "LOGIN"') == f'"{base64.b64encode(b"Username:").decode()}"'
        assert client.do('"*"').startswith("NO")
        assert client.do('AUTHENTICATE "PLAIN"') == '""'
        assert sieve(client, f"{{{len(PLAIN)}+}}\r\n{PLAIN}")[-1].startswith("OK")
        assert sieve(client, "LISTSCRIPTS")[-1].startswith("OK")


def test_what_is_no_managesieve_is_refused(world: World) -> None:
    for text in ('AUTHENTICATE "PLAIN', 'a "b\\', "x\x01y", 'AUTHENTICATE {99999999+}\r\n'):
        with world.line("managesieve") as client:
            sieve(client)
            client.send(text + "\r\n")
            assert client.line().startswith(("NO", "BYE"))


def test_a_master_logs_in_for_whom_the_directory_knows(by_master: World) -> None:
    asked = len(by_master.directory.asked)
    with by_master.line("imap") as client:
        assert "NO [AUTHENTICATIONFAILED]" in imap(client, f"a LOGIN {CARL} wrong")[-1]
        assert imap(client, f"b LOGIN {CARL} {PASSWORD}")[-1].startswith("b OK")
    with by_master.line("pop3") as client:
        assert client.do(f"AUTH PLAIN {PLAIN}").startswith("+OK")
    with by_master.line("managesieve") as client:
        sieve(client)
        assert sieve(client, f'AUTHENTICATE "PLAIN" "{PLAIN}"')[-1].startswith("OK")
    assert [word.split()[0] for word in by_master.directory.asked[asked:]] == ["check"] * 4


def test_a_master_who_is_refused_is_not_the_users_fault(by_master: World) -> None:
    masters = by_master.dovecot.folder / "masters"
    text = masters.read_text()
    masters.write_text(text.replace(MASTER_PASSWORD, "changed"))
    try:
        answer, end = "a OK", time.monotonic() + PATIENCE
        while answer.startswith("a OK"):  # Dovecot reads the file anew by and by
            assert time.monotonic() < end
            with by_master.line("imap") as client:
                answer = imap(client, f"a LOGIN {CARL} {PASSWORD}")[-1]
        assert answer.startswith("a NO [UNAVAILABLE]")
    finally:
        masters.write_text(text)


def test_mbsync_through_the_proxy(world: World, tmp_path: Path) -> None:
    with world.line("imap") as client:
        imap(client, f"a LOGIN {CARL} {PASSWORD}")
        client.send("b APPEND INBOX {19+}\r\nSubject: synced\r\n\r\n\r\n")
        assert imap_answer(client, "c NOOP").startswith("b OK")
    (tmp_path / "mail").mkdir()
    (tmp_path / "mbsyncrc").write_text(
        f"IMAPAccount a\nHost localhost\nPort {world.proxy.ports['imaps']}\nUser {CARL}\nPass {PASSWORD}\n"
        f"SSLType IMAPS\nCertificateFile {world.proxy.ca}\n\nIMAPStore far\nAccount a\n\n"
        f"MaildirStore near\nPath {tmp_path}/mail/\nInbox {tmp_path}/mail/INBOX\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSyncState *\n"
    )
    done = subprocess.run(["mbsync", "-c", tmp_path / "mbsyncrc", "-a"], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done
    assert any(b"Subject: synced" in path.read_bytes() for path in (tmp_path / "mail/INBOX").rglob("*") if path.is_file())
