"""Three stores on addresses of their own, a directory that says who lives where (tohost), and an mx
in front of them."""

import imaplib
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from halves import DOMAIN, PASSWORD, Half, ports
from shape import PATIENCE, open_to_roles
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
            f"    front_ends 127.0.0.1;\n    lmtp_socket unix:{self.run}/{'proxy-lmtp' if index == 0 else f'lmtp{index}'};\n"
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


@contextmanager
def running(folder: Path) -> Iterator[World]:
    open_to_roles(folder)
    world = World(folder)
    world.run.chmod(0o755)
    world.start()
    try:
        yield world
    finally:
        world.stop()


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
