"""An OpenLDAP server of a test's own, with the project's schema, on loopback and a Unix socket."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30
BASE = "dc=halves,dc=test"
SERVICE, SERVICE_PASSWORD = f"cn=rookery,{BASE}", "of the service"
PATHS = "/usr/sbin:/usr/bin"
CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {schema}
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/pid
argsfile {folder}/args
TLSCACertificateFile {certificate}
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
sizelimit size.soft=3 size.hard=3 size.pr=2 size.prtotal=unlimited
database mdb
suffix "{base}"
directory {folder}/data
rootdn "cn=admin,{base}"
rootpw admin
index mail,rookeryAlias eq,sub
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{service}" read by * none
"""


def why_not() -> str:
    missing = [name for name in ("slapd", "slapadd", "ldapmodify") if not shutil.which(name, path=PATHS)]
    return f"no {', '.join(missing)} here" if missing else ""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Slapd:
    def __init__(self, folder: Path, data: str, certificate: Path, key: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "data").mkdir()
        self.port, self.tls_port = free_port(), free_port()
        self.socket = folder / "ldapi"
        self.plain = f"ldap://127.0.0.1:{self.port}"
        self.tls = f"ldaps://127.0.0.1:{self.tls_port}"
        self.local = f"ldapi://{quote(str(self.socket), safe='')}"
        self.config = folder / "slapd.conf"
        self.config.write_text(
            CONFIG.format(folder=folder, schema=ROOT / "deploy/rookery.schema", base=BASE, service=SERVICE,
                          certificate=certificate, key=key)  # fmt: skip
        )
        (folder / "data.ldif").write_text(data)
        self.program("slapadd", "-f", str(self.config), "-l", str(folder / "data.ldif"))
        self.start()

    def program(self, name: str, *words: str, text: str = "") -> None:
        program = shutil.which(name, path=PATHS)
        assert program
        done = subprocess.run([program, *words], input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done

    def start(self) -> None:
        program = shutil.which("slapd", path=PATHS)
        assert program
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [program, "-d", "0", "-f", str(self.config), "-h", f"{self.plain} {self.tls} {self.local}"],
                stdout=log, stderr=log)  # fmt: skip
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.tls_port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.02)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=START_SECONDS)

    def modify(self, ldif: str) -> None:
        self.program("ldapmodify", "-x", "-H", self.plain, "-D", f"cn=admin,{BASE}", "-w", "admin", text=ldif)
