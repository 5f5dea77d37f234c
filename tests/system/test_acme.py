"""Certificates that an authority gives by itself (ACME), from a real one: had, presented, renewed, and what
holds when it is away."""

import http.client
import shutil
import smtplib
import socket
import ssl
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authority import MAC_KEY, Authority, Names, Server, why_not
from halves import ports
from shape import PATIENCE

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
NAME, OTHER = "mail.acme.test", "imap.acme.test"
PAIRED, LOST, CRASHED = "pair.acme.test", "lost.acme.test", "crashed.acme.test"
NAMES = f"names {NAME} {OTHER};"


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Names]:
    names = Names(tmp_path_factory.mktemp("names"))
    yield names
    names.stop()


@pytest.fixture(scope="module")
def authority(names: Names, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    authority = Authority(tmp_path_factory.mktemp("authority") / "one", names)
    yield authority
    authority.stop()


@pytest.fixture
def run() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rookery-"))  # paths of sockets are short
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """By http-01; it has its first certificate."""
    folder = Path(tempfile.mkdtemp(prefix="rookery-"))
    server = Server(tmp_path_factory.mktemp("http") / "a", folder, authority, f"{NAMES} contact ann@acme.test;")
    server.start()
    server.await_shown(NAME, "not_after")
    yield server
    server.stop()
    shutil.rmtree(folder)


def starttls(server: Server, root: str, name: str) -> str:
    """Its serial number, which is trusted and for that name."""
    context = ssl.create_default_context(cadata=root)
    with smtplib.SMTP(server.host, server.smtp, timeout=PATIENCE) as client:
        client.ehlo()
        assert client.docmd("STARTTLS")[0] == 220
        assert client.sock
        with context.wrap_socket(client.sock, server_hostname=name) as tls:
            serial = str((tls.getpeercert() or {})["serialNumber"])
            client.sock = client.file = None
    return serial


def imaps(server: Server, root: str, name: str) -> str:
    context = ssl.create_default_context(cadata=root)
    with socket.create_connection((server.host, server.imaps), timeout=PATIENCE) as plain:
        with context.wrap_socket(plain, server_hostname=name) as tls:
            assert tls.recv(4) == b"* OK"
            return str((tls.getpeercert() or {})["serialNumber"])


def await_presented(server: Server, root: str, name: str, unlike: str = "", serial: str = "") -> str:
    """By all roles, with no restart."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            found = imaps(server, root, name)
            wanted = found == serial if serial else found != unlike
            if wanted and (server.role_count == 1 or starttls(server, root, name) == found):
                return found
        except ssl.SSLCertVerificationError:
            pass  # the one that stands in
        assert time.monotonic() < end, server.log.read_text()[-3000:]
        time.sleep(0.05)


def ask(server: Server, path: str, method: str = "GET", host: str = NAME) -> tuple[int, str | None]:
    """The status, and where it leads."""
    client = http.client.HTTPConnection(server.host, server.authority.http_port, timeout=PATIENCE)
    client.request(method, path, headers={"Host": host})
    answer = client.getresponse()
    client.close()
    return answer.status, answer.headers["Location"]


def test_the_first_certificate_is_presented_by_all_roles(server: Server, authority: Authority) -> None:
    root = authority.root()
    await_presented(server, root, NAME)
    assert await_presented(server, root, OTHER) == await_presented(server, root, NAME)
    log = server.log.read_text()
    assert "self-signed one stands in" in log
    assert "a challenge was answered" in log and "http-01" in log
    shown = server.show(OTHER)
    assert shown["names"] == [NAME, OTHER] and "Pebble" in shown["issuer"]
    assert shown["failures"] == 0 and shown["error"] is None and shown["order"] is None
    (row,) = server.run("certificate", "list")["rows"]
    assert row["next"] < row["not_after"]


def test_private_keys_are_for_nobody_else(server: Server) -> None:
    (file,) = (server.config.parent / "server" / "certificates").iterdir()
    assert file.name == f"{NAME}.pem" and file.stat().st_mode & 0o777 == 0o640
    assert file.parent.stat().st_mode & 0o777 == 0o750
    secret = file.read_text().splitlines()[1]
    assert secret not in server.log.read_text()


def test_nothing_else_is_found_at_the_port_of_challenges(server: Server) -> None:
    for path in ("", "unknown", "../../etc/passwd", "a" * 3000):
        assert ask(server, f"/.well-known/acme-challenge/{path}") == (404, None)
    assert ask(server, "/") == (404, None)
    assert ask(server, "/", "POST") == (405, None)


def test_it_is_renewed_when_that_is_asked_for(server: Server, authority: Authority) -> None:
    root = authority.root()
    before = await_presented(server, root, NAME)
    key = server.show(NAME)["tlsa"]
    server.run("certificate", "renew", OTHER)
    assert await_presented(server, root, NAME, unlike=before) != before
    assert server.show(NAME)["tlsa"] == key and key.startswith("3 1 1 ")


def test_of_a_name_that_is_not_there_that_is_said(server: Server) -> None:
    with pytest.raises(AssertionError, match="tls.acme has no name other.test"):
        server.run("certificate", "show", "other.test")


def test_without_the_authority_the_old_one_stays(server: Server, authority: Authority) -> None:
    root = authority.root()
    before = await_presented(server, root, NAME)
    authority.stop()
    server.run("certificate", "renew")
    shown = server.await_shown(NAME, "error")
    assert "127.0.0.1" in shown["error"] and shown["failures"] == 1 and shown["next"]
    assert await_presented(server, root, NAME) == before
    with urllib.request.urlopen(f"http://{server.host}:{server.metrics}/metrics", timeout=PATIENCE) as answer:
        metrics = answer.read().decode()
    assert f'rookery_certificate_failures{{role="mx",name="{NAME}"}} 1' in metrics
    assert f'rookery_certificate_days_left{{role="mx",name="{NAME}"}} 89' in metrics
    authority.start()  # it has forgotten the account, and has another root
    server.run("certificate", "renew")
    assert server.await_shown(NAME, "failures", unlike=1)["error"] is None
    assert await_presented(server, authority.root(), NAME) != before


def test_what_the_authority_finds_wrong_is_shown(
    names: Names, authority: Authority, tmp_path: Path, run: Path
) -> None:
    names.lead(LOST, "127.0.0.9")  # where nobody answers
    with Server(tmp_path / "a", run, authority, f"names {LOST}; redirect yes;", host="127.0.0.3") as server:
        shown = server.await_shown(LOST, "error")
        assert ask(server, "/mail/", host=f"{LOST}:80") == (301, f"https://{LOST}/mail/")
        assert ask(server, "/", host="a@b") == (404, None)
    assert shown["error"].startswith(f"{LOST}: ") and "refused" in shown["error"]
    assert shown["not_after"] is None and shown["order"] is None


def test_by_tls_alpn_and_of_itself_again_and_again(names: Names, tmp_path: Path, run: Path) -> None:
    more = f"challenge tls-alpn; certificates each; eab_kid kid-1; eab_hmac_key {MAC_KEY}; reuse_key no;"
    hasty = Authority(tmp_path / "hasty", names, valid_s=6, bound=True)
    root = hasty.root()
    with Server(tmp_path / "a", run, hasty, f"{NAMES} {more}") as server:
        first = await_presented(server, root, NAME)
        key = server.show(NAME)["tlsa"]
        assert await_presented(server, root, OTHER) != first, "each name has its own"
        assert await_presented(server, root, NAME, unlike=first)
        assert server.show(NAME)["tlsa"] != key
    assert "tls-alpn-01" in server.log.read_text()
    hasty.stop()


def await_had_or_failed(server: Server, name: str, before: Any) -> bool:
    """Whether it has failed."""
    end = time.monotonic() + PATIENCE
    while (shown := server.show(name))["had"] == before and not shown["failures"]:
        assert time.monotonic() < end, shown
        time.sleep(0.05)
    return bool(shown["failures"])


def test_an_order_goes_on_after_a_crash(names: Names, authority: Authority, tmp_path: Path, run: Path) -> None:
    """Here of a store role, which may connect to little else."""
    names.lead(CRASHED, "127.0.0.4")
    with Server(tmp_path / "a", run, authority, f"names {CRASHED};", host="127.0.0.4", mx=False) as server:
        while not (shown := server.show(CRASHED))["order"]:
            if shown["not_after"]:  # that was quick
                server.run("certificate", "renew")
        server.kill()
        said = server.said()
        server.start()
        # The authority may have asked for the answer just as nobody was there: then that order is lost.
        lost = await_had_or_failed(server, CRASHED, shown["had"])
        if lost:
            server.run("certificate", "renew")
        server.await_shown(CRASHED, "had", unlike=shown["had"])
        await_presented(server, authority.root(), CRASHED)
        log = server.log.read_text()[said:]
        server.stop()
        next(server.config.parent.glob("server/certificates/*.pem")).write_text("damaged")
        server.start()
        await_presented(server, authority.root(), CRASHED)
        assert "a certificate can't be used" in server.log.read_text()
    assert "an order of a certificate goes on" in log
    assert lost or "a certificate is ordered" not in log


def await_sync(server: Server) -> None:
    end = time.monotonic() + PATIENCE
    while (status := server.run("mirror", "status"))["state"] != "in sync" or status["queue"]["state"] != "in sync":
        assert time.monotonic() < end, status
        time.sleep(0.05)


@pytest.fixture
def pair(names: Names, authority: Authority, tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """a, which orders, and b, where the name leads. They are paired before they ask for anything."""
    names.lead(PAIRED, "127.0.0.6")
    (link,) = ports.free(1, width=2)
    runs = [Path(tempfile.mkdtemp(prefix="rookery-")) for _ in range(2)]
    a, b = (
        Server(tmp_path / f"{i}", runs[i], authority, f"names {PAIRED};", f"127.0.0.{i + 5}", link) for i in range(2)
    )
    for server in (a, b):
        server.start()
    key = a.run("mirror", "pair", f"127.0.0.6:{link}")["key"]
    b.run("mirror", "pair", f"127.0.0.5:{link}", key)
    for server in (a, b):
        await_sync(server)
    yield a, b
    for server, folder in zip((a, b), runs, strict=True):
        server.stop()
        shutil.rmtree(folder)


def test_either_node_of_a_mirror_answers_and_both_have_it(
    pair: tuple[Server, Server], authority: Authority
) -> None:
    a, b = pair
    root = authority.root()
    had = a.show(PAIRED)["had"]
    since = a.said()
    b.run("certificate", "renew")  # a orders, whoever is asked
    shown = a.await_shown(PAIRED, "had", unlike=had)
    assert "a certificate was had" in a.log.read_text()[since:]
    assert "a challenge was answered" in b.log.read_text()
    for server in (a, b):
        await_presented(server, root, PAIRED, serial=shown["serial"])
    a.kill()
    since = b.said()
    b.run("certificate", "renew")  # now b has to
    shown = b.await_shown(PAIRED, "had", unlike=shown["had"])
    assert "a certificate was had" in b.log.read_text()[since:]
    a.start()
    for server in (a, b):
        await_presented(server, root, PAIRED, serial=shown["serial"])
