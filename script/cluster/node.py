"""One node on this machine: its folder, its config file, its processes.

The folder holds rookery.conf, tls/, data/, log, pid and node.json (what to know about it later).
"""

import json
import os
import pwd
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import processes

START_SECONDS = 60
STOP_SECONDS = 30
QUIET_SECONDS = 60
SOCKET_PATH_MAX = 80  # Unix sockets allow 107 bytes, of which the program's own names need some

# As root, each role gives its privileges up for a user of its own. Numbers, so that none need be made.
ROLE_USERS = {"mx": 64101, "store": 64102, "proxy": 64103, "web": 64104}

# What each role can listen for; a node has those that it has ports for.
SERVES = {
    "mx": ["smtp", "submission", "submissions"],
    "store": ["lmtp", "imap", "imaps", "pop3", "pop3s", "authmod"],
    "proxy": ["smtp", "submission", "submissions", "lmtp", "imap", "imaps", "pop3", "pop3s", "authmod"],
    "web": ["http"],
}
PROTOCOLS = [*SERVES["mx"], "lmtp", "imap", "imaps", "pop3", "pop3s"]  # of a node that does it all

# In a network namespace nobody else has them.
WELL_KNOWN = {"smtp": 25, "submission": 587, "submissions": 465, "lmtp": 24, "imap": 143, "imaps": 993,
              "pop3": 110, "pop3s": 995, "authmod": 8120, "http": 80, "metrics": 9090}  # fmt: skip
MIRROR_PORT = 7625  # of the store; the queue's is the next one, which needs no word then
BALANCED_UP = 10000  # from a protocol's port to the one for a load balancer


