"""Front ends of ours before the store and submission: who their clients are, masters, and Dovecot as a proxy."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from front_clients import Dovecot, Nginx, Wire, can_run_dovecot, can_run_nginx, plain
from halves import DOMAIN, PASSWORD, Half, Halves, await_first, ports, program
from shape import PATIENCE, open_to_roles

FRONT, STRANGER = "127.0.0.2", "127.0.0.3"
CLIENT = "198.51.100.7"
MASTER = "mo"
MASTER_PASSWORD = "the-master's-own"
LIMIT = 3
ID = '"x-originating-ip" "{}" "x-originating-port" "40000" "x-connected-ip" "203.0.113.1" "x-connected-port" "143"'


def hash_of(password: str) -> str:
    done = subprocess.run([program(), "password", "hash"], input=password + "\n", capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout.strip()


class World:
    def __init__(self, folder: Path) -> None:
        self.pop3, self.lmtp = ports.free(2)
        trusted = f"front_ends {FRONT};"
        self.pair = Halves(
            folder,
            f"    xclient {{\n        from {FRONT} 127.0.0.1;\n    }}\n",
            f"    listen pop3 127.0.0.1:{self.pop3};\n    listen lmtp 127.0.0.1:{self.lmtp};\n    {trusted}\n"
            "    masters_file MASTERS;\n",
        )
        masters = self.pair.run / "masters"
        masters.write_text(f"# for proxies\n{MASTER}:{hash_of(MASTER_PASSWORD)}\n")
        for half in (self.pair.store, self.pair.mx):
            text = half.config.read_text().replace("MASTERS", str(masters))
            half.config.write_text(f"limits {{\n    connections_per_address {LIMIT};\n}}\n{text}")
        self.pair.begin()
        self.imap, self.submission = self.pair.store.port, self.pair.submission
        self.ann, self.bob = self.pair.add_user("ann"), self.pair.add_user("bob")
        self.pair.store.run("user", "set", self.bob, "--services", "delivery")

    def log(self) -> str:
        return self.pair.store.log.read_text() + self.pair.mx.log.read_text()

    def await_log(self, *words: str) -> str:
        """A line that has them all."""
        end = time.monotonic() + PATIENCE
        while True:
            for line in self.log().splitlines():
                if all(word in line for word in words):
                    return line
            assert time.monotonic() < end, f"no line has {words}"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    built = World(tmp_path_factory.mktemp("front"))
    yield built
    built.pair.stop()


def test_imap_takes_the_client_from_a_front_end(world: World) -> None:
    with Wire(world.imap, FRONT) as wire:
        said = wire.imap(f'ID ({ID.format(CLIENT)} "x-proxy-ttl" "4" "x-session-id" "front/1" "x-forward-a" "b")')
        assert said[0].startswith("* ID (") and said[1].startswith("a OK"), said
        assert wire.imap(f"LOGIN {world.ann} {PASSWORD}")[-1].startswith("a OK")
    line = world.await_log("event=login ", f"client={CLIENT}", f"user={world.ann}")
    assert "front=front/1" in line and "protocol=imap" in line


def test_imap_ignores_what_others_say_of_clients(world: World) -> None:
    with Wire(world.imap, STRANGER) as wire:
        assert wire.imap(f'ID ({ID.format("198.51.100.66")} "x-proxy-ttl" "0")')[-1].startswith("a OK")
        assert wire.imap(f"LOGIN {world.ann} {PASSWORD}")[-1].startswith("a OK")
        # Nor is it believed after the login, of nobody.
    world.await_log("event=login ", f"client={STRANGER}")
    assert "client=198.51.100.66" not in world.log()
    with Wire(world.imap, FRONT) as wire:
        assert wire.imap(f"LOGIN {world.ann} {PASSWORD}")[-1].startswith("a OK")
        assert wire.imap(f'ID ({ID.format("198.51.100.66")})')[-1].startswith("a OK")
        assert wire.imap("NOOP")[-1].startswith("a OK")
    assert "client=198.51.100.66" not in world.log()


@pytest.mark.parametrize("field", ['"x-originating-ip" "mail.test"', '"x-proxy-ttl" "x"', '"x-session-id" "a b"'])
def test_imap_refuses_nonsense_of_a_front_end_and_goes_on(world: World, field: str) -> None:
    with Wire(world.imap, FRONT) as wire:
        assert wire.imap(f"ID ({field})")[-1].startswith("a BAD")
        assert wire.imap(f"LOGIN {world.ann} {PASSWORD}")[-1].startswith("a OK")


def test_a_circle_of_front_ends_is_cut_in_every_protocol(world: World) -> None:
    with Wire(world.imap, FRONT) as wire:
        said = wire.imap(f'ID ({ID.format(CLIENT)} "x-proxy-ttl" "0")')
        assert said[0].startswith("* BYE ") and said[1].startswith("a NO [UNAVAILABLE]"), said
        assert wire.line() == ""
    with Wire(world.pop3, FRONT) as wire:
        assert wire.say(f"XCLIENT ADDR={CLIENT} TTL=0").startswith("-ERR [SYS/TEMP]")
        assert wire.line() == ""
    for port in (world.submission, world.pair.mx.port, world.lmtp):
        with Wire(port, FRONT) as wire:
            assert wire.say(f"XCLIENT ADDR={CLIENT} TTL=0").startswith("421 4.4.6")
            assert wire.line() == ""


def test_pop3_takes_the_client_from_a_front_end(world: World) -> None:
    with Wire(world.pop3, FRONT) as wire:
        assert wire.greeting.startswith("+OK [XCLIENT] ")
        capabilities = [wire.say("CAPA")]
        while capabilities[-1] != ".":
            capabilities.append(wire.line())
        assert "XCLIENT" in capabilities
        more = "FORWARD=" + "A" * 900
        assert wire.say(f"XCLIENT ADDR={CLIENT} PORT=40000 SESSION=front/2 TTL=4 {more}").startswith("+OK")
        assert wire.say(f"USER {world.ann}").startswith("+OK")
        assert wire.say(f"PASS {PASSWORD}").startswith("+OK")
        assert wire.say("XCLIENT ADDR=198.51.100.67").startswith("-ERR")
    line = world.await_log("event=login ", "protocol=pop3", f"client={CLIENT}")
    assert "front=front/2" in line


def test_pop3_offers_it_to_nobody_else(world: World) -> None:
    with Wire(world.pop3, STRANGER) as wire:
        assert "XCLIENT" not in wire.greeting
        capabilities = [wire.say("CAPA")]
        while capabilities[-1] != ".":
            capabilities.append(wire.line())
        assert "XCLIENT" not in capabilities
        assert wire.say(f"XCLIENT ADDR={CLIENT}").startswith("-ERR You may not")
        assert wire.say("QUIT").startswith("+OK")


def test_submission_takes_the_client_and_then_his_login(world: World) -> None:
    with Wire(world.submission, FRONT) as wire:
        wire.smtp("EHLO front.test")
        assert wire.say(f"XCLIENT ADDR={CLIENT} PORT=40000 PROTO=ESMTP HELO=laptop.test TTL=4 SESSION=front/3")[:3] == "220"
        assert any("AUTH" in line for line in wire.smtp("EHLO front.test"))
        assert wire.say("AUTH PLAIN " + plain(world.ann, PASSWORD)).startswith("235")
        assert wire.say(f"MAIL FROM:<{world.ann}>").startswith("250")
        assert wire.say(f"RCPT TO:<{world.bob}>").startswith("250")
        assert wire.say("DATA").startswith("354")
        assert wire.say("Subject: hello\r\n\r\n.").startswith("250")
    line = world.await_log("event=login ", "protocol=submission", f"client={CLIENT}")
    assert "front=front/3" in line


def test_lmtp_takes_the_client_from_a_front_end_and_what_it_says_of_junk(world: World) -> None:
    user = world.pair.add_user("lmtp")
    with Wire(world.lmtp, FRONT) as wire:
        assert any(" TTL" in line for line in wire.smtp("LHLO front.test") if "XCLIENT" in line)
        assert wire.say(f"XCLIENT ADDR={CLIENT} PROTO=LMTP TTL=4")[:3] == "220"
        wire.smtp("LHLO front.test")
        for text, code in (("MAIL FROM:<a@b.test>", "250"), (f"RCPT TO:<{user}>", "250"), ("DATA", "354"),
                           ("X-Spam: Yes\r\n\r\n.", "250"), ("MAIL FROM:<a@b.test>", "250"),
                           (f"RCPT TO:<{user}>", "250"), ("DATA", "354"), ("Subject: 1\r\n\r\n.", "250")):  # fmt: skip
            assert wire.say(text).startswith(code), text
    text = await_first(world.pair, user).decode()
    assert f"[{CLIENT}]" in text and "X-Spam" not in text
    with Wire(world.lmtp, STRANGER) as wire:
        assert not any("XCLIENT" in line for line in wire.smtp("LHLO front.test"))
        assert wire.say(f"XCLIENT ADDR={CLIENT}").startswith("550 5.7.0")


def test_connections_are_counted_by_client_and_not_by_front_end(world: World) -> None:
    wires = [Wire(world.imap, FRONT) for _ in range(2 * LIMIT)]
    try:
        assert all(wire.greeting.startswith("* OK") for wire in wires)
        for wire in wires[:LIMIT]:
            assert wire.imap(f'ID ("x-originating-ip" "198.51.100.99")')[-1].startswith("a OK")
        said = wires[LIMIT].imap(f'ID ("x-originating-ip" "198.51.100.99")')
        assert said[0].startswith("* BYE ") and said[-1].startswith("a NO [UNAVAILABLE]"), said
        assert wires[-1].imap(f'ID ("x-originating-ip" "198.51.100.98")')[-1].startswith("a OK")
    finally:
        for wire in wires:
            wire.__exit__()


def test_a_master_is_a_user_where_a_front_end_asks(world: World) -> None:
    right = plain(MASTER, MASTER_PASSWORD, world.ann)
    with Wire(world.imap, FRONT) as wire:
        wire.imap('ID ("x-originating-ip" "198.51.100.20")')
        assert wire.imap(f"AUTHENTICATE PLAIN {right}")[-1].startswith("a OK")
        assert wire.imap("SELECT INBOX")[-1].startswith("a OK")
    with Wire(world.pop3, FRONT) as wire:
        assert wire.say(f"AUTH PLAIN {right}").startswith("+OK")
    with Wire(world.submission, FRONT) as wire:
        wire.smtp("EHLO front.test")
        assert wire.say(f"AUTH PLAIN {right}").startswith("235")
        assert wire.say(f"MAIL FROM:<{world.ann}>").startswith("250")
        assert wire.say("RSET").startswith("250")
        assert wire.say(f"MAIL FROM:<{world.bob}>").startswith("550"), "he is ann, and nobody else"
    for protocol in ("imap", "pop3", "submission"):
        line = world.await_log("event=login ", f"user={world.ann}", f"protocol={protocol}", f"master={MASTER}")
        assert MASTER_PASSWORD not in line


@pytest.mark.parametrize(
    ("password", "user", "code"),
    [
        ("wrong", "ann", "AUTHENTICATIONFAILED"),
        (MASTER_PASSWORD, "nobody", "AUTHENTICATIONFAILED"),
        (MASTER_PASSWORD, "bob", "AUTHORIZATIONFAILED"),
    ],
)
def test_a_master_needs_his_password_and_a_user_who_may(world: World, password: str, user: str, code: str) -> None:
    with Wire(world.imap, FRONT) as wire:
        wire.imap('ID ("x-originating-ip" "198.51.100.21")')
        said = wire.imap(f"AUTHENTICATE PLAIN {plain(MASTER, password, f'{user}@{DOMAIN}')}")
        assert said[-1].startswith(f"a NO [{code}]"), said


def test_a_master_is_nobody_elsewhere(world: World) -> None:
    right = plain(MASTER, MASTER_PASSWORD, world.ann)
    with Wire(world.imap, STRANGER) as wire:
        assert wire.imap(f"AUTHENTICATE PLAIN {right}")[-1].startswith("a NO [AUTHORIZATIONFAILED]")
        assert wire.imap(f"LOGIN {MASTER} \"{MASTER_PASSWORD}\"")[-1].startswith("a NO")
    with Wire(world.submission, STRANGER) as wire:
        wire.smtp("EHLO front.test")
        assert wire.say(f"AUTH PLAIN {right}").startswith("535")


@pytest.mark.skipif(bool(can_run_dovecot()), reason=can_run_dovecot())
def test_dovecot_as_a_proxy_says_who_the_client_is(world: World) -> None:
    where = f"host=127.0.0.1 source_ip={FRONT} port="
    proxy = Dovecot({
        "imap": f"{where}{world.imap}",
        "pop3": f"{where}{world.pop3}",
        "submission": f"{where}{world.submission}",
        "lmtp": f"{where}{world.lmtp} protocol=lmtp",
    })  # fmt: skip
    try:
        with Wire(proxy.ports["imap"], "127.0.0.9") as wire:
            assert wire.imap(f"LOGIN {world.ann} {PASSWORD}")[-1].startswith("a OK"), proxy.said()
            assert wire.imap("SELECT INBOX")[-1].startswith("a OK")
        with Wire(proxy.ports["pop3"], "127.0.0.10") as wire:
            assert wire.say(f"USER {world.ann}").startswith("+OK")
            assert wire.say(f"PASS {PASSWORD}").startswith("+OK"), proxy.said()
        with Wire(proxy.ports["submission"], "127.0.0.11") as wire:
            wire.smtp("EHLO laptop.test")
            assert wire.say("AUTH PLAIN " + plain(world.ann, PASSWORD)).startswith("235"), proxy.said()
            assert wire.say(f"MAIL FROM:<{world.ann}>").startswith("250")
        user = world.pair.add_user("lmtp2")
        with Wire(proxy.ports["lmtp"], "127.0.0.12") as wire:
            wire.smtp("LHLO mx.test")
            for text, code in (("MAIL FROM:<a@b.test>", "250"), (f"RCPT TO:<{user}>", "250"), ("DATA", "354"),
                               ("Subject: 1\r\n\r\n.", "250")):  # fmt: skip
                assert wire.say(text).startswith(code), proxy.said()
    finally:
        proxy.stop()
    for address, protocol in (("127.0.0.9", "imap"), ("127.0.0.10", "pop3"), ("127.0.0.11", "submission")):
        line = world.await_log("event=login ", f"client={address}", f"protocol={protocol}")
        assert re.search(r" front=\S+", line), line
    assert "[127.0.0.12]" in await_first(world.pair, user).decode()


@pytest.mark.skipif(bool(can_run_dovecot()), reason=can_run_dovecot())
def test_dovecot_as_a_proxy_logs_in_as_a_master(world: World) -> None:
    """The password is Dovecot's affair, which takes any here."""
    where = f"host=127.0.0.1 source_ip={FRONT} master={MASTER} pass={MASTER_PASSWORD} port="
    proxy = Dovecot({"imap": f"{where}{world.imap}", "pop3": f"{where}{world.pop3}"})
    try:
        with Wire(proxy.ports["imap"], "127.0.0.14") as wire:
            assert wire.imap(f"LOGIN {world.ann} whatever")[-1].startswith("a OK"), proxy.said()
            assert wire.imap("SELECT INBOX")[-1].startswith("a OK")
        with Wire(proxy.ports["pop3"], "127.0.0.15") as wire:
            assert wire.say(f"USER {world.ann}").startswith("+OK")
            assert wire.say("PASS whatever").startswith("+OK"), proxy.said()
        with Wire(proxy.ports["imap"], "127.0.0.16") as wire:
            assert wire.imap(f"LOGIN nobody@{DOMAIN} whatever")[-1].startswith("a NO"), proxy.said()
    finally:
        proxy.stop()
    for address, protocol in (("127.0.0.14", "imap"), ("127.0.0.15", "pop3")):
        line = world.await_log("event=login ", f"client={address}", f"protocol={protocol}")
        assert f"user={world.ann}" in line and f"master={MASTER}" in line


