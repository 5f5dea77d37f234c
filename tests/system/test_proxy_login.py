"""Logins through the proxy, whatever the protocol: a node with all roles, masters, SCRAM, front ends, loops, PROXY
headers, users who are kicked."""

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from front_clients import Wire, plain
from halves import PASSWORD, Half, ports, program
from proxied import DOMAIN, Line, World, check_logs
from shape import PATIENCE, open_to_roles

ANN, BOB = f"ann@{DOMAIN}", f"bob@{DOMAIN}"
MASTER, MASTER_PASSWORD = "webmail", "a master's own word"
FRONT, CLIENT = "127.0.0.9", "192.0.2.77"


def hash_of(password: str) -> str:
    command = [program(), "password", "hash"]
    done = subprocess.run(command, input=password + "\n", capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done
    return done.stdout.strip()


class Node:
    """mx, store and proxy of one machine."""

    def __init__(self, folder: Path, more: str = "") -> None:
        open_to_roles(folder)
        self.run = Path(tempfile.mkdtemp(prefix="rookery-"))
        self.run.chmod(0o755)
        self.store_imap, self.smtp, self.imap, self.pop3, self.submission = ports.free(5)
        (self.run / "masters").write_text(f"{MASTER}:{hash_of(MASTER_PASSWORD)}\n")
        (self.run / "secret").write_text(MASTER_PASSWORD + "\n")
        self.half = Half(
            folder, self.run, "node",
            f"mx {{\n    listen smtp 127.0.0.1:{self.smtp};\n}}\nstore {{\n    listen imap 127.0.0.1:{self.store_imap};\n"
            "    password_hash_memory 1M;\n    password_hash_passes 1;\n    scram_iterations 4096;\n"
            f"    masters_file {self.run}/masters;\n}}\nproxy {{\n    listen imap 127.0.0.1:{self.imap};\n"
            f"    listen pop3 127.0.0.1:{self.pop3};\n    listen submission 127.0.0.1:{self.submission};\n"
            f"    directory unix:{self.run}/proxy-authmod;\n    default_host mail.halves.test;\n"
            f"    front_ends {FRONT};\n{more}}}\n", self.imap)  # fmt: skip
        self.half.config.write_text(self.half.config.read_text().replace("SECRET", f"{self.run}/secret"))
        self.half.start()
        end = time.monotonic() + PATIENCE
        while self.half.log.read_text().count('event="role ready"') < 3:
            assert time.monotonic() < end, self.half.log.read_text()
            time.sleep(0.05)
        self.half.run("domain", "add", DOMAIN)
        for user in (ANN, BOB):
            self.half.run("user", "add", user, text=f"{PASSWORD}\n")

    def stop(self) -> None:
        self.half.stop()
        log = self.half.log.read_text()
        assert PASSWORD not in log and MASTER_PASSWORD not in log
        assert "Sanitizer" not in log and "must(" not in log


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("node"))
    yield node
    node.stop()


@pytest.fixture(scope="module")
def by_master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("master"),
                f"    login master;\n    master_user {MASTER};\n    master_secret_file SECRET;\n")  # fmt: skip
    yield node
    node.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(
        tmp_path_factory.mktemp("proxied"),
        f"without submission; without submissions; without managesieve; front_ends {FRONT};",
        of_store="    front_ends 127.0.0.1;\n",
    )
    yield world
    world.stop()
    check_logs(world)


def test_who_lives_on_this_node_is_passed_on_by_its_sockets(node: Node) -> None:
    with Wire(node.imap) as client:
        assert client.imap(f"LOGIN {ANN} wrong")[-1].startswith("a NO [AUTHENTICATIONFAILED]")
        assert client.imap(f"LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK [CAPABILITY")
        assert client.imap("SELECT INBOX")[-1].startswith("a OK")
    with Wire(node.pop3) as client:
        assert client.say(f"AUTH PLAIN {plain(ANN, PASSWORD)}").startswith("+OK")
        assert client.say("STAT").startswith("+OK 0 ")
    with Wire(node.submission) as client:
        client.smtp("EHLO client.test")
        assert client.smtp(f"AUTH PLAIN {plain(ANN, PASSWORD)}")[0].startswith("235 ")
        assert client.smtp(f"MAIL FROM:<{ANN}>")[0].startswith("250 ")
    passed = re.findall(r'event="passed on".* backend=(\S+) ', node.half.log.read_text())
    assert passed[-3:] == ["mail.halves.test"] * 3


