"""Clients of front ends: lines over sockets that come from an address of one's own choice; and Dovecot and nginx as
proxies in front of our back ends."""

import base64
import http.server
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from halves import ports
from shape import PATIENCE

DOVECOT, NGINX = "/usr/sbin/dovecot", "/usr/sbin/nginx"


class Wire:
    """A connection to a port, from that address, or to a Unix socket; lines in, lines out."""

    def __init__(self, to: int | Path, source: str = "127.0.0.1") -> None:
        if isinstance(to, int):
            self.socket = socket.create_connection(("127.0.0.1", to), PATIENCE, (source, 0))
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(str(to))
        self.input = self.socket.makefile("rb")
        self.greeting = self.line()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.input.close()
        self.socket.close()

    def line(self) -> str:
        """"" at the end."""
        return self.input.readline().decode().rstrip("\r\n")

    def say(self, text: str) -> str:
        self.socket.sendall(text.encode() + b"\r\n")
        return self.line()

    def imap(self, text: str) -> list[str]:
        """All that is answered, the tagged line last."""
        lines = [self.say("a " + text)]
        while lines[-1] and not lines[-1].startswith("a "):
            lines.append(self.line())
        return lines

    def smtp(self, text: str) -> list[str]:
        lines = [self.say(text)]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return lines


def plain(user: str, password: str, authzid: str = "") -> str:
    return base64.b64encode(f"{authzid}\0{user}\0{password}".encode()).decode()


def await_ports(wanted: list[int], process: subprocess.Popen[bytes], said: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE
    for port in wanted:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < end and process.poll() is None, said()
                time.sleep(0.05)


class Dovecot:
    """A proxy. `places` has for each protocol the fields of its passdb: host, port, source_ip …"""

    def __init__(self, places: dict[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.folder.chmod(0o755)
        self.ports = dict(zip(places, ports.free(len(places)), strict=True))
        self.log = self.folder / "log"
        (self.folder / "users").write_text(
            "".join(f"{protocol}:::::::proxy=y nopassword=y {fields}\n" for protocol, fields in places.items())
        )
        listeners = ""
        for protocol, port in self.ports.items():
            service = protocol if protocol == "lmtp" else f"{protocol}-login"
            more = "".join(f"  inet_listener {protocol}{s} {{\n    port = 0\n  }}\n" for s in ("s", "ssl"))
            listeners += f"service {service} {{\n  chroot =\n  inet_listener {protocol} {{\n    port = {port}\n  }}\n"
            listeners += more.replace("submissionssl", "submissions-") if protocol != "lmtp" else ""
            listeners += "}\n"
        (self.folder / "dovecot.conf").write_text(
            f"base_dir = {self.folder}/run\nstate_dir = {self.folder}/state\nlog_path = {self.log}\n"
            f"protocols = {' '.join(places)}\nlisten = 127.0.0.1\nssl = no\ndisable_plaintext_auth = no\n"
            "login_trusted_networks = 127.0.0.8\nlmtp_proxy = yes\nauth_debug = yes\nhostname = dovecot.test\n"
            f"passdb {{\n  driver = passwd-file\n  args = username_format=%s {self.folder}/users\n}}\n{listeners}"
        )
        self.process = subprocess.Popen([DOVECOT, "-F", "-c", self.folder / "dovecot.conf"])
        await_ports(list(self.ports.values()), self.process, self.said)

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)


def can_run_dovecot() -> str:
    """Why not, or nothing."""
    if os.getuid() != 0:
        return "Dovecot starts as root only"
    missing = [p for p in ("imap", "pop3", "lmtp", "submission") if not Path(f"/usr/lib/dovecot/{p}").exists()]
    return f"there is no Dovecot for {', '.join(missing)}" if missing else ""


class Nginx:
    """A proxy of SMTP without logins, by XCLIENT; its requests for a server are answered here."""

    def __init__(self, to: int) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                self.send_response(200)
                for name, value in (("Status", "OK"), ("Server", "127.0.0.1"), ("Port", str(to))):
                    self.send_header(f"Auth-{name}", value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.folder = Path(tempfile.mkdtemp(prefix="nginx-"))
        (self.port,) = ports.free(1)
        modules = "/usr/lib/nginx/modules/ngx_mail_module.so"
        (self.folder / "nginx.conf").write_text(
            f"load_module {modules};\ndaemon off;\npid {self.folder}/pid;\nerror_log {self.folder}/log info;\n"
            f"events {{\n}}\nmail {{\n  server_name nginx.test;\n  auth_http 127.0.0.1:{self.server.server_port}/;\n"
            f"  server {{\n    listen 127.0.0.1:{self.port};\n    protocol smtp;\n    smtp_auth none;\n    xclient on;\n"
            "  }\n}\n"
        )
        self.process = subprocess.Popen([NGINX, "-c", self.folder / "nginx.conf"], stderr=subprocess.DEVNULL)
        await_ports([self.port], self.process, self.said)

    def said(self) -> str:
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)


def can_run_nginx() -> str:
    """Why not, or nothing."""
    missing = [p for p in (NGINX, "/usr/lib/nginx/modules/ngx_mail_module.so") if not Path(p).exists()]
    return f"there is no {missing[0]}" if missing else ""
