"""A PostgreSQL server of a test's own, on a Unix socket and a port of loopback."""

import glob
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

START_SECONDS = 30


def programs() -> Path | None:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
    return Path(found[-1]).parent if found else None


def why_not() -> str:
    return "" if programs() else "no PostgreSQL here"


class Postgresql:
    def __init__(self, port: int) -> None:
        self.port = port
        self.folder = Path(tempfile.mkdtemp(prefix="rookery-pg-"))  # paths of sockets are short
        self.user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.server: subprocess.Popen[bytes] | None = None
        shutil.chown(self.folder, self.user)
        self.folder.chmod(0o755)
        self.call("initdb", "-D", str(self.data), "-U", "owner", "-A", "trust", "-E", "UTF8", "--no-sync",
                  "--locale=C")  # fmt: skip

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def call(self, program: str, *words: str, text: str = "") -> str:
        bin_ = programs()
        assert bin_
        as_user = self.user if os.getuid() == 0 else None
        done = subprocess.run([bin_ / program, *words], input=text, capture_output=True, text=True, user=as_user,
                              cwd="/", timeout=START_SECONDS)  # fmt: skip
        assert done.returncode == 0, done
        return done.stdout

    def start(self) -> None:
        bin_ = programs()
        assert bin_
        as_user = self.user if os.getuid() == 0 else None
        words = ["-D", str(self.data), "-k", str(self.folder), "-p", str(self.port), "-c", "fsync=off"]
        words += ["-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=16MB"]
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen([bin_ / "postgres", *words], stdout=log, stderr=log, user=as_user, cwd="/")
        end = time.monotonic() + START_SECONDS
        while subprocess.run([bin_ / "pg_isready", "-q", "-h", self.folder, "-p", str(self.port)]).returncode:
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        if self.server:
            self.server.send_signal(2)  # fast: it ends its connections
            self.server.wait(timeout=START_SECONDS)
            self.server = None

    def sql(self, text: str, database: str = "rookery") -> str:
        """The values of the answer, a line a row."""
        return self.call("psql", "-h", str(self.folder), "-p", str(self.port), "-U", "owner", "-d", database, "-X",
                         "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", text=text).strip()  # fmt: skip

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)
