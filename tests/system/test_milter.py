"""Real milters, started by the tests: rspamd with a config of its own, and one by libmilter that asks for
every change. What they say of a message comes through the client in src/filter."""

import importlib.util
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROBE = "src/filter/milter_probe"
RSPAMD = shutil.which("rspamd")
START_SECONDS = 60
CONFIG = """
options {{
	pidfile = "{folder}/pid";
	cache_file = "{folder}/cache";
	control_socket = "{folder}/control mode=0600";
	tempdir = "{folder}";
	url_tld = "{folder}/suffixes";
	filters = "";
	enable_test_patterns = true;
	dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "warning"; color = false; }}
lang_det {{ languages = "{folder}/none"; }}
worker "rspamd_proxy" {{
	bind_socket = "{bind}";
	milter = yes;
	count = 1;
	upstream "local" {{ default = yes; self_scan = yes; }}
}}
lua = "$RULESDIR/rspamd.lua"
"""
# The three patterns that rspamd knows, in pieces so that this file is no spam itself.
GTUBE = "JS*C4JDBQADN1.NSBN3*2IDNEN*" + "GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
REJECT, ADD_HEADER, REWRITE_SUBJECT = "X" + GTUBE, "Y" + GTUBE, "Z" + GTUBE

needs_rspamd = pytest.mark.skipif(RSPAMD is None, reason="no rspamd here")
needs_libmilter = pytest.mark.skipif(
    importlib.util.find_spec("Milter") is None, reason="no python3-milter here"
)


def answers(address: str) -> bool:
    kind, _, path = address.rpartition(":")
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family) as s:
        try:
            s.connect(path if kind == "unix" else (kind, int(path)))
        except OSError:
            return False
    return True


def wait_for(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while not answers(address):
        assert process.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="module", params=["unix", "tcp"])
def rspamd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running one."""
    assert RSPAMD
    folder = tmp_path_factory.mktemp("rspamd")
    (folder / "none").mkdir()
    (folder / "suffixes").write_text("com\norg\nexample\n")
    if request.param == "unix":
        address, bind = f"unix:{folder}/socket", f"{folder}/socket mode=0666"
    else:
        address = bind = f"127.0.0.1:{free_port()}"
    (folder / "rspamd.conf").write_text(CONFIG.format(folder=folder, bind=bind))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [RSPAMD, "-f", "-i", "-c", str(folder / "rspamd.conf")], stdout=log, stderr=log
        )
    try:
        wait_for(address, process, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture(scope="module")
def probe() -> str:
    subprocess.run(["ninja", "-C", str(ROOT / "build"), PROBE], check=True, capture_output=True)
    return str(ROOT / "build" / PROBE)


def ask(probe: str, address: str, folder: Path, body: str) -> list[str]:
    """What the probe prints of a message that is told twice over one connection."""
    message = folder / "message"
    message.write_bytes(
        f"From: ann@example.com\nTo: bob@example.org\nSubject: a word\nMessage-ID: <1@example.com>\n"
        f"Date: Mon, 2 Nov 2026 10:00:00 +0000\n\n{body}\n".replace("\n", "\r\n").encode()
    )
    done = subprocess.run([probe, address, str(message)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    return done.stdout.splitlines()


@needs_rspamd
def test_a_good_message_passes(probe: str, rspamd: str, tmp_path: Path) -> None:
    said = ask(probe, rspamd, tmp_path, "How are you?")
    assert [line for line in said if line.startswith("message:")] == ["message: go on 0  "] * 2


@needs_rspamd
def test_gtube_is_rejected(probe: str, rspamd: str, tmp_path: Path) -> None:
    said = ask(probe, rspamd, tmp_path, REJECT)
    assert [line for line in said if line.startswith("message:")] == [
        "message: refuse 554 5.7.1 Gtube pattern"
    ] * 2


@needs_rspamd
def test_a_field_is_added_to_what_is_probably_spam(probe: str, rspamd: str, tmp_path: Path) -> None:
    said = ask(probe, rspamd, tmp_path, ADD_HEADER)
    assert said.count("message: go on 0  ") == 2
    assert said.count("X-Spam: Yes") == 2
    assert said.count(ADD_HEADER) == 2, "the message's body follows its header"


@needs_rspamd
def test_a_subject_is_rewritten(probe: str, rspamd: str, tmp_path: Path) -> None:
    said = ask(probe, rspamd, tmp_path, REWRITE_SUBJECT)
    subjects = [line for line in said if line.startswith("Subject:")]
    assert len(subjects) == 2 and all(line != "Subject: a word" for line in subjects)


@pytest.fixture
def every(tmp_path: Path) -> Iterator[str]:
    """The address of a milter that asks for every change; it notes in `told` what it was told."""
    address = f"unix:{tmp_path}/socket"
    script = [sys.executable, str(ROOT / "tests/lib/every_milter.py"), address, str(tmp_path / "told")]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(script, stdout=log, stderr=log)
    try:
        wait_for(address, process, tmp_path / "log")
        yield address
    finally:
        process.kill()
        process.wait(30)


@needs_libmilter
def test_every_change_of_libmilter_is_done(probe: str, every: str, tmp_path: Path) -> None:
    said = ask(probe, every, tmp_path, "How are you?")
    message = [
        "mail: go on 0  ",
        "rcpt: go on 0  ",
        "data: go on 0  ",
        "message: go on 0  ",
        "sender: carol@example.com",
        "add: dave@example.org ",
        "remove: bob@example.org",
        "quarantine: held",
        "X-First: first",
        "From: ann@example.com",
        "Subject: another",
        "Message-ID: <1@example.com>",
        "Date: Mon, 2 Nov 2026 10:00:00 +0000",
        "X-Added: one",
        " two",
        "",
        "a new body",
    ]
    assert said == ["connect: go on 0  ", "helo: go on 0  ", *message, *message]


@needs_libmilter
def test_libmilter_is_told_every_step(probe: str, every: str, tmp_path: Path) -> None:
    ask(probe, every, tmp_path, "How are you?")
    message = [
        "from <ann@example.com> SIZE=1 0123456789",
        "to <bob@example.org>",
        "data",
        "header 'From' 'ann@example.com'",
        "header 'To' 'bob@example.org'",
        "header 'Subject' 'a word'",
        "header 'Message-ID' '<1@example.com>'",
        "header 'Date' 'Mon, 2 Nov 2026 10:00:00 +0000'",
        "eoh",
        "body 14",
        "eom",
    ]
    told = (tmp_path / "told").read_text().splitlines()
    assert told == [
        "connect client.example ('192.0.2.1', 25)",
        "hello client.example",
        *message,
        *message,
    ]
