"""Users whom another maker's authmod knows, as a program of the store's; and a store that answers an
mx of another machine by TLS."""

import imaplib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from halves import DOMAIN, PASSWORD, Half, Halves, await_first
from shape import PATIENCE, open_to_roles
from smtp_client import Client

REFUSED, TEMPORARY = "AUTHENTICATIONFAILED", "UNAVAILABLE"
SECRET = "a secret of two nodes"

# Answers as another maker's do: a bare -ERR, unquoted values, fields that nobody knows.
PROGRAM = r'''
import os, sys, time
domain, log = sys.argv[1:]
users = {
    "ann": 'config 0 quota="1000000" phone="1 2 "3"" mailstatus=good',
    "bob": 'C:\\mail\\bob 0 created="1700000000" fwd="carol@elsewhere.test, ann@' + domain + '"',
    "sue": 'config 0 mailstatus="suspended"',
}
for line in sys.stdin:
    words = line.split()
    with open(log, "a") as told:
        told.write(" ".join(words[:2]) + " " + str(os.getpid()) + "\n")
    name = words[1].partition("@")[0] if len(words) > 1 else ""
    if name == "dead":
        answer = "-DEAD the database is down"
    elif name == "die":
        sys.exit(3)
    elif name == "hang":
        time.sleep(600)
    elif name == "slow":
        time.sleep(0.7)
        answer = "-ERR no"
    elif name == "garbage":
        answer = "what? \x01\x02"
    elif name not in users or (words[0] == "check" and words[2] != "secret"):
        answer = "-ERR " + name + " password wrong or not a valid user"
    else:
        answer = "+OK " + name + "@" + domain + " " + users[name]
    print(answer, flush=True)
'''


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


def login(port: int, name: str, password: str = PASSWORD) -> str:
    """"" when he is in, else why not."""
    client = imaplib.IMAP4("127.0.0.1", port, timeout=PATIENCE)
    try:
        client.login(f"{name}@{DOMAIN}", password)
    except imaplib.IMAP4.error as refusal:
        return str(refusal)
    finally:
        client.shutdown()
    return ""


def rcpt(port: int, address: str) -> int:
    with Client("127.0.0.1", port) as client:
        assert client.command(b"MAIL FROM:<someone@elsewhere.test>").code == 250
        return int(client.command(f"RCPT TO:<{address}>".encode()).code)


