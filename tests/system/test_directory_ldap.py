"""Users in LDAP: two OpenLDAP servers with the same entries behind an mx and a store."""

import hashlib
import hmac
import imaplib
import json
import poplib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from halves import DOMAIN, PASSWORD, Halves, program
from shape import PATIENCE, User
from slapd import BASE, SERVICE, SERVICE_PASSWORD, Slapd, free_port, why_not
from smtp_client import Client, encode, scram

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
TEMPORARY = 75


def person(name: str, number: int, *more: str) -> str:
    mail = [] if any(line.startswith("mail:") for line in more) else [f"mail: {name}@{DOMAIN}"]
    return "\n".join([
        f"dn: uid={name},{BASE}", "objectClass: inetOrgPerson", "objectClass: rookeryUser",
        f"uid: {name}", f"cn: {name.title()} Example", f"sn: {name}", f"userPassword: {PASSWORD}",
        f"entryUUID: 00000000-0000-4000-8000-{number:012d}", *mail, *more]) + "\n\n"  # fmt: skip


def group(name: str, *more: str) -> str:
    return "\n".join([f"dn: cn={name},{BASE}", "objectClass: rookeryGroup", f"cn: {name}", *more]) + "\n\n"


def scram_keys() -> str:
    """As RFC 5803 has them."""
    salt = b"0123456789abcdef"
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, 4096)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256$4096:{encode(salt).decode()}${encode(stored).decode()}:{encode(server).decode()}"


