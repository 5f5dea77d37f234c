"""Dovecot as a back end of another make behind our proxy: IMAP with COMPRESS, POP3, ManageSieve; passwords, a master,
and tokens that a server of the test's own vouches for."""

import http.server
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from front_clients import DOVECOT, await_ports
from halves import PASSWORD, ports
from proxied import DOMAIN, certificate

MASTER, MASTER_PASSWORD = "proxy-master", "a master's secret"
TOKEN = "a-good-token"


def why_not() -> str:
    if os.getuid() != 0:
        return "Dovecot starts as root only"
    missing = [p for p in ("imap", "pop3", "managesieve") if not Path(f"/usr/lib/dovecot/{p}").exists()]
    return f"there is no Dovecot for {', '.join(missing)}" if missing else ""


class Tokens:
    """Whose a token is (RFC 7662), for Dovecot."""

    def __init__(self, user: str) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                good = self.headers.get("Authorization") == f"Bearer {TOKEN}" or self.path.endswith(TOKEN)
                text = json.dumps({"active": good, "email": user if good else "", "username": user}).encode()
                self.send_response(200 if good else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class DovecotBackend:
    def __init__(self, user: str) -> None:
        self.host = f"dovecot.{DOMAIN}"
        self.folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self.folder.chmod(0o755)
        self.ports = dict(zip(("imap", "pop3", "managesieve"), ports.free(3), strict=True))
        self.log = self.folder / "log"
        self.tokens = Tokens(user)
        certificate(self.folder, "tls", (self.host,))
        mail = self.folder / "mail"
        mail.mkdir()
        owner = pwd.getpwnam("mail")
        os.chown(mail, owner.pw_uid, owner.pw_gid)
        (self.folder / "users").write_text(f"{user}:{{PLAIN}}{PASSWORD}\n")
        (self.folder / "masters").write_text(f"{MASTER}:{{PLAIN}}{MASTER_PASSWORD}\n")
        (self.folder / "oauth2").write_text(
            f"introspection_mode = auth\nintrospection_url = http://127.0.0.1:{self.tokens.server.server_port}/\n"
            "username_attribute = email\nactive_attribute = active\nactive_value = true\n"
        )
        closed = {"imap": "imaps", "pop3": "pop3s"}
        services = "service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n"  # no pauses
        for protocol, port in self.ports.items():
            more = f"  inet_listener {closed[protocol]} {{\n    port = 0\n  }}\n" if protocol in closed else ""
            name = "sieve" if protocol == "managesieve" else protocol
            services += f"service {protocol}-login {{\n  chroot =\n  inet_listener {name} {{\n    port = {port}\n  }}\n{more}}}\n"
        (self.folder / "dovecot.conf").write_text(
            f"base_dir = {self.folder}/run\nstate_dir = {self.folder}/state\nlog_path = {self.log}\n"
            "protocols = imap pop3 sieve\nlisten = 127.0.0.1\nhostname = dovecot.test\nssl = yes\n"
            f"ssl_cert = <{self.folder}/tls.pem\nssl_key = <{self.folder}/tls.key\n"
            "login_trusted_networks = 127.0.0.1\nauth_mechanisms = plain login oauthbearer xoauth2\n"
            f"mail_location = maildir:{mail}/%u\nfirst_valid_uid = 1\nauth_failure_delay = 0\nauth_verbose = yes\n"
            f"passdb {{\n  driver = passwd-file\n  args = {self.folder}/masters\n  master = yes\n}}\n"
            f"passdb {{\n  driver = oauth2\n  mechanisms = xoauth2 oauthbearer\n  args = {self.folder}/oauth2\n}}\n"
            f"passdb {{\n  driver = passwd-file\n  mechanisms = plain login\n  args = {self.folder}/users\n}}\n"
            f"userdb {{\n  driver = static\n  args = uid=mail gid=mail home={mail}/%u\n}}\n"
            "protocol imap {\n  mail_plugins = imap_zlib\n}\n"
            f"plugin {{\n  sieve = file:~/sieve;active=~/.dovecot.sieve\n}}\n{services}"
        )
        self.process = subprocess.Popen([DOVECOT, "-F", "-c", self.folder / "dovecot.conf"])
        await_ports(list(self.ports.values()), self.process, self.said)

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def block(self, proxy: Path, tls: str = "starttls") -> str:
        shutil.copy(self.folder / "tls.pem", proxy / f"{self.host}.pem")
        named = "".join(f"        {p}_port {n};\n" for p, n in self.ports.items())
        return (f'    backend "{self.host}" {{\n        address 127.0.0.1;\n        tls starttls;\n{named}'
                f"        authorities {proxy}/{self.host}.pem;\n    }}\n")  # fmt: skip

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.tokens.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