@dataclass
class Node:
    name: str
    folder: str
    run: str  # folder of its sockets
    program: str
    roles: list[str]
    ports: dict[str, int]
    cheap_passwords: bool
    namespace: str = ""  # network namespace that it runs in; "": this machine's
    host: str = "127.0.0.1"  # where clients reach it
    mirror: str = ""  # where its store listens for the other node of its mirror; the queue: a port up
    balancer: str = ""  # address of a load balancer, which has ports of its own
    more: dict[str, str] = field(default_factory=dict)  # further statements of a block; "": outside of all
    twin: str = ""  # the other node of its mirror, where the shape has several

    @property
    def path(self) -> Path:
        return Path(self.folder)

    @property
    def config(self) -> Path:
        return self.path / "rookery.conf"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @staticmethod
    def load(folder: Path) -> "Node":
        return Node(**json.loads((folder / "node.json").read_text()))

    def save(self) -> None:
        (self.path / "node.json").write_text(json.dumps(asdict(self), indent=1) + "\n")

    def write_config(self, chain: Path, key: Path) -> None:
        apart = os.getuid() == 0 and _open_to_all(self.path)
        trusted = f"proxy_trusted {self.balancer};\n" if self.balancer else ""
        blocks = ""
        for role in self.roles:
            user = f"    user {ROLE_USERS[role]};\n" if apart else ""
            blocks += f"{role} {{\n{user}{self._listens(role)}{self._of_role(role)}{self.more.get(role, '')}}}\n"
        self.config.write_text(
            "hostname mail.example.test;\n"
            f'data "{self.path / "data"}";\n'
            f'run "{self.run}";\n'
            f'user "{pwd.getpwuid(os.getuid()).pw_name}";\n'
            f"plain_login_on_loopback yes;\n{trusted}"
            f'tls {{\n    certificate {{\n        chain "{chain}";\n        key "{key}";\n    }}\n}}\n'
            "limits {\n    connections_per_address 100000;\n"
            "    auth_failures_per_address 1000000;\n}\n"
            f"metrics {{\n    listen {self._listen_at()}:{self.ports['metrics']};\n}}\n"
            + blocks + self.more.get("", "")
        )  # fmt: skip

    def _listens(self, role: str) -> str:
        lines = []
        for protocol in SERVES[role]:
            if protocol not in self.ports:
                continue
            port = self.ports[protocol]
            lines.append(f"    listen {protocol} {self._listen_at()}:{port};\n")
            if self.balancer:
                lines.append(f"    listen {protocol} {self.host}:{port + BALANCED_UP} proxy;\n")
        return "".join(lines)

    def _of_role(self, role: str) -> str:
        cheap = (  # a thousand users in seconds
            "    password_hash_memory 1M;\n"
            "    password_hash_passes 1;\n"
            "    scram_iterations 4096;\n"
        )
        if role == "store":
            return (cheap if self.cheap_passwords else "") + self._mirror(0)
        return self._mirror(1) if role == "mx" else ""

    def _mirror(self, up: int) -> str:
        if not self.mirror or (up and self.mirror.endswith(f":{MIRROR_PORT}")):
            return ""
        host, _, port = self.mirror.rpartition(":")
        return f"    mirror {{\n        listen {host}:{int(port) + up};\n    }}\n"

    def give(self, role: str, name: str, text: str) -> Path:
        """A file that the confined role can read: a secret, an authority."""
        Path(self.run).mkdir(parents=True, exist_ok=True)
        file = Path(self.run) / name
        file.touch(mode=0o600)
        file.write_text(text)
        if os.getuid() == 0 and _open_to_all(self.path):
            os.chown(file, ROLE_USERS[role], ROLE_USERS[role])
        return file

    def _listen_at(self) -> str:
        """In a namespace also on its loopback, for clients that are in it too, and on an address that it
        has at times."""
        return "*" if self.namespace else self.host

    def pid(self) -> int | None:
        """Of the first process, while any of the node's processes lives."""
        try:
            pid = int((self.path / "pid").read_text())
        except (OSError, ValueError):
            return None
        if not processes.of_session(pid):
            return None
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return pid  # the first one died, others are left
        return pid if os.fsencode(str(self.config)) in words or not words else None

    def start(self) -> None:
        """Returns when it serves."""
        if self.pid() is not None:
            raise RuntimeError(f"node {self.name} runs already")
        for folder in (self.path / "data", Path(self.run)):
            folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            serving = subprocess.Popen(
                [*self._inside(), self.program, "--config", str(self.config), "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_all_files_allowed,
            )
        (self.path / "pid").write_text(f"{serving.pid}\n")
        end = time.monotonic() + START_SECONDS
        while not self.is_healthy():
            if serving.poll() is not None or time.monotonic() > end:
                processes.kill(serving.pid)
                raise RuntimeError(f"node {self.name} does not serve:\n{self.last_words()}")
            time.sleep(0.02)

    def _inside(self) -> list[str]:
        return ["nsenter", f"--net=/run/netns/{self.namespace}"] if self.namespace else []

    def is_healthy(self) -> bool:
        try:
            url = f"http://{self.host}:{self.ports['metrics']}/health"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def is_quiet(self) -> bool:
        """No connection is in the middle of a command: its client may be dead, and what it asked for
        still to come."""
        url = f"http://{self.host}:{self.ports['metrics']}/metrics"
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = answer.read().decode()
        counts = [
            dict(re.findall(rf'^rookery_{name}{{role="(\w+)"}} (\d+)$', text, re.MULTILINE))
            for name in ("connections", "connections_parked")
        ]
        return bool(counts[0]) and counts[0] == counts[1]

    def wait_until_quiet(self) -> None:
        end = time.monotonic() + QUIET_SECONDS
        while not self.is_quiet():
            if time.monotonic() > end:
                raise RuntimeError(f"node {self.name} is still busy after {QUIET_SECONDS} s")
            time.sleep(0.05)

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-20:])

    def stop(self) -> None:
        """SIGTERM, and all is gone when this returns; an error when it had to be killed."""
        pid = self.pid()
        if pid is None:
            return
        processes.send([pid], signal.SIGTERM)
        if not processes.wait_gone(pid, STOP_SECONDS):
            processes.kill(pid)
            raise RuntimeError(f"node {self.name} did not stop in {STOP_SECONDS} s; killed")

    def kill(self) -> None:
        if (pid := self.pid()) is not None:
            processes.kill(pid)

    def wipe(self) -> None:
        """Its disk is empty: a new one that was given to the same machine."""
        self.kill()
        shutil.rmtree(self.path / "data", ignore_errors=True)

    def command(self, *words: str, text: str | None = None) -> str:
        """`rookery --config … words`; what it printed."""
        done = subprocess.run(
            [self.program, "--config", str(self.config), *words],
            capture_output=True,
            text=True,
            input=text,
        )
        if done.returncode:
            raise RuntimeError(f"rookery {' '.join(words)}: {done.stderr.strip() or done.stdout}")
        return done.stdout


def make(
    folder: Path, name: str, program: Path, roles: list[str], ports: dict[str, int], cheap: bool,
    **more: Any,
) -> Node:  # fmt: skip
    """The folder of a new node; no config yet, nothing runs."""
    folder.mkdir(parents=True, exist_ok=True)
    run = str(folder / "run")
    if len(run) > SOCKET_PATH_MAX:
        run = tempfile.mkdtemp(prefix="rookery-")
    node = Node(name, str(folder), run, str(program), roles, ports, cheap, **more)
    node.save()
    return node


def _open_to_all(folder: Path) -> bool:
    """Whether a user without rights gets to what lies in the folder."""
    return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))


def _all_files_allowed() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