DATA = (
    f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: halves\no: Halves\n\n"
    f"dn: {SERVICE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: rookery\n"
    f"userPassword: {SERVICE_PASSWORD}\n\n"
    + person("ann", 1, f"rookeryScram: {scram_keys()}", f"memberOf: cn=staff,{BASE}")
    + person("bob", 2, f"rookeryAlias: bobby@{DOMAIN}", "rookeryForward: carol@elsewhere.test")
    + person("sue", 3, "rookerySuspended: TRUE")
    + person("pop", 4, "rookeryService: pop3", "rookeryService: delivery")
    + person("twin1", 5, f"mail: twin@{DOMAIN}")
    + person("twin2", 6, f"mail: twin@{DOMAIN}")
    + person("full", 7, "rookeryQuota: 100K", "rookeryQuotaMessages: 5", f"mail: Full@{DOMAIN.upper()}")
    + person("vague", 8, "rookeryQuota: much")
    + group("staff", f"mail: staff@{DOMAIN}", f"member: uid=ann,{BASE}", f"rookeryMember: full@{DOMAIN}")
    + group("all", "rookeryAlias: @catch.test", f"rookeryMember: ann@{DOMAIN}")
)


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        self.make_certificate(self.certificate, self.key)
        self.make_certificate(folder / "other.pem", folder / "other.key")
        self.first = Slapd(folder / "first", DATA, self.certificate, self.key)
        self.second = Slapd(folder / "second", DATA, self.certificate, self.key)
        self.pop3 = free_port()
        nowhere = '    transport "elsewhere.test" {\n        host 127.0.0.1;\n        port 1;\n    }\n'
        self.pair = Halves(folder, nowhere, f"    listen pop3 127.0.0.1:{self.pop3};\n")
        # Where the confined role may read.
        self.password, self.authority = self.pair.run / "ldap.password", self.pair.run / "authority.pem"
        self.password.write_text(f"{SERVICE_PASSWORD}\n")
        self.authority.write_bytes(self.certificate.read_bytes())
        for half in (self.pair.store, self.pair.mx):
            half.config.write_text(half.config.read_text() + self.block(f"{self.first.local} {self.second.tls}"))
        self.pair.start()

    def make_certificate(self, certificate: Path, key: Path) -> None:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", str(key), "-out", str(certificate), "-days", "9", "-subj", "/CN=ldap.test",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)  # fmt: skip

    def block(self, servers: str, more: str = "") -> str:
        return (f'directory {{\n    driver ldap;\n    ldap {{\n        servers "{servers}";\n'
                f'        authorities "{self.authority}";\n        bind_dn "{SERVICE}";\n'
                f'        password_file "{self.password}";\n        base "{BASE}";\n        page 2;\n{more}    }}\n}}\n')  # fmt: skip

    def ask(self, servers: str, *words: str, more: str = "") -> subprocess.CompletedProcess[str]:
        """A command of a machine whose server does not run, and which has no mail yet."""
        config = self.folder / "alone.conf"
        config.write_text(
            f'data "{self.folder / "alone"}";\nrun "{self.pair.run}/alone";\nuser root;\n'
            f"store {{ listen imap 127.0.0.1:1; }}\n" + self.block(servers, more)
        )
        command = [str(program()), "--config", str(config), "--json", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)

    def test(self, name: str, *words: str, text: str = "") -> Any:
        return self.pair.store.run("directory", "test", f"{name}@{DOMAIN}", *words, text=text)

    def imap(self, name: str, password: str = PASSWORD) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.pair.store.port, timeout=PATIENCE)
        client.login(f"{name}@{DOMAIN}", password)
        return client

    def pop(self, name: str) -> poplib.POP3:
        client = poplib.POP3("127.0.0.1", self.pop3, timeout=PATIENCE)
        client.user(f"{name}@{DOMAIN}")
        client.pass_(PASSWORD)
        return client

    def submit(self, name: str) -> int:
        with Client("127.0.0.1", self.pair.submission) as client:
            secret = encode(b"\0%s@%s\0%s" % (name.encode(), DOMAIN.encode(), PASSWORD.encode()))
            return int(client.command(b"AUTH PLAIN " + secret).code)

    def rcpt(self, address: str) -> int:
        with Client("127.0.0.1", self.pair.mx.port) as client:
            assert client.command(b"MAIL FROM:<x@client.test>").code == 250
            return int(client.command(b"RCPT TO:<%s>" % address.encode()).code)

    def send(self, *to: str) -> None:
        with Client("127.0.0.1", self.pair.mx.port) as client:
            assert client.command(b"MAIL FROM:<x@client.test>").code == 250
            for address in to:
                assert client.command(b"RCPT TO:<%s>" % address.encode()).code == 250
            assert client.command(b"DATA").code == 354
            assert client.command(b"Subject: hello\r\nFrom: x@client.test\r\n\r\nhi\r\n.").code == 250

    def await_mail(self, name: str, count: int) -> None:
        client = self.imap(name)
        end = time.monotonic() + PATIENCE
        while int(client.select("INBOX")[1][0] or b"0") < count:
            assert time.monotonic() < end, f"{name} has less than {count}"
            time.sleep(0.05)
        client.logout()

    def stop(self) -> None:
        self.pair.stop()
        self.first.stop()
        self.second.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("ldap"))
    yield made
    made.stop()


def refusal(login: Callable[[], object]) -> str:
    with pytest.raises((imaplib.IMAP4.error, poplib.error_proto)) as refused:
        login()
    return str(refused.value)


def test_a_user_logs_in_by_each_protocol_and_finds_mailboxes(world: World) -> None:
    client = world.imap("ann")
    names = [line.split()[-1] for line in client.list()[1] if isinstance(line, bytes)]
    assert {b"INBOX", b"Sent", b"Trash"} <= set(names)
    client.logout()
    world.pop("ann").quit()
    assert world.submit("ann") == 235


def test_scram_is_not_offered_where_nobody_has_keys(world: World) -> None:
    client = imaplib.IMAP4("127.0.0.1", world.pair.store.port, timeout=PATIENCE)
    assert "AUTH=PLAIN" in client.capabilities
    assert not any("SCRAM" in capability for capability in client.capabilities)
    client.logout()
    with Client("127.0.0.1", world.pair.submission) as smtp:
        assert b"SCRAM" not in b" ".join(smtp.command(b"EHLO c.test").lines)