@pytest.mark.skipif(bool(can_run_nginx()), reason=can_run_nginx())
def test_nginx_as_a_proxy_says_who_the_client_is(world: World) -> None:
    user = world.pair.add_user("nginx")
    proxy = Nginx(world.pair.mx.port)
    try:
        with Wire(proxy.port, "127.0.0.17") as wire:
            wire.smtp("EHLO laptop.test")
            for text, code in (("MAIL FROM:<a@b.test>", "250"), (f"RCPT TO:<{user}>", "250"), ("DATA", "354"),
                               ("Subject: 1\r\n\r\n.", "250")):  # fmt: skip
                said = wire.say(text)
                assert said.startswith(code), (text, said, proxy.said())
    finally:
        proxy.stop()
    assert "[127.0.0.17]" in await_first(world.pair, user).decode()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Half]:
    """One with all roles; its proxy is another user where that can be."""
    run = Path(tempfile.mkdtemp(prefix="rookery-"))
    run.chmod(0o755)
    smtp, imap, front = ports.free(3)
    other = "    user nobody;\n" if os.getuid() == 0 else ""
    half = Half(tmp_path, run, "node", f"mx {{\n    listen smtp 127.0.0.1:{smtp};\n}}\nstore {{\n"
                f"    listen imap 127.0.0.1:{imap};\n    password_hash_memory 1M;\n    password_hash_passes 1;\n"
                f"    masters_file {run}/masters;\n}}\nproxy {{\n{other}    listen imap 127.0.0.1:{front};\n"
                f"    directory unix:{run}/proxy-authmod;\n    default_host mail.{DOMAIN};\n}}\n", imap)  # fmt: skip
    (run / "masters").write_text(f"{MASTER}:{hash_of(MASTER_PASSWORD)}\n")
    open_to_roles(tmp_path)
    half.start()
    yield half
    half.stop()
    shutil.rmtree(run)


