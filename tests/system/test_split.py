"""One mx in front of three stores on addresses of their own: mail goes to where the directory says
that a user lives (tohost)."""

import imaplib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from halves import DOMAIN, PASSWORD, Half, ports
from shape import PATIENCE
from smtp_client import Client

SENDER = "someone@elsewhere.test"
STORES = 3

# Whom the mx asks: "name host fwd" a line; a name without a host lives in the mx's own store. An
# alias is a line "name = user user".
PROGRAM = r'''
import sys
domain, table = sys.argv[1:]
for line in sys.stdin:
    words = line.split()
    name = words[1].partition("@")[0] if len(words) > 1 else ""
    with open(table) as file:
        rows = {row.split()[0]: row.split()[1:] for row in file if row.strip()}
    row = rows.get(name)
    if row is None:
        print("-ERR nobody", flush=True)
    else:
        fields = f' tohost="{row[0]}"' if row and row[0] != "-" else ""
        if len(row) > 1:
            fields += f' fwd="{row[1]}" copy="no"'
        print(f"+OK {name}@{domain} config 0{fields}", flush=True)
'''


def message(number: int, text: str = "hello") -> bytes:
    return f"Subject: number {number}\r\n\r\n{text}\r\n.".encode()


class World:
    """The stores have internal directories, all with the same users; who lives where only the mx's
    directory knows: that of a fourth store, which has a program."""

    def __init__(self, folder: Path) -> None:
        self.run = Path(subprocess.check_output(["mktemp", "-d", "/tmp/rookery-XXXXXX"], text=True).strip())
        self.folder = folder
        self.lmtp, self.smtp, authmod, *imap = ports.free(3 + STORES)
        self.table = folder / "table"
        self.table.write_text("")
        self.certificates()
        (folder / "authmod.py").write_text(PROGRAM)
        self.stores = [self.store(i, imap[i]) for i in range(STORES)]
        self.directory = self.own("directory", self.DIRECTORY.format(
            listen=authmod, program=folder / "authmod.py", table=self.table, domain=DOMAIN, run=self.run), authmod)  # fmt: skip
        self.mx = self.own("mx", self.mx_block(), self.smtp)

    DIRECTORY = (
        "store {{\n    listen imap 127.0.0.1:{listen};\n    authmod_socket unix:{run}/asked;\n"
        "    lmtp_socket unix:{run}/unused;\n}}\ndirectory {{\n    driver authmod;\n    cache_positive 0s;\n"
        "    cache_negative 0s;\n    authmod {{\n"
        '        command "/usr/bin/python3 \\"{program}\\" {domain} {table}";\n'
        "        domains {domain};\n    }}\n}}"
    )

    def mx_block(self, more: str = "") -> str:
        return (f"mx {{\n    listen smtp 127.0.0.1:{self.smtp};\n    directory unix:{self.run}/asked;\n"
                f"    store tls:127.0.0.11:{self.lmtp};\n    store_authorities {self.run}/ca.pem;\n"
                f"    backend_port {self.lmtp};\n    store_timeout 5s;\n{more}}}")  # fmt: skip

    def own(self, name: str, block: str, port: int) -> Half:
        return Half(self.folder, self.run, name, block, port)

    def address(self, index: int) -> str:
        return f"127.0.0.1{index + 1}"

    def store(self, index: int, imap: int) -> Half:
        return self.own(f"store{index}", (
            f"tls {{\n    certificate {{\n        chain {self.run}/store.pem;\n        key {self.run}/store.key;\n    }}\n}}\n"
            f"store {{\n    listen imap 127.0.0.1:{imap};\n    listen lmtp {self.address(index)}:{self.lmtp};\n"
            f"    front_ends 127.0.0.1;\n    lmtp_socket unix:{self.run}/lmtp{index};\n"
            f"    authmod_socket unix:{self.run}/authmod{index};\n    password_hash_memory 1M;\n"
            f"    password_hash_passes 1;\n    scram_iterations 4096;\n}}"), imap)  # fmt: skip

    def certificates(self) -> None:
        names = ",".join(f"IP:{self.address(i)}" for i in range(STORES)) + ",DNS:localhost"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", f"{self.run}/store.key", "-out", f"{self.run}/store.pem", "-days", "9", "-subj",
                        "/CN=localhost", "-addext", f"subjectAltName={names}"], check=True, capture_output=True)  # fmt: skip
        (self.run / "ca.pem").write_text((self.run / "store.pem").read_text())

    def start(self) -> None:
        for half in (*self.stores, self.directory, self.mx):
            half.start()
        for store in self.stores:
            store.run("domain", "add", DOMAIN)

    def stop(self) -> None:
        for half in (self.mx, self.directory, *self.stores):
            half.stop()
        subprocess.run(["rm", "-r", str(self.run)], check=True)

    def lives(self, name: str, *where: str) -> str:
        """Adds somebody: where he lives by the directory ("-": no host), and to whom his mail goes on."""
        rows = [row for row in self.table.read_text().splitlines() if row.split()[0] != name]
        new = self.table.with_suffix(".new")
        new.write_text("\n".join([*rows, " ".join([name, *where])]) + "\n")
        new.rename(self.table)
        return f"{name}@{DOMAIN}"

    def user(self, name: str, store: int) -> str:
        for half in self.stores:
            if half.is_running():
                half.run("user", "add", f"{name}@{DOMAIN}", text=f"{PASSWORD}\n")
        return self.lives(name, self.address(store) if store > 0 else "-")

    def send(self, *to: str, number: int = 1, sender: str = SENDER) -> int:
        with Client("127.0.0.1", self.smtp) as client:
            assert client.command(f"MAIL FROM:<{sender}>".encode()).code == 250
            for name in to:
                reply = client.command(f"RCPT TO:<{name}>".encode())
                assert reply.code == 250, reply
            assert client.command(b"DATA").code == 354
            return int(client.command(message(number)).code)

    def inbox(self, store: int, user: str) -> list[bytes]:
        client = imaplib.IMAP4("127.0.0.1", self.stores[store].port, timeout=PATIENCE)
        client.login(user, PASSWORD)
        count = int(client.select("INBOX")[1][0] or b"0")
        texts = []
        for number in range(1, count + 1):
            answer = client.fetch(str(number), "(BODY.PEEK[])")[1]
            assert isinstance(answer[0], tuple)
            texts.append(bytes(answer[0][1]))
        client.logout()
        return texts

    def numbers(self, store: int, user: str) -> list[int]:
        return [int(text.partition(b"Subject: number ")[2].split()[0]) for text in self.inbox(store, user)]

    def queue(self) -> list[dict[str, Any]]:
        return list(self.mx.run("queue", "list")["rows"])

    def await_empty(self) -> None:
        end = time.monotonic() + PATIENCE
        while rows := self.queue():
            assert time.monotonic() < end, rows
            time.sleep(0.05)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("split")
    for up in [folder, *folder.parents][:3]:
        up.chmod(0o755)
    world = World(folder)
    world.run.chmod(0o755)
    world.start()
    yield world
    world.stop()