def test_scram_works_where_entries_have_keys(world: World, tmp_path: Path) -> None:
    pair = Halves(tmp_path)
    for half in (pair.store, pair.mx):
        more = "        attributes {\n            scram rookeryScram;\n        }\n"
        half.config.write_text(half.config.read_text() + world.block(world.first.plain, more))
    pair.run.chmod(0o755)
    for file in (world.password, world.authority):
        (pair.run / file.name).write_bytes(file.read_bytes())
    for half in (pair.store, pair.mx):
        half.config.write_text(half.config.read_text().replace(str(world.pair.run), str(pair.run)))
    try:
        pair.start()
        for name, code in (("ann", 235), ("bob", 535)):  # who has no keys
            with Client("127.0.0.1", pair.submission) as client:
                assert scram(client, User(f"{name}@{DOMAIN}", PASSWORD), PASSWORD).code == code
    finally:
        pair.stop()


def test_wrong_and_empty_passwords_let_nobody_in(world: World) -> None:
    assert "AUTHENTICATIONFAILED" in refusal(lambda: world.imap("ann", "wrong"))
    assert world.test("ann", "--password", text="wrong\n")["login"] == "wrong password"
    assert world.test("nobody", "--password", text="wrong\n")["login"] == "unknown"
    client = imaplib.IMAP4("127.0.0.1", world.pair.store.port, timeout=PATIENCE)
    assert client.xatom("LOGIN", f"ann@{DOMAIN}", '""')[0] == "NO"


def test_services_and_suspension_count(world: World) -> None:
    assert "AUTHORIZATIONFAILED" in refusal(lambda: world.imap("pop"))
    world.pop("pop").quit()
    assert world.submit("pop") == 535
    assert "AUTHORIZATIONFAILED" in refusal(lambda: world.imap("sue"))
    assert world.test("pop", "--service", "imap")["login"].startswith("no: ")


def test_recipients_are_known_or_not(world: World) -> None:
    assert world.rcpt(f"ann@{DOMAIN}") == 250
    assert world.rcpt(f"ANN+lists@{DOMAIN}") == 250
    assert world.rcpt(f"nobody@{DOMAIN}") == 550
    assert world.rcpt(f"*@{DOMAIN}") == 550
    assert world.rcpt(f"sue@{DOMAIN}") == 550
    assert world.rcpt("x@not.ours.test") == 550


def test_aliases_groups_and_catch_all_lead_to_users(world: World) -> None:
    world.send(f"staff@{DOMAIN}")
    world.send(f"bobby@{DOMAIN}", "anybody@catch.test")
    world.await_mail("ann", 2)
    world.await_mail("full", 1)
    world.await_mail("bob", 1)  # his first login, after his mail


def test_forwarded_mail_waits_for_elsewhere(world: World) -> None:
    world.send(f"bob@{DOMAIN}")
    rows = world.pair.mx.run("queue", "list")["rows"]
    assert any(row["recipient"] == "carol@elsewhere.test" for row in rows)
    assert world.test("bob")["goes_on_to"] == ["carol@elsewhere.test"]


def test_a_user_has_the_quota_of_his_entry(world: World) -> None:
    client = world.imap("full")
    assert b"STORAGE" in b"".join(client.getquotaroot("INBOX")[1][1])  # type: ignore[arg-type]
    shown = world.pair.store.run("user", "show", f"full@{DOMAIN}")
    assert (shown["quota"], shown["quota_messages"]) == (100 * 1024, 5)


def test_the_test_shows_what_was_answered(world: World) -> None:
    shown = world.test("ann", "--password", "--service", "imap", text=f"{PASSWORD}\n")
    assert shown["login"] == "right password" and shown["mail"] == "taken"
    assert shown["full_name"] == "Ann Example" and shown["delivered_to"] == [f"ann@{DOMAIN}"]
    assert shown["groups"] == [f"cn=staff,{BASE}"]
    assert shown["answered_by"] == world.first.local and 0 < shown["login_ms"] < 5000