def test_the_proxy_of_the_same_node_has_sockets_of_its_own(node: Half) -> None:
    run = Path(node.config.read_text().split('run "')[1].split('"')[0])
    node.run("domain", "add", DOMAIN)
    ann = f"ann@{DOMAIN}"
    node.run("user", "add", ann, text=f"{PASSWORD}\n")
    owner = pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else os.getuid()
    for name in ("imap", "pop3", "lmtp", "authmod", "submission"):
        end = time.monotonic() + PATIENCE
        while not (run / f"proxy-{name}").exists():
            assert time.monotonic() < end, name
            time.sleep(0.05)
        found = (run / f"proxy-{name}").stat()
        assert (found.st_uid, found.st_mode & 0o777) == (owner, 0o600)
    with Wire(run / "proxy-imap") as wire:
        assert wire.imap(f'ID ({ID.format(CLIENT)} "x-session-id" "own/1")')[-1].startswith("a OK")
        assert wire.imap(f"AUTHENTICATE PLAIN {plain(MASTER, MASTER_PASSWORD, ann)}")[-1].startswith("a OK")
    with Wire(run / "proxy-pop3") as wire:
        assert wire.greeting.startswith("+OK [XCLIENT]")
        assert wire.say(f"XCLIENT ADDR={CLIENT}").startswith("+OK")
        assert wire.say(f"USER {ann}").startswith("+OK"), "it is as safe as TLS"
        assert wire.say(f"PASS {PASSWORD}").startswith("+OK")
    with Wire(run / "proxy-submission") as wire:
        wire.smtp("EHLO front.test")
        assert wire.say(f"XCLIENT ADDR={CLIENT}")[:3] == "220"
        wire.smtp("EHLO front.test")
        assert wire.say("AUTH PLAIN " + plain(ann, PASSWORD)).startswith("235")
    log = node.log.read_text()
    assert re.search(rf"event=login .*client={CLIENT} .*front=own/1 .*master={MASTER}", log), log
    assert re.search(rf"event=login .*client={CLIENT} .*protocol=submission", log), log
    with Wire(run / "proxy-submission") as wire:
        wire.smtp("EHLO front.test")
        assert wire.say("AUTH PLAIN " + plain(ann, PASSWORD)).startswith("235")
        result = node.run("user", "kick", ann)
        assert result["sessions"] == 1
        assert wire.line().startswith("421 4.3.2") and wire.line() == ""
    told = result["nodes"]
    assert [n["node"].rpartition("/")[2] for n in told] == ["cluster-mx", "cluster-proxy"], told
    assert not [n for n in told if "why" in n], told