@pytest.fixture(autouse=True)
def all_run(world: World) -> Iterator[None]:
    yield
    for store in world.stores:
        if not store.is_running():
            store.start()
    world.await_empty()


def test_each_recipient_gets_it_where_he_lives_and_nowhere_else(world: World) -> None:
    users = [world.user(f"each{i}", i) for i in range(STORES)]
    assert world.send(*users, number=7) == 250
    for lives, user in enumerate(users):
        for store in range(STORES):
            assert world.numbers(store, user) == ([7] if store == lives else [])
    assert world.queue() == []


def test_the_way_is_encrypted_and_one_session_id_leads_through(world: World) -> None:
    user = world.user("way", 2)
    assert world.send(user) == 250
    text = world.inbox(2, user)[0]
    assert text.count(b"\r\n\tby mail.") + text.count(b" by mail.") >= 1
    received = text.partition(b"with LMTP")[2]
    assert received.startswith(b"S"), text
    mx_log, store_log = world.mx.log.read_text(), world.stores[2].log.read_text()
    line = next(line for line in store_log.splitlines() if "message accepted" in line and user in line)
    session = line.partition(" id=")[2].split()[0]
    assert f"id={session}" in mx_log and "origin=127.0.0.1" in line


def test_while_one_store_is_down_the_others_have_theirs_at_once(world: World) -> None:
    users = [world.user(f"down{i}", i) for i in range(STORES)]
    world.stores[1].stop()
    for number in range(3):
        assert world.send(*users, number=number) == 250
    assert world.numbers(0, users[0]) == world.numbers(2, users[2]) == [0, 1, 2]
    waiting = world.queue()
    assert sorted(row["recipient"] for row in waiting) == [users[1]] * 3
    names = [row["name"] for row in world.mx.run("queue", "destinations")["rows"]]
    assert names == [f"{world.address(1)} lmtp"]
    assert world.send(users[0], users[2], number=3) == 250
    assert world.numbers(0, users[0]) == world.numbers(2, users[2]) == [0, 1, 2, 3]
    world.stores[1].start()
    world.await_empty()
    assert sorted(world.numbers(1, users[1])) == [0, 1, 2]