def test_the_first_client_is_told_what_default_host_does(node: Node) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        with Wire(node.pop3) as client:
            client.say("CAPA")
            lines = []
            while (line := client.line()) != ".":
                lines.append(line)
        if "PIPELINING" in lines:
            return
        assert time.monotonic() < end, lines
        time.sleep(0.1)


def test_a_front_ends_master_acts_for_a_user(node: Node) -> None:
    words = f"AUTHENTICATE PLAIN {plain(MASTER, MASTER_PASSWORD, ANN)}"
    with Wire(node.imap) as client:
        assert client.imap(words)[-1].startswith("a NO [AUTHORIZATIONFAILED]")
    with Wire(node.imap, FRONT) as client:
        assert client.imap(f"AUTHENTICATE PLAIN {plain(MASTER, 'wrong', ANN)}")[-1].startswith("a NO [AUTHENTICATIONFAILED]")
        assert client.imap(words)[-1].startswith("a OK")
    assert f"master={MASTER}" in node.half.log.read_text()


def test_a_user_who_is_kicked_is_cut_and_asked_about_anew(node: Node) -> None:
    with Wire(node.imap) as ann, Wire(node.imap) as bob:
        assert ann.imap(f"LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK")
        assert bob.imap(f"LOGIN {BOB} {PASSWORD}")[-1].startswith("a OK")
        assert node.half.run("user", "kick", ANN)["sessions"] >= 1
        while ann.line():
            pass
        assert bob.imap("NOOP")[-1].startswith("a OK")
    with Wire(node.imap) as ann:
        assert ann.imap(f"LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK")


def test_scram_is_offered_where_a_master_logs_in(by_master: Node) -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from front_clients import Wire
import base64, hashlib, hmac, os
wire = Wire(int(sys.argv[2]))
user, password = sys.argv[3], sys.argv[4].encode()
def xor(a, b): return bytes(x ^ y for x, y in zip(a, b))
def mac(key, text): return hmac.new(key, text, hashlib.sha256).digest()
nonce = base64.b64encode(os.urandom(12)).decode()
bare = f"n={user},r={nonce}"
said = wire.say("a AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(("n,," + bare).encode()).decode())
first = base64.b64decode(said[2:]).decode()
fields = dict(f.split("=", 1) for f in first.split(","))
salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(fields["s"]), int(fields["i"]))
without = f"c=biws,r={fields['r']}"
message = f"{bare},{first},{without}".encode()
client = mac(salted, b"Client Key")
proof = xor(client, mac(hashlib.sha256(client).digest(), message))
said = wire.say(base64.b64encode(f"{without},p={base64.b64encode(proof).decode()}".encode()).decode())
if said.startswith("+ "):
    said = wire.say("")
while not said.startswith("a "):
    said = wire.line()
