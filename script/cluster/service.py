"""Programs of others that a shape needs: a filter, a directory, a load balancer. Each on a machine of the
shape, with a config of its own.

Its folder holds the config, log, leader (the id of its process) and service.json (what to know about it later).
"""

import json
import shutil
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import processes

START_SECONDS = 60
STOP_SECONDS = 10
SYSTEM_PATHS = "/usr/sbin:/usr/bin:/sbin:/bin"
LISTENS = "0A"  # in /proc/net/tcp


@dataclass
class Service:
    name: str
    kind: str  # "rspamd"
    folder: str
    words: list[str]  # what starts it; it stays in the foreground
    host: str  # where it is reached
    port: int  # one of those that it opens, when it is ready
    namespace: str = ""

    @property
    def path(self) -> Path:
        return Path(self.folder)

    @staticmethod
    def load(folder: Path) -> "Service":
        return Service(**json.loads((folder / "service.json").read_text()))

    def save(self) -> None:
        (self.path / "service.json").write_text(json.dumps(asdict(self), indent=1) + "\n")

    def start(self) -> None:
        """Returns when it listens."""
        program = shutil.which(self.words[0], path=SYSTEM_PATHS)
        if program is None:
            raise RuntimeError(f"{self.words[0]} is not installed (script/setup --test)")
        if self.pid() is not None:
            raise RuntimeError(f"{self.name} runs already")
        inside = ["nsenter", f"--net=/run/netns/{self.namespace}"] if self.namespace else []
        with (self.path / "log").open("ab") as log:
            started = subprocess.Popen([*inside, program, *self.words[1:]], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, start_new_session=True)  # fmt: skip
        (self.path / "leader").write_text(f"{started.pid}\n")
        end = time.monotonic() + START_SECONDS
        while not listens(started.pid, self.port):
            if started.poll() is not None or time.monotonic() > end:
                self.kill()
                said = (self.path / "log").read_text(errors="replace").splitlines()[-20:]
                raise RuntimeError(f"{self.name} does not serve:\n" + "\n".join(said))
            time.sleep(0.05)

    def pid(self) -> int | None:
        try:
            leader = int((self.path / "leader").read_text())
        except (OSError, ValueError):
            return None
        return leader if processes.was_told(leader, self.folder) else None

    def stop(self) -> None:
        leader = self.pid()
        if leader is None:
            return
        processes.send([leader], signal.SIGTERM)
        if not processes.wait_gone(leader, STOP_SECONDS):
            processes.kill(leader)

    def kill(self) -> None:
        if (leader := self.pid()) is not None:
            processes.kill(leader)


def listens(pid: int, port: int) -> bool:
    """Whether somebody does in the network namespace of that process."""
    for name in ("tcp", "tcp6"):
        try:
            rows = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            _, local, _, state, *_ = row.split()
            if state == LISTENS and int(local.rpartition(":")[2], 16) == port:
                return True
    return False


def make(folder: Path, name: str, kind: str, words: list[str], host: str, port: int, namespace: str) -> Service:
    service = Service(name, kind, str(folder), words, host, port, namespace)
    service.save()
    return service
