"""What leads clients to one of a mirror's two nodes: HAProxy on a machine of its own, or keepalived on
both. Each is set up by the file in deploy/ that users are given, with other addresses.

Its folder holds that file as it is used, logs, and the ids of its processes.
"""

import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

import node as nodes
import processes
from node import Node
from wire import BALANCER, CARD, NODES, PREFIX, Wire

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
START_SECONDS = 20
STOP_SECONDS = 10


class Front(ABC):
    kind: str
    program: str
    has_machine = False  # of its own

    def __init__(self, folder: Path) -> None:
        """Of the shape in that folder."""
        self.folder = folder / "front"
        self.wire = Wire(folder)

    @property
    @abstractmethod
    def host(self) -> str:
        """The address that clients are told."""

    @abstractmethod
    def _texts(self, members: list[Node]) -> dict[str, str]:
        """By the namespace that it runs in: its file."""

    @abstractmethod
    def _words(self, config: Path) -> list[str]: ...

    def start(self, members: list[Node]) -> None:
        """Returns when clients are served through it."""
        if shutil.which(self.program) is None:
            raise RuntimeError(f"{self.program} is not installed (script/setup --test)")
        self.folder.mkdir(exist_ok=True)
        for name, text in self._texts(members).items():
            config = self.folder / f"{name}.conf"
            config.write_text(text)
            with (self.folder / f"{name}.log").open("ab") as log:
                inside = ["nsenter", f"--net=/run/netns/{self.wire.namespace(name)}"]
                started = subprocess.Popen([*inside, *self._words(config)], stdin=subprocess.DEVNULL,
                                           stdout=log, stderr=log, start_new_session=True)  # fmt: skip
            config.with_suffix(".leader").write_text(f"{started.pid}\n")
        try:
            await_greeting(self.host, nodes.PROTOCOLS)
        except RuntimeError:
            self.stop()
            raise

    def stop(self) -> None:
        leaders = []
        for file in self.folder.glob("*.leader"):
            leader = int(file.read_text())
            file.unlink()
            if processes.was_told(leader, str(file.with_suffix(".conf"))):
                leaders.append(leader)
        processes.send(leaders, signal.SIGTERM)
        for leader in leaders:
            if not processes.wait_gone(leader, STOP_SECONDS):
                processes.kill(leader)


def await_greeting(host: str, protocols: list[str]) -> None:
    """Of a node, by each of them, through what is in front of it."""
    end = time.monotonic() + START_SECONDS
    while not all(_greets(host, protocol) for protocol in protocols):
        if time.monotonic() > end:
            raise RuntimeError(f"{host} leads nobody to a node")
        time.sleep(0.05)


def _greets(host: str, protocol: str) -> bool:
    try:
        with socket.create_connection((host, nodes.WELL_KNOWN[protocol]), timeout=1) as client:
            if protocol.endswith("s"):
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                client = context.wrap_socket(client)
            return len(client.recv(1)) == 1
    except OSError:
        return False


def haproxy_text(members: list[Node], balance: str = "source") -> str:
    """deploy/haproxy.cfg, in front of these two."""
    text = (DEPLOY / "haproxy.cfg").read_text().replace("balance source", f"balance {balance}")
    for example, member in zip(("192.0.2.11", "192.0.2.12"), members, strict=True):
        text = text.replace(example, member.host)
    return text


class Haproxy(Front):
    kind = program = "haproxy"
    has_machine = True

    @property
    def host(self) -> str:
        return self.wire.host(BALANCER)

    def _texts(self, members: list[Node]) -> dict[str, str]:
        return {BALANCER: haproxy_text(members)}

    def _words(self, config: Path) -> list[str]:
        return ["haproxy", "-db", "-f", str(config)]


class RoundRobin(Haproxy):
    """As dumb as they come: each connection goes to the other node than the one before, whoever makes
    it, and whatever the node says of its health. Only where nobody listens it goes to the other one."""

    kind = "haproxy-roundrobin"

    def _texts(self, members: list[Node]) -> dict[str, str]:
        def dumb(text: str) -> str:
            lines = text.replace("balance source", "balance roundrobin").splitlines()
            kept = [re.sub(r"check .* send-proxy", "send-proxy", line) for line in lines
                    if "httpchk" not in line and "timeout check" not in line]  # fmt: skip
            return "\n".join(kept) + "\n"

        return {name: dumb(text) for name, text in super()._texts(members).items()}


class Keepalived(Front):
    kind = program = "keepalived"

    @property
    def host(self) -> str:
        return self.wire.floating_host()

    def _texts(self, members: list[Node]) -> dict[str, str]:
        text = (DEPLOY / "keepalived.conf").read_text()
        text = text.replace("192.0.2.10/24", f"{self.host}/{PREFIX}").replace("eth0", CARD)
        return dict.fromkeys(NODES, text)

    def _words(self, config: Path) -> list[str]:
        return ["keepalived", "--dont-fork", "--log-console", "--vrrp", f"--use-file={config}",
                f"--pid={config.with_suffix('.parent')}", f"--vrrp_pid={config.with_suffix('.child')}"]  # fmt: skip


FRONTS: dict[str, type[Front]] = {front.kind: front for front in (Haproxy, RoundRobin, Keepalived)}
