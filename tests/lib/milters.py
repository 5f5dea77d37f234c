"""Real milters, started by tests: rspamd and ClamAV with configs of their own, and programs by libmilter."""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "script" / "cluster"))
import rspamd as rspamd_server  # noqa: E402

START_SECONDS = 60
# The three patterns that rspamd knows, in pieces so that this file is no spam itself.
GTUBE = "JS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
REJECT, ADD_HEADER, REWRITE_SUBJECT = "X" + GTUBE, "Y" + GTUBE, "Z" + GTUBE
# The test pattern of virus scanners, likewise.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-" + b"TEST-FILE!$H+H*"

CLAMD_CONFIG = """
Foreground yes
User {user}
DatabaseDirectory {folder}/signatures
LocalSocket {folder}/clamd
TemporaryDirectory {folder}
ConcurrentDatabaseReload no
SelfCheck 0
"""
CLAMAV_MILTER_CONFIG = """
Foreground yes
User {user}
MilterSocket unix:{folder}/milter
ClamdSocket unix:{folder}/clamd
TemporaryDirectory {folder}
OnInfected Reject
RejectMsg infected with %v
AddHeader Replace
LogFile {folder}/milter.log
"""


def why_not(*programs: str, module: str = "") -> str:
    """Which of them is missing here, for a skip."""
    missing = [name for name in programs if not shutil.which(name)]
    if module and importlib.util.find_spec(module) is None:
        missing.append(f"Python's {module}")
    return f"no {', '.join(missing)} here" if missing else ""


def answers(address: str) -> bool:
    kind, _, path = address.rpartition(":")
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family) as s:
        try:
            s.connect(path if kind == "unix" else (kind, int(path)))
        except OSError:
            return False
    return True


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Daemon:
    """A program that serves at an address."""

    def __init__(self, command: list[str], address: str, log: Path, rough: bool = False) -> None:
        """`rough`: it is killed at the end, since it takes its time."""
        self.address = address
        self.rough = rough
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise

    def wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while not answers(self.address):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        if self.rough:
            self.process.kill()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)


def rspamd(folder: Path, address: str, more: str = "") -> Daemon:
    """At "unix:PATH" or "127.0.0.1:PORT"; `more` is config."""
    bind = f"{address[5:]} mode=0666" if address.startswith("unix:") else address
    config = rspamd_server.write_config(folder, bind, more)
    return Daemon(["rspamd", "-f", "-i", "-c", str(config)], address, folder / "log")


def clamav(folder: Path) -> list[Daemon]:
    """clamd, which knows one signature, and its milter, which comes last."""
    (folder / "signatures").mkdir()
    (folder / "signatures" / "test.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
    user = pwd.getpwuid(os.getuid()).pw_name
    started = []
    for program, text, name in (
        ("clamd", CLAMD_CONFIG, "clamd"),
        ("clamav-milter", CLAMAV_MILTER_CONFIG, "milter"),
    ):
        config = folder / f"{program}.conf"
        config.write_text(text.format(folder=folder, user=user))
        command = [program, "--config-file", str(config)]
        try:
            started.append(Daemon(command, f"unix:{folder}/{name}", folder / f"{program}.said"))
        except BaseException:
            for daemon in started:
                daemon.stop()
            raise
    return started


def by_libmilter(script: str, folder: Path, name: str) -> Daemon:
    """A script of tests/lib; it notes in <folder>/<name>.told what it was told."""
    address = f"unix:{folder}/{name}"
    command = [sys.executable, str(ROOT / "tests/lib" / script), address, str(folder / f"{name}.told")]
    return Daemon(command, address, folder / f"{name}.log", rough=True)
