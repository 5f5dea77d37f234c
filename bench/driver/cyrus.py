"""Cyrus IMAP from Debian's packages, for what it is the better peer in: FETCH.

Its packages can't be installed beside Dovecot's, so they are unpacked into the bench's folder; what they need of other
packages is installed by script/setup --bench.
"""

import contextlib
import imaplib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import ports
from target import DOMAIN, PASSWORD, Target, wait_for_port

HERE = Path(__file__).parent
PACKAGES = ("cyrus-common", "cyrus-imapd")
ADMIN = "cyrus"


class Cyrus(Target):
    name = "cyrus"
    durability = "index, cache and message file synced before OK"
    workloads = ("FETCH 1:*",)

    def start(self) -> None:
        if os.getuid() != 0:
            raise RuntimeError("cyrus can be started by root only")
        is_new = not self.ports
        if is_new:
            self._prepare()
        words = [self._binary("master"), "-d", "-C", self.folder / "imapd.conf", "-M", self.folder / "cyrus.conf",
                 "-p", self._pid_file(), "-L", self.folder / "said"]  # fmt: skip
        self._run(*words, preexec_fn=self.account.enter())
        wait_for_port(self.ports["imap"])
        self.account.roots = [int(self._pid_file().read_text())]
        if is_new:
            self._make_inboxes()

    def stop(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._pid_file().read_text())
            os.kill(pid, signal.SIGTERM)
            for _ in range(100):
                os.kill(pid, 0)
                time.sleep(0.1)
        self.account.reap()

    def _pid_file(self) -> Path:
        return self.folder / "master.pid"

    def _binary(self, name: str) -> Path:
        return self.folder / "root/usr/lib/cyrus/bin" / name

    def _run(self, *words: object, said: str = "", **options: object) -> None:
        libraries = ":".join(str(place) for place in (self.folder / "root/usr/lib").glob("*-linux-gnu*"))
        done = subprocess.run(
            [str(word) for word in words],
            input=said,
            text=True,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"LD_LIBRARY_PATH": libraries},
            **options,  # type: ignore[call-overload]
        )
        if done.returncode:
            raise RuntimeError(f"{words[0]} failed")

    def _prepare(self) -> None:
        self.ports = {"imap": ports.free(1)[0]}
        for name in ("conf/socket", "conf/db", "conf/proc", "conf/log", "conf/lock", "conf/msg", "conf/ptclient",
                     "spool", "tmp", "root", "debs"):  # fmt: skip
            (self.folder / name).mkdir(parents=True)
        (self.folder / "debs").chmod(0o777)  # apt downloads as a user of its own
        self._run("apt-get", "-qq", "download", *PACKAGES, cwd=self.folder / "debs")
        for package in (self.folder / "debs").glob("*.deb"):
            self._run("dpkg", "-x", package, self.folder / "root")
        words = {"folder": self.folder, "domain": DOMAIN, "binaries": self._binary("").parent / "bin",
                 **{f"port_{name}": port for name, port in self.ports.items()}}  # fmt: skip
        for name in ("imapd.conf", "cyrus.conf"):
            text = (HERE.parent / "peers" / f"cyrus-{name}").read_text()
            for word, value in words.items():
                text = text.replace(f"@{word}@", str(value))
            (self.folder / name).write_text(text)
        for user in (ADMIN, *self._users()):
            self._run("saslpasswd2", "-p", "-c", "-f", self.folder / "sasldb2", "-u", DOMAIN, user, said=PASSWORD)
        for path in (self.folder, *self.folder.glob("conf/**/"), *map(self.folder.joinpath, ("spool", "tmp", "sasldb2"))):
            shutil.chown(path, "mail", "mail")

    def _users(self) -> list[str]:
        return [f"user{number:04}" for number in range(10)]  # those that have big mailboxes, and some

    def _make_inboxes(self) -> None:
        with imaplib.IMAP4("127.0.0.1", self.ports["imap"]) as admin:
            admin.login(ADMIN, PASSWORD)
            for user in self._users():
                if admin.create(f"user/{user}")[0] != "OK":
                    raise RuntimeError(f"cyrus makes no mailbox for {user}")
