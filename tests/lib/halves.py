"""An mx and a store that are started and stopped by themselves: two servers of one machine, joined
by the sockets that join the roles of one server."""

import imaplib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shape import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "script" / "cluster"))
import ports  # noqa: E402
import processes  # noqa: E402

DOMAIN = "halves.test"
PASSWORD = "secret"


def program() -> Path:
    return Path(os.environ.get("ROOKERY", ROOT / "build" / "src" / "cli" / "rookery"))


class Half:
    """One server, of one role."""

    def __init__(self, folder: Path, run: Path, name: str, block: str, port: int) -> None:
        self.port = port
        self.config = folder / f"{name}.conf"
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.enter: Callable[[], None] | None = None  # in the process, before the program
        self.config.write_text(
            f'hostname mail.{DOMAIN};\ndata "{folder / name}";\nrun "{run}";\n'
            f"plain_login_on_loopback yes;\nuser {pwd.getpwuid(os.getuid()).pw_name};\n"
            f'control_socket "unix:{run / name}";\n'
            f"{block}\n"
        )

    def start(self) -> None:
        said = self.said()
        with self.log.open("ab") as log:
            command = [program(), "--config", self.config, "serve"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=self.enter)
        self.await_ready(said)

    def said(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def await_ready(self, said: int) -> None:
        """Its role says so, behind these bytes of the log."""
        assert self.process
        end = time.monotonic() + PATIENCE
        with self.log.open("rb") as log:
            log.seek(said)
            heard = b""
            while b"role ready" not in heard:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < end, self.log.read_text()
                time.sleep(0.02)
                heard += log.read()

    def stop(self) -> None:
        """In order: what has begun is answered."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=PATIENCE)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """The supervisor and its role, which goes with it, at any moment."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)  # or it would start the role anew
        roles = self.kill_role()
        self.process.kill()
        self.process.wait(timeout=PATIENCE)
        end = time.monotonic() + PATIENCE
        while any(processes.alive(role) for role in roles):  # and holds its ports
            assert time.monotonic() < end
            time.sleep(0.005)

    def kill_role(self) -> list[int]:
        """The supervisor starts it anew. Its pid."""
        roles = self.roles()
        for role in roles:
            os.kill(role, signal.SIGKILL)
        return roles

    def roles(self) -> list[int]:
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(child) for child in children.split()]

    def run(self, *words: str, text: str = "") -> Any:
        """The command's result."""
        command = [program(), "--config", self.config, "--json", *words]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done
        return json.loads(done.stdout)


class Halves:
    def __init__(self, folder: Path, more: str = "", of_store: str = "") -> None:
        """Blocks and options that go into the config of either half."""
        smtp, imap, submission = ports.free(3)
        self.run = Path(tempfile.mkdtemp(prefix="rookery-"))  # paths of sockets are short
        self.mx = Half(folder, self.run, "mx", f"mx {{\n    listen smtp 127.0.0.1:{smtp};\n"
                       f"    listen submission 127.0.0.1:{submission};\n{more}}}", smtp)  # fmt: skip
        self.store = Half(
            folder,
            self.run,
            "store",
            f"store {{\n    listen imap 127.0.0.1:{imap};\n    password_hash_memory 1M;\n"
            f"    password_hash_passes 1;\n    scram_iterations 4096;\n{of_store}}}",
            imap,
        )
        self.submission = submission

    def start(self) -> None:
        self.store.start()
        self.mx.start()

    def begin(self) -> "Halves":
        """From nothing: both run, and the domain is there."""
        self.start()
        self.store.run("domain", "add", DOMAIN)
        return self

    def stop(self) -> None:
        self.mx.stop()
        self.store.stop()
        shutil.rmtree(self.run)

    def add_user(self, name: str) -> str:
        address = f"{name}@{DOMAIN}"
        self.store.run("user", "add", address, text=f"{PASSWORD}\n")
        return address


def await_first(pair: Halves, user: str) -> bytes:
    """The first message in the inbox, once it is there."""
    client = imaplib.IMAP4("127.0.0.1", pair.store.port, timeout=PATIENCE)
    client.login(user, PASSWORD)
    end = time.monotonic() + PATIENCE
    while int(client.select("INBOX")[1][0] or b"0") < 1:
        assert time.monotonic() < end, "nothing comes"
        time.sleep(0.05)
    _, answers = client.fetch("1", "(BODY.PEEK[])")
    client.logout()
    assert isinstance(answers[0], tuple)
    return bytes(answers[0][1])
