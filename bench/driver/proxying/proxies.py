"""Proxies in front of one Rookery store: ours, Dovecot's login processes, nginx. All on loopback; each asks who
lives where in its own way: ours by the authmod protocol, nginx by HTTP, Dovecot is told."""

import shutil
import signal
import subprocess
import threading
import time
from abc import abstractmethod
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer

import certificate
import node as nodes
import ports
from account import Account
from daemon import read_pid, terminate
from limits import files_allowed
from target import DOMAIN, wait_for_port

HERE = Path(__file__).resolve().parent
PEERS = HERE.parents[1] / "peers"
START_SECONDS = 30
STOP_SECONDS = 10


class Authmod(ThreadingTCPServer):
    """`home`: at which host a user lives."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 128  # in a full one a SYN is lost and comes again a second later

    def __init__(self, home: Callable[[str], str]) -> None:
        self.asked = 0
        self.lock = threading.Lock()
        directory = self

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    words = line.decode().split()
                    if words and words[0] in ("lookup", "check"):
                        user = words[1].strip('"')
                        with directory.lock:
                            directory.asked += 1
                        self.wfile.write(f'+OK {user} config 0 tohost="{home(user)}"\r\n'.encode())
                    elif words and words[0] in ("quit", "exit"):
                        self.wfile.write(b"+OK\r\n")
                        return
                    else:
                        self.wfile.write(b"-ERR unknown\r\n")

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class AuthHttp(ThreadingHTTPServer):
    """What nginx asks."""

    daemon_threads = True

    def __init__(self, imap: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response(200)
                for name, value in (("Auth-Status", "OK"), ("Auth-Server", "127.0.0.1"), ("Auth-Port", str(imap))):
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Proxy:
    """One that is measured; the store's own ports are what `direct` has."""

    name: str
    speaks_tls_to_stores = True

    def __init__(self, folder: Path, store: dict[str, int], authority: Path, tls: bool) -> None:
        """`tls`: to the store; clients reach it with and without."""
        self.folder = folder / f"{self.name}-{'tls' if tls else 'plain'}"
        self.folder.mkdir()
        self.store, self.authority, self.tls = store, authority, tls
        self.ports = dict(zip(("imap", "imaps"), ports.free(2), strict=True))
        self.account = Account(self.folder.name)
        self.chain, self.key = certificate.issue(authority.parent, self.folder / "tls", "127.0.0.1")

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> None: ...

    def drain(self) -> None:
        """It holds nothing back."""

    def close(self) -> None:
        self.stop()
        self.account.close()

    def fill(self, template: str, into: str, **more: object) -> Path:
        words = {"folder": self.folder, "domain": DOMAIN, "chain": self.chain, "key": self.key,
                 "authority": self.authority, "port_imap": self.ports["imap"], "port_imaps": self.ports["imaps"],
                 "store_imap": self.store["imap"], "store_imaps": self.store["imaps"], **more}  # fmt: skip
        text = (PEERS / template).read_text()
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        (self.folder / into).write_text(text)
        return self.folder / into

    def run(self, *words: str) -> None:
        said = self.folder / "said"
        with said.open("w") as output:
            done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                  preexec_fn=lambda: (self.account.enter()(), files_allowed()))  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}:\n{said.read_text()}")
        wait_for_port(self.ports["imap"])


def serve(node: nodes.Node, account: Account) -> subprocess.Popen[bytes]:
    """Returns when it does; it and all that it starts count in the account."""
    (node.path / "data").mkdir(exist_ok=True)
    words = [node.program, "--config", str(node.config), "serve"]
    with node.log.open("ab") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   preexec_fn=lambda: (account.enter()(), files_allowed()))  # fmt: skip
    account.roots.append(process.pid)
    last = time.monotonic() + START_SECONDS
    while not node.is_healthy():
        if process.poll() is not None or time.monotonic() > last:
            raise RuntimeError(f"{node.name} does not serve:\n{node.last_words()}")
        time.sleep(0.05)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=STOP_SECONDS * 2)


class Rookery(Proxy):
    name = "rookery"
    program: Path
    of_directory = ""  # further statements of that block

    def home(self, user: str) -> str:
        return "127.0.0.1"

    def start(self) -> None:
        self.directory = Authmod(self.home)
        node = nodes.make(self.folder / "node", "proxy", self.program, ["proxy"],
                          self.ports | {"metrics": ports.free(1)[0]}, cheap=False)  # fmt: skip
        authority = node.give("proxy", "ca.pem", self.authority.read_text())
        ports_there = "".join(f"    {protocol}_port {self.store[protocol + ('s' if self.tls else '')]};\n"
                              for protocol in ("imap", "pop3") if protocol in self.ports)  # fmt: skip
        node.more = {
            "proxy": f"    backend_tls {'implicit' if self.tls else 'none'};\n{ports_there}"
                f"    backend_authorities \"{authority}\";\n",
            "": f"directory {{\n    driver authmod;\n{self.of_directory}    authmod {{\n"
                f"        servers 127.0.0.1:{self.directory.port};\n        domains {DOMAIN};\n    }}\n}}\n",
        }  # fmt: skip
        node.write_config(self.chain, self.key)
        node.save()
        self.node = node
        self.process = serve(node, self.account)

    def stop(self) -> None:
        if hasattr(self, "process"):
            end(self.process)
        if hasattr(self, "directory"):
            self.directory.shutdown()


class Dovecot(Proxy):
    name = "dovecot"

    def start(self) -> None:
        (self.folder / "run").mkdir()
        where = f"port={self.store['imaps']} ssl=any-cert" if self.tls else f"port={self.store['imap']}"
        config = self.fill("dovecot-proxy.conf", "dovecot.conf", where=where)
        self.key.chmod(0o644)
        self.run("dovecot", "-c", str(config))

    def stop(self) -> None:
        if pid := read_pid(self.folder / "run" / "master.pid"):
            terminate(pid)
        self.account.reap()


class Nginx(Proxy):
    name = "nginx"
    speaks_tls_to_stores = False

    def start(self) -> None:
        if not shutil.which("nginx", path="/usr/sbin:/usr/bin"):
            raise RuntimeError("nginx is not installed")
        self.auth = AuthHttp(self.store["imap"])
        config = self.fill("nginx-proxy.conf", "nginx.conf", auth=self.auth.port)
        self.run("/usr/sbin/nginx", "-c", str(config), "-e", str(self.folder / "log"))

    def stop(self) -> None:
        if pid := read_pid(self.folder / "pid"):
            terminate(pid)
        self.account.reap()
        if hasattr(self, "auth"):
            self.auth.shutdown()


PROXIES: dict[str, type[Proxy]] = {proxy.name: proxy for proxy in (Rookery, Dovecot, Nginx)}