def test_the_queue_of_one_that_is_down_holds_up_nobody_else(world: World) -> None:
    """Two are down, one comes back: its mail goes there, the rest waits on; and the mx may start anew meanwhile."""
    users = [world.user(f"held{i}", i) for i in range(STORES)]
    world.stores[1].stop()
    world.stores[2].stop()
    for number in range(20):
        assert world.send(*users, number=number) == 250
    world.mx.stop()
    world.mx.start()
    world.stores[2].start()
    end = time.monotonic() + PATIENCE
    while len(world.queue()) > 20:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert sorted(world.numbers(2, users[2])) == list(range(20))
    assert {row["recipient"] for row in world.queue()} == {users[1]}
    world.stores[1].start()
    world.await_empty()
    assert sorted(world.numbers(1, users[1])) == list(range(20))


def test_an_alias_over_two_stores_reaches_each_of_its_users_once(world: World) -> None:
    one, two = world.user("alias1", 1), world.user("alias2", 2)
    # The stores have an alias of that name, too: were they asked for it, all would come twice.
    for store in world.stores:
        store.run("alias", "add", f"team@{DOMAIN}", one, two)
    team = world.lives("team", "-", f"{one},{two}")
    assert world.send(team, one, number=3) == 250
    assert (world.numbers(1, one), world.numbers(2, two)) == ([3], [3])
    assert (world.numbers(2, one), world.numbers(1, two)) == ([], [])


def test_half_an_alias_waits_for_its_store(world: World) -> None:
    one, two = world.user("half1", 1), world.user("half2", 2)
    team = world.lives("halves", "-", f"{one},{two}")
    world.stores[2].stop()
    assert world.send(team, number=4) == 250
    assert world.numbers(1, one) == [4]
    assert [row["recipient"] for row in world.queue()] == [two]
    world.stores[2].start()
    world.await_empty()
    assert (world.numbers(1, one), world.numbers(2, two)) == ([4], [4])


def test_who_moves_while_his_mail_waits_gets_it_where_he_lives_then(world: World) -> None:
    user = world.user("moves", 1)
    world.stores[1].stop()
    assert world.send(user, number=5) == 250
    world.lives("moves", world.address(2))
    world.await_empty()
    assert world.numbers(2, user) == [5]
    world.stores[1].start()
    assert world.numbers(1, user) == []


def test_what_one_store_refuses_comes_back_while_the_other_one_has_it(world: World) -> None:
    sender, full, fine = world.user("sender", 1), world.user("full", 2), world.user("fine", 0)
    for store in world.stores:
        store.run("user", "set", full, "--quota-messages", "1")
    assert world.send(full, number=1) == 250
    assert world.send(full, fine, number=2, sender=sender) == 250
    world.await_empty()
    assert (world.numbers(2, full), world.numbers(0, fine)) == ([1], [2])
    (report,) = world.inbox(1, sender)
    assert b"Action: failed" in report and b"Status: 5.2.2" in report and full.encode() in report
    with Client("127.0.0.1", world.smtp) as client:  # nobody else has it: no report, but a "no"
        client.command(f"MAIL FROM:<{sender}>".encode())
        assert client.command(f"RCPT TO:<{full}>".encode()).code == 250
        assert client.command(b"DATA").code == 354
        assert client.command(message(3)).code == 552
    assert len(world.inbox(1, sender)) == 1


def test_a_pair_of_hosts_is_one_place_and_the_second_stands_in(world: World) -> None:
    user = world.user("pair", 1)
    world.lives("pair", f"{world.address(1)},{world.address(2)}:{world.lmtp}")
    assert world.send(user, number=1) == 250
    world.stores[1].stop()
    assert world.send(user, number=2) == 250
    assert (world.numbers(2, user), world.queue()) == ([2], [])
    world.stores[1].start()
    number, end = 3, time.monotonic() + PATIENCE
    while len(world.numbers(1, user)) < 2:
        assert time.monotonic() < end
        assert world.send(user, number=number) == 250
        number += 1
        time.sleep(0.2)