def test_users_are_listed_page_by_page_and_changed_elsewhere(world: World) -> None:
    names = [row["name"] for row in world.pair.store.run("user", "list", DOMAIN)["rows"]]
    assert names == sorted(f"{n}@{DOMAIN}" for n in ("ann", "bob", "sue", "pop", "twin", "twin", "full"))
    command = [str(program()), "--config", str(world.pair.store.config), "user", "add", f"new@{DOMAIN}"]
    done = subprocess.run(command, input="secret\n", capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode != 0 and "kept elsewhere" in done.stderr


def test_answers_are_remembered_until_flushed(world: World) -> None:
    def name() -> str:
        return str(world.pair.store.run("user", "show", f"ann@{DOMAIN}")["full_name"])

    change = f"dn: uid=ann,{BASE}\nchangetype: modify\nreplace: cn\ncn: %s\n"
    assert name() == "Ann Example"
    world.first.modify(change % "Ann Other")
    try:
        assert name() == "Ann Example"
        world.pair.store.run("directory", "flush", f"ann@{DOMAIN}")
        assert name() == "Ann Other"
    finally:
        world.first.modify(change % "Ann Example")
        world.pair.store.run("directory", "flush")


def test_two_entries_or_a_senseless_value_are_for_the_operator(world: World) -> None:
    assert world.rcpt(f"twin@{DOMAIN}") == 451
    assert world.rcpt(f"vague@{DOMAIN}") == 451
    log = world.pair.store.log.read_text()
    done = world.ask(world.first.plain, "directory", "test", f"twin@{DOMAIN}")
    assert done.returncode == TEMPORARY and "more than 1 entries" in done.stdout + done.stderr, (done, log)


def test_each_machine_gives_a_user_the_same_account(world: World) -> None:
    here = world.test("ann")["account"]
    done = world.ask(world.second.plain, "directory", "test", f"ann@{DOMAIN}", more="        start_tls yes;\n")
    assert done.returncode == 0, done
    assert json.loads(done.stdout)["account"] == here


def test_a_server_that_can_not_be_verified_is_told_nothing(world: World) -> None:
    kept = world.authority.read_bytes()
    world.authority.write_bytes((world.folder / "other.pem").read_bytes())
    other_name = world.second.tls.replace("127.0.0.1", "localhost")
    assert world.ask(other_name, "directory", "test", f"ann@{DOMAIN}").returncode == TEMPORARY
    try:
        for servers, more in ((world.second.tls, ""), (world.second.plain, "        start_tls yes;\n")):
            done = world.ask(servers, "directory", "test", f"ann@{DOMAIN}", more=more)
            assert done.returncode == TEMPORARY, done
    finally:
        world.authority.write_bytes(kept)


def test_a_server_that_does_not_answer_is_left_for_the_next(world: World) -> None:
    more = "        timeout 300ms;\n        connect_timeout 300ms;\n"
    world.first.process.send_signal(signal.SIGSTOP)
    try:
        done = world.ask(f"{world.first.plain} {world.second.plain}", "directory", "test", f"ann@{DOMAIN}", more=more)
        assert json.loads(done.stdout)["answered_by"] == world.second.plain, done
        done = world.ask(world.first.tls, "directory", "test", f"ann@{DOMAIN}", more=more)
        assert done.returncode == TEMPORARY, done
    finally:
        world.first.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ('        user_filter "(mail=%u";\n', "lacks a )"),
        ('        user_filter "(mail=%x)";\n', "stand for something"),
        ('        user_filter "(&(mail))";\n', "filter"),
    ],
)
def test_a_wrong_filter_is_told(world: World, more: str, why: str) -> None:
    done = world.ask(world.first.plain, "directory", "test", f"ann@{DOMAIN}", more=more)
    assert done.returncode != 0 and why in done.stdout + done.stderr, done


def test_the_second_server_takes_over_and_without_any_all_is_temporary(world: World) -> None:
    world.first.stop()
    try:
        assert world.test("ann")["answered_by"] == world.second.tls
        world.imap("ann").logout()
        world.second.stop()
        try:
            assert "UNAVAILABLE" in refusal(lambda: world.imap("ann"))
            assert "SYS/TEMP" in refusal(lambda: world.pop("ann"))
            assert world.submit("ann") == 454
            assert world.rcpt(f"not-asked-yet@{DOMAIN}") == 451
        finally:
            world.second.start()
        world.imap("ann").logout()
    finally:
        world.first.start()
