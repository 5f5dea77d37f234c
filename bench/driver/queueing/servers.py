"""Rookery and Postfix with mail that waits in their queues: for a store that is away, for a server elsewhere."""

import os
import shutil
import socket
import subprocess
import time
from abc import abstractmethod
from pathlib import Path

from halves import PASSWORD, Halves
from peers import Peers
from smtp_client import Client
from target import DOMAIN, Target, wait_for_port

USERS = 100
DRAIN_SECONDS = 600


class Queued(Target):
    """A target whose queue is filled and emptied by order. `sink_port`: where all mail for elsewhere goes;
    while nobody is there it waits."""

    sink_port: int

    @abstractmethod
    def shut_store(self) -> None:
        """From now on mail for mailboxes here waits."""

    @abstractmethod
    def release(self) -> None:
        """All that waits may go; returns at once."""

    @abstractmethod
    def left(self) -> bool:
        """Whether anything waits; takes a moment."""

    def empty(self) -> float:
        """Seconds until nothing waits."""
        begun = time.monotonic()
        self.release()
        while self.left():
            if time.monotonic() - begun > DRAIN_SECONDS:
                raise RuntimeError(f"{self.name}: the queue does not get empty")
        return time.monotonic() - begun


class Rookery(Queued):
    name = "rookery"
    is_fast = is_ours = True
    durability = "body and entries synced before 250, in one commit"

    def __init__(self, folder: Path, sink_port: int) -> None:
        super().__init__(folder, USERS)
        self.sink_port = sink_port
        self.folder.mkdir()
        self.halves = Halves(self.folder, f'    outbound {{\n        smart_host "127.0.0.1:{sink_port}";\n    }}\n')
        mx = self.halves.mx
        mx.enter = self.halves.store.enter = self.account.enter()
        self.ports = {"smtp": mx.port, "submission": self.halves.submission}

    def start(self) -> None:
        self.halves.start()
        self.halves.store.run("domain", "add", DOMAIN)
        for number in range(self.users):
            self.halves.store.run("user", "add", f"user{number:04d}@{DOMAIN}", text=f"{PASSWORD}\n")
        self._find_roots()

    def stop(self) -> None:
        if self.halves.run.exists():
            self.halves.stop()

    def shut_store(self) -> None:
        """It has heard of all mailboxes before."""
        self._ask_about_users()
        self.halves.store.stop()

    def release(self) -> None:
        if self.halves.store.process is None or self.halves.store.process.poll() is not None:
            self.halves.store.start()
            self._find_roots()
        self.halves.mx.run("queue", "flush")

    def left(self) -> bool:
        time.sleep(0.05)
        return bool(self.halves.mx.run("queue", "destinations")["rows"])

    def entries(self) -> int:
        return int(self.halves.mx.run("queue", "list", "--limit", "1")["waiting"])

    def restart_mx(self) -> tuple[float, float]:
        """After SIGKILL: seconds until a client is greeted, and MiB of the role then."""
        mx = self.halves.mx
        mx.kill()
        begun = time.monotonic()
        mx.start()
        with socket.create_connection(("127.0.0.1", mx.port), timeout=60) as client:
            assert client.recv(100).startswith(b"220")
        seconds = time.monotonic() - begun
        self._find_roots()
        lines = Path(f"/proc/{mx.roles()[0]}/smaps_rollup").read_text().splitlines()
        return seconds, sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024

    def slowest(self, seconds: float) -> float:
        """Milliseconds that the slowest of deliveries to a mailbox took, one after another."""
        took, begun = [], time.monotonic()
        while time.monotonic() - begun < seconds:
            since = time.monotonic()
            with Client("127.0.0.1", self.ports["smtp"]) as client:
                client.begin(f"user0000@{DOMAIN}")
                if client.data(b"Subject: now\r\n\r\nNow.\r\n").code != 250:
                    raise RuntimeError("rookery: a delivery is refused")
            took.append(time.monotonic() - since)
            time.sleep(0.02)
        return 1000 * max(took)

    def _find_roots(self) -> None:
        self.account.roots = [half.process.pid for half in (self.halves.mx, self.halves.store) if half.process]

    def _ask_about_users(self) -> None:
        with socket.create_connection(("127.0.0.1", self.ports["smtp"]), timeout=30) as client:
            lines = client.makefile("rb")
            lines.readline()
            for word in ("HELO bench", "MAIL FROM:<>", *(f"RCPT TO:<user{n:04d}@{DOMAIN}>" for n in range(self.users))):
                client.sendall(f"{word}\r\n".encode())
                if not (answer := lines.readline()).startswith(b"250"):
                    raise RuntimeError(f"rookery: {word}: {answer!r}")


class Postfix(Queued, Peers):
    """Mail comes to the hold queue, which costs it least: no attempt is made, nothing is written about one."""

    name = "postfix"
    durability = "postfix syncs its queue file before 250; dovecot a delivery's file and folder"

    def __init__(self, folder: Path, sink_port: int) -> None:
        super().__init__(folder, USERS)
        self.sink_port = sink_port

    def _prepare(self) -> None:
        super()._prepare()
        with (self.folder / "postfix" / "main.cf").open("a") as config:
            config.write(
                f"relayhost = [127.0.0.1]:{self.sink_port}\n"
                "smtpd_recipient_restrictions = check_recipient_access static:HOLD, permit_mynetworks, reject\n"
            )

    def start(self) -> None:
        super().start()
        self.ports["submission"] = self.ports["smtp"]

    def shut_store(self) -> None:
        pass  # what comes is held

    def release(self) -> None:
        config = str(self.folder / "postfix")
        self._run("postsuper", "-c", config, "-H", "ALL")
        self._run("postqueue", "-c", config, "-f")

    def left(self) -> bool:
        time.sleep(0.1)
        return any(True for name in ("maildrop", "incoming", "active", "deferred", "hold")
                   for _, _, files in os.walk(self.folder / "queue" / name) for _ in files)  # fmt: skip


class Sink:
    """Postfix's smtp-sink, which takes everything and keeps nothing."""

    def __init__(self, port: int) -> None:
        program = shutil.which("smtp-sink", path=f"{os.environ['PATH']}:/usr/sbin")
        if not program:
            raise RuntimeError("smtp-sink is of the package postfix")
        as_user = ["-u", "nobody"] if os.getuid() == 0 else []
        self.process = subprocess.Popen([program, *as_user, f"127.0.0.1:{port}", "200"])
        wait_for_port(port)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