@pytest.mark.parametrize("host", ["no host", "127.0.0.11,", "unix:/run/x"])
def test_a_host_that_is_none_is_temporary(world: World, host: str) -> None:
    world.lives("odd", host.replace(" ", "\\"))
    with Client("127.0.0.1", world.smtp) as client:
        client.command(f"MAIL FROM:<{SENDER}>".encode())
        assert client.command(f"RCPT TO:<odd@{DOMAIN}>".encode()).code // 100 == 4


def test_a_certificate_of_another_name_gets_no_mail(world: World) -> None:
    user = world.user("wrong", 0)
    world.lives("wrong", "127.0.0.2")  # of which the certificate knows nothing
    with socket.socket() as listener:
        listener.bind(("127.0.0.2", world.lmtp))
        listener.listen()
        relay = subprocess.Popen(["/usr/bin/python3", "-c", RELAY, str(listener.fileno()), world.address(0), str(world.lmtp)],
                                 pass_fds=[listener.fileno()])  # fmt: skip
        assert world.send(user, number=1) == 250
        assert [row["recipient"] for row in world.queue()] == [user]
        (row,) = world.mx.run("queue", "destinations")["rows"]
        assert row["name"] == "127.0.0.2 lmtp"
        relay.kill()
        relay.wait()
    assert world.numbers(0, user) == []
    world.lives("wrong", "-")
    world.await_empty()
    assert world.numbers(0, user) == [1]


# Bytes go on as they are.
RELAY = r'''
import socket, sys, threading
listener = socket.socket(fileno=int(sys.argv[1]))
def pump(one, other):
    while data := one.recv(65536):
        other.sendall(data)
    other.shutdown(socket.SHUT_WR)
while True:
    client, _ = listener.accept()
    server = socket.create_connection((sys.argv[2], int(sys.argv[3])))
    for pair in ((client, server), (server, client)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
'''


class Proxy:
    """In front of the same stores (LMTP), and of an mx (SMTP): that of the world, which believes it."""

    def __init__(self, world: World) -> None:
        self.lmtp, self.smtp = ports.free(2)
        self.half = world.own("proxy", (
            f"proxy {{\n    listen lmtp 127.0.0.1:{self.lmtp};\n    listen smtp 127.0.0.1:{self.smtp};\n"
            f"    default_host {world.address(0)};\n    directory unix:{world.run}/asked;\n"
            f"    backend_authorities {world.run}/ca.pem;\n    lmtp_port {world.lmtp};\n    smtp_port {world.smtp};\n"
            f"    backend_timeout 5s;\n}}"), self.smtp)  # fmt: skip


@pytest.fixture(scope="module")
def proxy(world: World) -> Iterator[Proxy]:
    proxy = Proxy(world)
    proxy.half.start()
    yield proxy
    proxy.half.stop()


def lmtp(proxy: Proxy, number: int, *to: str) -> tuple[list[int], list[int]]:
    """Codes at RCPT, and those of the message."""
    with Client("127.0.0.1", proxy.lmtp, b"LHLO client.test") as client:
        assert client.command(f"MAIL FROM:<{SENDER}>".encode()).code == 250
        taken = [int(client.command(f"RCPT TO:<{name}>".encode()).code) for name in to]
        if taken.count(250) == 0:
            return taken, []
        assert client.command(b"DATA").code == 354
        client.send(message(number) + b"\r\n")
        return taken, [int(client.reply().code) for code in taken if code == 250]


def test_by_lmtp_the_proxy_splits_a_message_and_each_has_his_own_answer(world: World, proxy: Proxy) -> None:
    users = [world.user(f"lmtp{i}", i) for i in range(STORES)]
    full = world.user("lmtpfull", 1)
    for store in world.stores:
        store.run("user", "set", full, "--quota-messages", "1")
    assert lmtp(proxy, 1, full) == ([250], [250])
    taken, done = lmtp(proxy, 2, users[0], full, users[1], f"nobody@{DOMAIN}", users[2], "x@elsewhere.test")
    assert taken[0] == taken[2] == taken[4] == 250 and taken[3] == taken[5] == 550
    assert taken[1] // 100 == 5 and done == [250] * 3 or (taken[1] == 250 and done == [250, 552, 250, 250])
    for lives, user in enumerate(users):
        assert [world.numbers(store, user) for store in range(STORES)] == [
            [2] if store == lives else [] for store in range(STORES)
        ]
    text = world.inbox(2, users[2])[0]
    assert text.count(b"Return-Path:") == 1 and text.count(b"Received:") == 2


