"""Dovecot 2.3 from Debian's packages, one node, and two with its replicator between them: dsync over TCP.

Each of the two lives in a network namespace; both call each other, as Dovecot's manual has it.
"""

import os
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import certificate
import ports
from daemon import read_pid, terminate
from network import Place
from pair import Pair, Server
from target import DOMAIN, PASSWORD
from wire import Wire

TEMPLATES = Path(__file__).resolve().parents[2] / "peers"
FIRST_UID = 20000  # one a user, else the kernel's limit of 128 inotify instances a uid turns push off
PORTS = ["imap", "imaps", "pop3", "lmtp", "doveadm_port"]
START_SECONDS = 30


class Dovecot:
    """One instance; its configuration lies in its folder."""

    def __init__(self, folder: Path, users: int, namespace: str = "", own: str = "", other: str = "") -> None:
        self.folder = folder
        self.namespace = namespace
        self.users = users
        self.own, self.other = own, other  # where the two reach each other; "": it stands alone
        self.ports: dict[str, int] = {}

    @property
    def host(self) -> str:
        """Two of one name would both take their own lock."""
        return f"dovecot-{self.folder.name}"

    @property
    def config(self) -> str:
        return str(self.folder / "dovecot.conf")

    def prepare(self, numbers: dict[str, int]) -> None:
        self.ports = numbers
        for name in ("run", "state", "mail", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        shutil.chown(self.folder / "mail", "root", "mail")
        (self.folder / "mail").chmod(0o1775)
        (self.folder / "tmp").chmod(0o1777)
        certificate.authority(self.folder)
        chain, key = certificate.issue(self.folder, self.folder / "tls")
        key.chmod(0o644)
        words = {"folder": self.folder, "domain": DOMAIN, "chain": chain, "key": key, "own": self.own,
                 "other": self.other, "doveadm_port": numbers["doveadm_port"],
                 **{f"port_{name}": port for name, port in numbers.items()}}  # fmt: skip
        templates = ["dovecot.conf", *(["dovecot-replica.conf"] if self.other else [])]
        text = "".join((TEMPLATES / template).read_text() for template in templates)
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        Path(self.config).write_text(text)
        (self.folder / "passwd").write_text("".join(
            f"user{n:04d}:{{PLAIN}}{PASSWORD}:{FIRST_UID + n}:mail::::\n" for n in range(self.users)))  # fmt: skip

    def place(self, name: str) -> Place:
        return Place(name, self.ports, namespace=self.namespace)

    def pid(self) -> int | None:
        return read_pid(self.folder / "run/master.pid")

    def start(self, server: Server) -> None:
        said = self.folder / "said"  # not a pipe: daemons would hold it open
        place = self.place("")
        with said.open("w") as output:
            done = subprocess.run(
                [*place.inside(), "unshare", "--uts", "sh", "-c",
                 f"hostname {self.host} && exec dovecot -c {self.config}"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, preexec_fn=server.account.enter(),
            )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"dovecot:\n{said.read_text()}")
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                place.connect("lmtp").close()
                return
            except OSError:
                if time.monotonic() > end:
                    raise RuntimeError("dovecot did not open its ports") from None
                time.sleep(0.05)

    def stop(self) -> None:
        if pid := self.pid():
            terminate(pid)
        (self.folder / "run/master.pid").unlink(missing_ok=True)

    def admin(self, *words: str) -> str:
        return subprocess.run(["doveadm", "-c", self.config, *words], capture_output=True, text=True).stdout

    def messages(self) -> Counter[tuple[str, str]]:
        """How many messages each user has with which flags, in folders that clients see."""
        found: Counter[tuple[str, str]] = Counter()
        for box in (self.folder / "mail").iterdir():
            for part in ("new", "cur"):
                try:
                    names = os.listdir(box / "Maildir" / part)
                except FileNotFoundError:
                    continue
                found.update((box.name, name.partition(":2,")[2]) for name in names)
        return found


class _Dovecots(Server):
    instances: list[Dovecot]

    def _start(self, instances: list[Dovecot]) -> None:
        self.instances = instances
        numbers = dict(zip(PORTS, ports.free(len(PORTS)), strict=True))  # two have an address each
        for instance in instances:
            instance.prepare(numbers)
        for instance in instances:
            instance.start(self)
        self.places = [instance.place(name) for instance, name in zip(instances, "ab", strict=False)]
        self.account.roots = [pid for instance in instances if (pid := instance.pid())]

    def stop(self) -> None:
        for instance in getattr(self, "instances", []):
            instance.stop()
        self.account.reap()


class OneDovecot(_Dovecots):
    def start(self) -> None:
        _only_root()
        self._start([Dovecot(self.folder, self.users)])


class TwoDovecots(_Dovecots, Pair):
    def __init__(self, name: str, folder: Path, users: int, filled: Path) -> None:
        """Both begin with the mail of the instance in the folder `filled`."""
        super().__init__(name, folder, users)
        self.filled = filled

    def start(self) -> None:
        _only_root()
        self.folder.mkdir(parents=True)
        self.wire = Wire(self.folder)
        self.wire.up()
        for name in "ab":
            (self.folder / name).mkdir()
            subprocess.run(["cp", "-a", self.filled / "mail", self.folder / name / "mail"], check=True)
        self._start([
            Dovecot(self.folder / name, self.users, self.wire.namespace(name), self.wire.peer_host(name),
                    self.wire.peer_host(other))
            for name, other in ("ab", "ba")
        ])  # fmt: skip
        time.sleep(1)
        self.drain()  # each user, from both sides

    def stop(self) -> None:
        super().stop()
        if hasattr(self, "wire"):
            self.wire.down()

    def cut(self) -> None:
        self.wire.cut()

    def mend(self) -> None:
        self.wire.mend()

    def after_mend(self) -> None:
        """Else what failed is tried again after five minutes."""
        for instance in self.instances:
            instance.admin("replicator", "replicate", "*")

    def is_equal(self) -> bool:
        if any(_works(instance) for instance in self.instances):
            return False
        first, second = (instance.messages() for instance in self.instances)
        return first == second

    def drain(self) -> None:
        self.await_equal(pause=0.1)


def _works(instance: Dovecot) -> bool:
    """Or has something to do."""
    queued = re.findall(r"^(?:Queued|Waiting) .* requests +(\d+)$", instance.admin("replicator", "status"), re.M)
    syncing = instance.admin("replicator", "dsync-status").splitlines()[1:]
    return any(map(int, queued)) or not all(line.endswith("Not connected") for line in syncing)


def _only_root() -> None:
    if os.getuid() != 0:
        raise RuntimeError("dovecot can be started by root only")
