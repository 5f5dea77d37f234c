"""A real name server (nsd) on loopback, with zones of the test's own, signed where wanted."""

import random
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 10
HEAD = """$ORIGIN {name}.
$TTL 300
@ SOA ns hostmaster 1 3600 600 86400 300
@ NS ns
ns A 127.0.0.1
"""
CONFIG = """server:
    ip-address: 127.0.0.1
    port: {port}
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    database: ""
    pidfile: "{folder}/pid"
    xfrdfile: ""
    zonelistfile: "{folder}/zones"
    server-count: 1
    hide-version: yes
remote-control:
    control-enable: no
"""
OLD = ["-i", "20200101", "-e", "20200201"]  # signatures that have expired


def run(*words: str, folder: Path) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def free_port() -> int:
    """Free for UDP and TCP; below those that the kernel gives out."""
    for port in random.sample(range(20000, 32000), 1000):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free loopback port")


def why_not() -> str:
    missing = [name for name in ("nsd", "ldns-signzone", "ldns-keygen") if not shutil.which(name)]
    return f"{', '.join(missing)} not installed" if missing else ""


@dataclass
class NameServer:
    folder: Path
    port: int = field(default_factory=free_port)
    zones: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def add(self, name: str, records: str, signed: bool = False, options: list[str] | None = None) -> Path:
        """The zone's file as it is served."""
        file = self.folder / f"{name}.zone"
        file.write_text(HEAD.format(name=name) + records)
        self.zones.append(name)
        if not signed:
            return file.rename(self.folder / name)
        key = run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name, folder=self.folder).strip()
        self.anchors.append((self.folder / f"{key}.ds").read_text())
        run("ldns-signzone", *(options or []), "-f", name, file.name, key, folder=self.folder)
        return self.folder / name

    def start(self) -> None:
        config = CONFIG.format(port=self.port, folder=self.folder)
        for zone in self.zones:
            config += f'zone:\n    name: "{zone}"\n    zonefile: "{zone}"\n'
        (self.folder / "nsd.conf").write_text(config)
        (self.folder / "anchors").write_text("".join(self.anchors))
        with (self.folder / "nsd.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["nsd", "-d", "-c", str(self.folder / "nsd.conf")], stdout=log, stderr=log)  # fmt: skip
        end = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, self.log()
                time.sleep(0.02)

    def log(self) -> str:
        return (self.folder / "nsd.log").read_text(errors="replace")

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)


def dns(server: NameServer, anchors: Path, *zones: str) -> str:
    """The block of a config that asks this server; safe.test is signed."""
    blocks = "".join(
        f"    zone {zone} {{\n        servers {server.address};\n"
        f"        signed {'yes' if zone == 'safe.test' else 'no'};\n    }}\n"
        for zone in zones
    )
    return f'dns {{\n    root_key "";\n    anchors "{anchors}";\n{blocks}}}\n'