def test_a_back_end_that_is_down_is_put_off_for_its_recipients_only(world: World, proxy: Proxy) -> None:
    users = [world.user(f"off{i}", i) for i in range(STORES)]
    world.stores[1].stop()
    assert lmtp(proxy, 1, *users) == ([250, 451, 250], [250, 250])
    world.stores[1].start()
    end = time.monotonic() + PATIENCE
    while lmtp(proxy, 2, users[1]) != ([250], [250]):
        assert time.monotonic() < end
        time.sleep(0.3)
    assert [world.numbers(i, user) for i, user in enumerate(users)] == [[1], [2], [1]]


def test_an_alias_over_two_stores_goes_through_the_proxy_to_each(world: World, proxy: Proxy) -> None:
    one, two = world.user("both1", 1), world.user("both2", 2)
    team = world.lives("both", "-", f"{one},{two}")
    assert lmtp(proxy, 1, team, two) == ([250, 250], [250, 250])
    assert (world.numbers(1, one), world.numbers(2, two)) == ([1], [1])
    assert (world.numbers(2, one), world.numbers(1, two)) == ([], [])


def test_a_store_that_breaks_off_fails_its_recipients_for_now(world: World, proxy: Proxy) -> None:
    one, two = world.user("break1", 1), world.user("break2", 2)
    with Client("127.0.0.1", proxy.lmtp, b"LHLO client.test") as client:
        client.command(f"MAIL FROM:<{SENDER}>".encode())
        for user in (one, two):
            assert client.command(f"RCPT TO:<{user}>".encode()).code == 250
        world.stores[1].kill()
        assert client.command(b"DATA").code == 354
        client.send(message(1) + b"\r\n")
        assert [client.reply().code for _ in range(2)] == [451, 250]
        assert client.command(b"MAIL FROM:<>").code == 250
        assert client.command(f"RCPT TO:<{one}>".encode()).code == 451
        assert client.command(f"RCPT TO:<{two}>".encode()).code == 250, "the session goes on"
    assert world.numbers(2, two) == [1]


def test_by_smtp_a_transaction_has_recipients_of_one_back_end(world: World, proxy: Proxy) -> None:
    """The back ends by SMTP are one mx on three addresses, which splits what comes."""
    world.mx.stop()
    text = world.mx.config.read_text()
    listens = "".join(f"    listen smtp {world.address(i)}:{world.smtp};\n" for i in range(STORES))
    front = "    xclient {\n        from 127.0.0.1;\n    }\n"
    tls = f"tls {{\n    certificate {{\n        chain {world.run}/store.pem;\n        key {world.run}/store.key;\n    }}\n}}\n"
    world.mx.config.write_text(tls + text.replace("mx {\n", "mx {\n" + listens + front))
    world.mx.start()
    one, other, two = world.user("smtp1", 1), world.user("smtp1b", 1), world.user("smtp2", 2)
    with Client("127.0.0.1", proxy.smtp) as client:
        assert client.command(f"MAIL FROM:<{SENDER}>".encode()).code == 250
        assert client.command(f"RCPT TO:<nobody@{DOMAIN}>".encode()).code == 550
        assert client.command(f"RCPT TO:<{one}>".encode()).code == 250
        reply = client.command(f"RCPT TO:<{two}>".encode())
        assert (reply.code, reply.status) == (452, "4.5.3")
        assert client.command(f"RCPT TO:<{other}>".encode()).code == 250
        assert client.command(b"DATA").code == 354
        assert client.command(message(1)).code == 250
        assert client.command(f"MAIL FROM:<{SENDER}>".encode()).code == 250
        assert client.command(f"RCPT TO:<{two}>".encode()).code == 250
        assert client.command(b"DATA").code == 354
        assert client.command(message(2)).code == 250
    assert (world.numbers(1, one), world.numbers(1, other), world.numbers(2, two)) == ([1], [1], [2])
    assert world.mx.log.read_text().count("a front end passes on a client") >= 2
    world.mx.stop()
    world.mx.config.write_text(text)
    world.mx.start()
