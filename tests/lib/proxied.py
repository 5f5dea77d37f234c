"""A proxy in front of two stores, and a directory of the test's own that says who lives where."""

import imaplib
import os
import pwd
import shutil
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from halves import PASSWORD, Half, ports
from shape import PATIENCE, open_to_roles

DOMAIN = "proxied.test"
STORES = ("one", "two")
PROTOCOLS = ("imap", "imaps", "pop3", "pop3s", "submission", "submissions", "managesieve")


class Directory:
    """Speaks the authmod protocol as other makers' servers do: check and lookup."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}  # by address
        self.status: dict[str, str] = {}  # "ok" unless it is here
        self.dead = False
        self.asked: list[str] = []
        directory = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    answer = directory.answer(line.decode(errors="replace").split())
                    self.wfile.write(answer.encode() + b"\r\n")

        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, words: list[str]) -> str:
        self.asked.append(" ".join(words[:2]))
        user = words[1].strip('"') if len(words) > 1 else ""
        if self.dead:
            return "-DEAD the database is down"
        if user not in self.places or (words[0] == "check" and words[2].strip('"') != PASSWORD):
            return "-ERR no"
        place = self.places[user]
        more = f' tohost="{place}"' if place else ""
        return f'+OK {user} config 0 mailstatus="{self.status.get(user, "ok")}"{more}'

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def certificate(folder: Path, name: str, hosts: tuple[str, ...]) -> None:
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem", "-days", "9", "-subj",
                    f"/CN={hosts[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{host}" for host in hosts)],
                   check=True, capture_output=True)  # fmt: skip


def tls_block(run: Path, name: str) -> str:
    return f"tls {{\n    certificate {{\n        chain {run}/{name}.pem;\n        key {run}/{name}.key;\n    }}\n}}\n"


class Store:
    """A back end: its own config and ports, and an mx for what users submit when asked for."""

    def __init__(self, folder: Path, name: str, of_store: str = "", of_mx: str | None = None) -> None:
        """`of_mx`: it takes submissions, too."""
        self.host = f"{name}.{DOMAIN}"
        self.run = Path(tempfile.mkdtemp(prefix="rookery-"))
        self.run.chmod(0o755)
        self.ports = dict(zip(("imap", "imaps", "pop3", "pop3s"), ports.free(4), strict=True))
        certificate(self.run, "tls", (self.host,))
        more = ""
        if of_mx is not None:
            submission, submissions = ports.free(2)
            self.ports |= {"submission": submission, "submissions": submissions}
            more = (f"mx {{\n    listen submission 127.0.0.1:{submission};\n"
                    f"    listen submissions 127.0.0.1:{submissions};\n{of_mx}}}\n")  # fmt: skip
        listens = "".join(f"    listen {p} 127.0.0.1:{self.ports[p]};\n" for p in ("imap", "imaps", "pop3", "pop3s"))
        self.half = Half(folder, self.run, name, f"{tls_block(self.run, 'tls')}store {{\n{listens}"
                         "    password_hash_memory 1M;\n    password_hash_passes 1;\n    scram_iterations 4096;\n"
                         f"{of_store}}}\n{more}", self.ports["imap"])  # fmt: skip

    def start(self) -> None:
        self.half.start()
        if "domain_added" not in self.__dict__:
            self.half.run("domain", "add", DOMAIN)
            self.domain_added = True

    def stop(self) -> None:
        self.half.stop()
        shutil.rmtree(self.run, ignore_errors=True)

    def add_user(self, address: str, password: str = PASSWORD) -> None:
        self.half.run("user", "add", address, text=f"{password}\n")

    def block(self, proxy: Path, tls: str = "implicit") -> str:
        """How a proxy whose confined role reads this folder reaches it."""
        shutil.copy(self.run / "tls.pem", proxy / f"{self.host}.pem")
        imap, pop3, submission = ("imap", "pop3", "submission")
        if tls == "implicit":
            imap, pop3, submission = ("imaps", "pop3s", "submissions")
        extra = f"        submission_port {self.ports[submission]};\n" if submission in self.ports else ""
        if "managesieve" in self.ports:
            extra += f"        managesieve_port {self.ports['managesieve']};\n"
        return (f'    backend "{self.host}" {{\n        address 127.0.0.1;\n        tls {tls};\n'
                f"        imap_port {self.ports[imap]};\n        pop3_port {self.ports[pop3]};\n{extra}"
                f"        authorities {proxy}/{self.host}.pem;\n    }}\n")  # fmt: skip


    def put(self, user: str, message: bytes) -> None:
        client = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=PATIENCE)
        client.login(user, PASSWORD)
        client.append("INBOX", "", None, message)
        client.logout()


    def fetch(self, user: str, subject: str) -> bytes:
        """The message of that subject, once it is there."""
        client = imaplib.IMAP4("127.0.0.1", self.ports["imap"], timeout=PATIENCE)
        client.login(user, PASSWORD)
        client.select("INBOX")
        end = time.monotonic() + PATIENCE
        while not (found := client.search(None, "SUBJECT", subject)[1][0].split()):
            assert time.monotonic() < end, f"{subject} does not come"
            time.sleep(0.05)
            client.noop()
        message = client.fetch(found[-1].decode(), "(BODY.PEEK[])")[1][0]
        client.logout()
        assert isinstance(message, tuple)
        return bytes(message[1])


class Line:
    """A connection of lines: what is written is what the server gets."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket: socket.socket = socket.create_connection(
            ("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0))  # fmt: skip
        self.input = self.socket.makefile("rb")
        self.greeting = self.line()

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.input.close()
        self.socket.close()

    def send(self, text: str) -> None:
        self.socket.sendall(text.encode())

    def line(self) -> str:
        line = self.input.readline()
        assert line.endswith(b"\r\n"), f"the connection ended: {line!r}"
        return line[:-2].decode()

    def do(self, text: str) -> str:
        self.send(text + "\r\n")
        return self.line()

    def list(self, text: str) -> list[str]:
        """An answer of several lines, which a dot ends."""
        assert self.do(text).startswith("+OK")
        lines = []
        while (line := self.line()) != ".":
            lines.append(line)
        return lines

    def start_tls(self, ca: Path) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.input = self.socket.makefile("rb")

    def ended(self) -> bool:
        return self.input.readline() == b""


def check_logs(world: "World") -> None:
    said = world.proxy.log() + "".join(store.half.log.read_text() for store in world.stores.values())
    assert PASSWORD not in said
    assert "Sanitizer" not in said and "must(" not in said and "runtime error" not in said


class Proxy:
    def __init__(self, folder: Path, directory: Directory, stores: list[Store], more: str = "", tls: str = "implicit",
                 name: str = "proxy") -> None:  # fmt: skip
        self.run = Path(tempfile.mkdtemp(prefix="rookery-"))
        self.run.chmod(0o755)
        self.ports = dict(zip((*PROTOCOLS, "metrics"), ports.free(len(PROTOCOLS) + 1), strict=True))
        certificate(self.run, "tls", (f"{name}.{DOMAIN}", "localhost"))
        blocks = "".join(store.block(self.run, tls) for store in stores)
        served = [p for p in PROTOCOLS if f"without {p};" not in more]
        for protocol in PROTOCOLS:
            more = more.replace(f"without {protocol};", "")
        listens = "".join(f"    listen {p} 127.0.0.1:{self.ports[p]};\n" for p in served)
        self.half = Half(folder, self.run, name, f"{tls_block(self.run, 'tls')}metrics {{\n"
                         f"    listen 127.0.0.1:{self.ports['metrics']};\n}}\nproxy {{\n{listens}{blocks}{more}}}\n"
                         "directory {\n    driver authmod;\n    cache_positive 0s;\n    cache_negative 0s;\n    authmod {\n"
                         f"        servers 127.0.0.1:{directory.port};\n        domains {DOMAIN};\n        timeout 2s;\n"
                         "    }\n}\n", self.ports["imap"])  # fmt: skip
        self.half.config.write_text(
            self.half.config.read_text().replace(f"hostname mail.halves.test", f"hostname {name}.{DOMAIN}")
        )

    @property
    def ca(self) -> Path:
        return self.run / "tls.pem"

    def start(self) -> None:
        self.half.start()

    def stop(self) -> None:
        self.half.stop()
        shutil.rmtree(self.run, ignore_errors=True)

    def log(self) -> str:
        return self.half.log.read_text(errors="replace")


class World:
    """All of it: ann lives at the first store, bob at the second."""

    def __init__(self, folder: Path, more: str = "", tls: str = "implicit", of_store: str = "",
                 of_mx: str | None = None) -> None:  # fmt: skip
        open_to_roles(folder)
        self.folder = folder
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.directory = Directory()
        self.stores = {name: Store(folder, name, of_store, of_mx) for name in STORES}
        for store in self.stores.values():
            store.start()
        self.proxy = Proxy(folder, self.directory, list(self.stores.values()), more, tls)
        self.add_user("ann", "one")
        self.add_user("bob", "two")
        self.proxy.start()

    def add_user(self, name: str, store: str, password: str = PASSWORD) -> str:
        address = f"{name}@{DOMAIN}"
        self.stores[store].add_user(address, password)
        self.directory.places[address] = self.stores[store].host
        return address

    def stop(self) -> None:
        self.proxy.stop()
        for store in self.stores.values():
            store.stop()
        self.directory.stop()
