"""Postfix and Dovecot from Debian's packages: config of their own, loopback, durable as they come.

Postfix takes SMTP and hands to Dovecot by LMTP. Dovecot's login processes run in its
high-performance mode; its fsync setting is the default, which syncs each delivery.
"""

import os
import shutil
import subprocess
from pathlib import Path

import certificate
import ports
from daemon import read_pid, terminate
from target import DOMAIN, PASSWORD, Target, wait_for_port

HERE = Path(__file__).parent
FIRST_UID = 20000  # one a user, else the kernel's limit of 128 inotify instances a uid turns push off


class Peers(Target):
    name = "peers"
    durability = (
        "dovecot's mail_fsync = optimized: a delivery's file and its folder synced before 250, index"
        " files not; postfix syncs its queue file before 250, so mail by SMTP is synced twice"
    )
    idle_max = 1000  # a process of some 600 KiB each

    def start(self) -> None:
        if os.getuid() != 0:
            raise RuntimeError("postfix and dovecot can be started by root only")
        if not self.ports:
            self._prepare()
        self._run("dovecot", "-c", str(self.folder / "dovecot.conf"))
        wait_for_port(self.ports["imap"])
        self._run("postfix", "-c", str(self.folder / "postfix"), "start")
        wait_for_port(self.ports["smtp"])
        self.account.roots = [pid for pid in map(read_pid, self._pid_files()) if pid]

    def stop(self) -> None:
        for path in self._pid_files():
            if pid := read_pid(path):
                terminate(pid)
            path.unlink(missing_ok=True)
        self.account.reap()

    def queued(self) -> int:
        queue = self.folder / "queue"
        return sum(
            1
            for name in ("maildrop", "incoming", "active", "deferred")
            for path in (queue / name).rglob("*")
            if path.is_file()
        )

    def _pid_files(self) -> list[Path]:
        return [self.folder / "queue/pid/master.pid", self.folder / "run/master.pid"]

    def _run(self, *words: str) -> None:
        said = self.folder / "said"  # not a pipe: daemons would hold it open
        with said.open("w") as output:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=self.account.enter(),
            )
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}:\n{said.read_text()}")

    def _prepare(self) -> None:
        names = ["smtp", "lmtp", "imap", "imaps", "pop3"]
        self.ports = dict(zip(names, ports.free(len(names)), strict=True))
        for name in ("run", "state", "mail", "queue", "lib", "postfix"):
            (self.folder / name).mkdir(parents=True)
        shutil.chown(self.folder / "mail", "root", "mail")
        (self.folder / "mail").chmod(0o1775)
        shutil.chown(self.folder / "lib", "postfix")
        certificate.authority(self.folder)
        chain, key = certificate.issue(self.folder, self.folder / "tls")
        key.chmod(0o644)  # of a loopback bench; dovecot's and postfix's users read it
        words = {
            "folder": self.folder,
            "domain": DOMAIN,
            "chain": chain,
            "key": key,
            **{f"port_{name}": port for name, port in self.ports.items()},
        }
        for template, into in (
            ("dovecot.conf", "dovecot.conf"),
            ("postfix-main.cf", "postfix/main.cf"),
            ("postfix-master.cf", "postfix/master.cf"),
        ):
            text = (HERE.parent / "peers" / template).read_text()
            for word, value in words.items():
                text = text.replace(f"@{word}@", str(value))
            (self.folder / into).write_text(text)
        numbers = range(self.users)
        (self.folder / "passwd").write_text(
            "".join(f"user{n:04d}:{{PLAIN}}{PASSWORD}:{FIRST_UID + n}:mail::::\n" for n in numbers)
        )
        users = self.folder / "postfix" / "users"
        users.write_text("".join(f"user{n:04d}@{DOMAIN} user{n:04d}\n" for n in numbers))
        self._run("postmap", "-c", str(self.folder / "postfix"), f"hash:{users}")