print(said)
"""
    lib = str(Path(__file__).resolve().parents[1] / "lib")

    def log_in(password: str) -> str:
        command = [sys.executable, "-c", script, lib, str(by_master.imap), ANN, password]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE).stdout

    with Wire(by_master.imap) as client:
        assert "AUTH=SCRAM-SHA-256" in client.greeting
        assert client.imap(f"LOGIN {ANN} wrong")[-1].startswith("a NO [AUTHENTICATIONFAILED]")
        assert client.imap(f"LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK")
    assert log_in(PASSWORD).startswith("a OK [CAPABILITY")
    assert log_in("wrong").startswith("a NO [AUTHENTICATIONFAILED]")


def test_the_store_knows_the_client_and_only_front_ends_say_who_it_is(world: World) -> None:
    said = world.stores["one"].half.said()
    with Wire(world.proxy.ports["imap"], "127.0.0.7") as client:
        client.imap(f'ID ("x-originating-ip" "{CLIENT}" "name" "liar")')
        assert client.imap(f"LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK")
    with Wire(world.proxy.ports["imap"], FRONT) as client:
        client.imap(f'ID ("x-originating-ip" "{CLIENT}" "x-originating-port" "4711" "x-session-id" "far/1")')
        assert client.imap(f"LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK")
    logins = [line for line in world.stores["one"].half.log.read_text()[said:].splitlines() if "event=login" in line]
    assert "client=127.0.0.7" in logins[0] and f"client={CLIENT}" in logins[1] and "front=far/1" in logins[1]
    session = re.search(r"front=(\S+)", logins[0])
    assert session and f"session={session[1]}" in world.proxy.log()
    assert CLIENT not in logins[0]


def test_failures_count_for_the_client_that_a_front_end_names(world: World) -> None:
    def fail(client: str) -> str:
        with Wire(world.proxy.ports["pop3"], FRONT) as wire:
            wire.say(f"XCLIENT ADDR={client}")
            return wire.say(f"AUTH PLAIN {plain(BOB, 'wrong')}")

    said = world.proxy.half.said()
    assert fail("192.0.2.200").startswith("-ERR [AUTH]")
    assert 'event="login refused"' in world.proxy.log()[said:] and "client=192.0.2.200" in world.proxy.log()[said:]


def test_a_loop_is_cut_by_the_ttl(world: World) -> None:
    asked = world.stores["one"].half.said()
    with Wire(world.proxy.ports["imap"], FRONT) as client:
        client.imap(f'ID ("x-originating-ip" "{CLIENT}" "x-proxy-ttl" "1")')
        assert client.imap(f"LOGIN {ANN} {PASSWORD}")[-1].startswith("a NO [UNAVAILABLE]")
    assert "event=login" not in world.stores["one"].half.log.read_text()[asked:]
    assert "in a circle" in world.proxy.log()
    with Wire(world.proxy.ports["imap"], FRONT) as client:
        assert client.say('a ID ("x-proxy-ttl" "0")').startswith("* BYE")


def test_two_proxies_that_name_each_other_end(tmp_path: Path) -> None:
    """The directory says that ann lives at the proxy itself: each login comes back to it, until the TTL is used up."""
    more = "without pop3; without pop3s; without submission; without submissions; without managesieve;"
    world = World(tmp_path, more + "front_ends 127.0.0.1; backend loop.test { address 127.0.0.1; tls none; imap_port 1; }")
    try:
        config = world.proxy.half.config
        world.proxy.half.stop()
        config.write_text(config.read_text().replace("imap_port 1;", f"imap_port {world.proxy.ports['imap']};"))
        world.proxy.start()
        world.directory.places[ANN] = "loop.test"
        with Wire(world.proxy.ports["imap"]) as client:
            assert "[UNAVAILABLE]" in client.imap(f"LOGIN {ANN} {PASSWORD}")[-1]
        assert sum(asked.startswith("lookup") for asked in world.directory.asked) == 5
    finally:
        world.stop()


def test_back_ends_get_a_proxy_header(tmp_path: Path) -> None:
    more = "without pop3; without pop3s; without submission; without submissions; without managesieve;"
    world = World(tmp_path, more + "backend_proxy_header yes;")
    try:
        for store in world.stores.values():
            store.half.stop()
            text = store.half.config.read_text().replace(
                f"listen imaps 127.0.0.1:{store.ports['imaps']};", f"listen imaps 127.0.0.1:{store.ports['imaps']} proxy;")
            store.half.config.write_text("proxy_trusted 127.0.0.1;\n" + text)
            store.half.start()
        said = world.stores["one"].half.said()
        end = time.monotonic() + PATIENCE
        while True:
            with Wire(world.proxy.ports["imap"], "127.0.0.7") as client:
                if client.imap(f"LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK"):
                    break
            assert time.monotonic() < end
            time.sleep(0.2)
        log = world.stores["one"].half.log.read_text()[said:]
        assert re.search(r"event=login .*client=127\.0\.0\.7", log)
    finally:
        world.stop()


def test_the_proxy_forgets_and_kicks_by_its_own_control_socket(world: World) -> None:
    with Line(world.proxy.ports["imap"]) as client:
        assert client.do(f"a LOGIN {ANN} {PASSWORD}").startswith("a OK")
        assert world.proxy.half.run("user", "kick", ANN)["sessions"] == 1
        while client.input.readline():
            pass
    assert "asked anew" in world.proxy.half.run("directory", "flush")["message"]
    assert world.proxy.half.run("directory", "test", ANN)["to_host"] == world.stores["one"].host
    command = [program(), "--config", world.proxy.half.config, "user", "list", DOMAIN]
    assert subprocess.run(command, capture_output=True, timeout=PATIENCE).returncode != 0