class World:
    def __init__(self, folder: Path) -> None:
        self.told = folder / "told"
        program = folder / "authmod.py"
        program.write_text(PROGRAM)
        self.pair = Halves(folder)
        for half in (self.pair.store, self.pair.mx):
            half.config.write_text(
                half.config.read_text() + "directory {\n    driver authmod;\n    cache_positive 0s;\n"
                "    cache_negative 0s;\n    authmod {\n"
                f'        command "/usr/bin/python3 \\"{program}\\" {DOMAIN} {self.told}";\n'
                f"        domains {DOMAIN};\n        children 2;\n        timeout 1s;\n    }}\n}}\n"
            )
        self.pair.start()

    def login(self, name: str, password: str = PASSWORD) -> str:
        return login(self.pair.store.port, name, password)

    def rcpt(self, name: str) -> int:
        return rcpt(self.pair.mx.port, f"{name}@{DOMAIN}")

    def await_login(self, name: str) -> None:
        """After a pause that a program which died brings."""
        end = time.monotonic() + PATIENCE
        while why := self.login(name):
            assert TEMPORARY in why
            assert time.monotonic() < end
            time.sleep(0.1)

    def pids(self) -> set[int]:
        return {int(line.split()[-1]) for line in self.told.read_text().splitlines()}

    def alive(self) -> set[int]:
        return {pid for pid in self.pids() if Path(f"/proc/{pid}").exists()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("authmod")
    open_to_roles(folder)
    world = World(folder)
    yield world
    world.pair.stop()
    end = time.monotonic() + PATIENCE
    while world.alive():  # they end with the role
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_right_password_lets_in(world: World) -> None:
    assert world.login("ann") == ""
    assert REFUSED in world.login("ann", "wrong")
    assert REFUSED in world.login("nobody")
    assert "suspended" in world.login("sue")


def test_addresses_are_who_the_program_knows_in_domains_of_the_config(world: World) -> None:
    assert [world.rcpt(name) for name in ("ann", "ann+lists", "bob")] == [250, 250, 250]
    assert world.rcpt("nobody") // 100 == 5 and world.rcpt("sue") // 100 == 5
    assert rcpt(world.pair.mx.port, "ann@other.test") // 100 == 5


def test_mail_is_delivered_and_waits_for_the_first_login(world: World) -> None:
    with Client("127.0.0.1", world.pair.mx.port) as client:
        client.command(b"MAIL FROM:<someone@elsewhere.test>")
        assert client.command(f"RCPT TO:<ann@{DOMAIN}>".encode()).code == 250
        assert client.command(b"DATA").code == 354
        assert client.command(b"Subject: hello\r\n\r\nthere\r\n.").code == 250
    assert b"Subject: hello" in await_first(world.pair, f"ann@{DOMAIN}")


@pytest.mark.parametrize("name", ["dead", "garbage", "die", "hang"])
def test_what_can_not_be_told_is_temporary_and_others_get_in_afterwards(world: World, name: str) -> None:
    assert TEMPORARY in world.login(name)
    world.await_login("ann")
    assert world.rcpt(name) // 100 == 4
    world.await_login("ann")


def test_who_hangs_is_killed(world: World) -> None:
    assert TEMPORARY in world.login("hang")
    hung = int(re.findall(r"check hang@\S+ (\d+)", world.told.read_text())[-1])
    end = time.monotonic() + PATIENCE
    while Path(f"/proc/{hung}").exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_no_more_run_at_once_than_the_config_says_and_others_wait(world: World) -> None:
    clients = [imaplib.IMAP4("127.0.0.1", world.pair.store.port, timeout=PATIENCE) for _ in range(3)]
    before = time.monotonic()
    for number, client in enumerate(clients):
        client.send(b"%d LOGIN slow@%s x\r\n" % (number, DOMAIN.encode()))
    answers = [client.readline() for client in clients]
    assert len(world.alive()) <= 2
    assert time.monotonic() - before >= 0.7
    assert all(b" NO " in answer for answer in answers)
    for client in clients:
        client.shutdown()


def test_a_launcher_that_is_gone_comes_again_with_the_role(world: World) -> None:
    store = world.pair.store
    said = store.said()
    role = store.roles()[0]
    launchers = Path(f"/proc/{role}/task/{role}/children").read_text().split()
    assert len(launchers) == 1
    os.kill(int(launchers[0]), signal.SIGKILL)
    store.await_ready(said)
    world.await_login("ann")


class Remote:
    """A store with users of its own that listens for an mx of another machine."""

    def __init__(self, folder: Path) -> None:
        smtp, imap, authmod, dead = free_ports(4)
        self.pair = Halves(folder)
        self.run = self.pair.run  # the confined roles read there
        for name in ("directory", "other"):
            self.certificate(name)
        self.secret = self.run / "secret"
        self.secret.write_text(SECRET + "\n")
        self.authmod = authmod
        self.store = Half(folder, self.run, "far", f"tls {{\n    certificate {{\n        chain {self.run}/directory.pem;\n"
                          f"        key {self.run}/directory.key;\n    }}\n}}\nstore {{\n    listen imap 127.0.0.1:{imap};\n"
                          f"    listen authmod 127.0.0.1:{authmod};\n    authmod_trusted 127.0.0.1;\n"
                          f"    authmod_secret_file {self.secret};\n    password_hash_memory 1M;\n}}", imap)  # fmt: skip
        self.mx = Half(folder, self.run, "mx", self.block(smtp, f"tls:127.0.0.1:{dead} tls:localhost:{authmod}"), smtp)
        self.store.start()
        self.store.run("domain", "add", DOMAIN)
        self.store.run("user", "add", f"ann@{DOMAIN}", text=f"{PASSWORD}\n")
        self.mx.start()

    def block(self, smtp: int, servers: str, authority: str = "directory") -> str:
        return (f"mx {{\n    listen smtp 127.0.0.1:{smtp};\n    directory {servers};\n"
                f"    directory_authorities {self.run}/{authority}.pem;\n    directory_secret_file {self.secret};\n"
                f"    directory_timeout 2s;\n}}")  # fmt: skip

    def certificate(self, name: str) -> None:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", f"{self.run}/{name}.key", "-out", f"{self.run}/{name}.pem", "-days", "9", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True,
                       capture_output=True)  # fmt: skip

    def say(self, *lines: str) -> list[str]:
        """What the store answers to a client that does not check its certificate."""
        script = "import socket, ssl, sys\nc = ssl._create_unverified_context()\n" \
                 f"s = c.wrap_socket(socket.create_connection(('127.0.0.1', {self.authmod}), {PATIENCE}))\n" \
                 "f = s.makefile('rw', newline='\\r\\n')\n" \
                 "for line in sys.argv[1:]:\n    f.write(line + '\\r\\n'); f.flush(); print(f.readline().strip())\n"  # fmt: skip
        done = subprocess.run([sys.executable, "-c", script, *lines], capture_output=True, text=True, timeout=PATIENCE)
        return done.stdout.splitlines()


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remote]:
    remote = Remote(tmp_path_factory.mktemp("remote"))
    yield remote
    remote.mx.stop()
    remote.store.stop()
    assert SECRET not in remote.store.log.read_text() + remote.mx.log.read_text()


def test_an_mx_asks_a_store_on_another_machine_past_one_that_is_away(remote: Remote) -> None:
    assert rcpt(remote.mx.port, f"ann@{DOMAIN}") == 250
    assert rcpt(remote.mx.port, f"zoe@{DOMAIN}") // 100 == 5


def test_nothing_is_answered_before_the_secret_and_then_scram_keys_too(remote: Remote) -> None:
    assert remote.say(f"lookup ann@{DOMAIN}")[0].startswith("-ERR say the secret")
    assert remote.say("login wrong")[0].startswith("-ERR")
    answers = remote.say(f'login "{SECRET}"', f"scram ann@{DOMAIN}")
    assert answers[0].startswith("+OK") and "SCRAM-SHA-256$" in answers[1]


def test_a_certificate_that_nobody_vouches_for_is_not_asked(remote: Remote) -> None:
    remote.mx.stop()
    text = remote.mx.config.read_text()
    remote.mx.config.write_text(text.replace("/directory.pem", "/other.pem"))
    remote.mx.start()
    assert rcpt(remote.mx.port, f"unheard@{DOMAIN}") // 100 == 4
    remote.mx.stop()
    remote.mx.config.write_text(text)
    remote.mx.start()


def test_a_wrong_secret_is_temporary_and_told_in_the_log(remote: Remote) -> None:
    remote.mx.stop()
    remote.secret.write_text("something else altogether\n")
    remote.mx.start()
    assert rcpt(remote.mx.port, f"unheard@{DOMAIN}") // 100 == 4
    assert "wrong secret" in remote.store.log.read_text()
