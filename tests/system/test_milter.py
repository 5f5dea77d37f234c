"""Real milters, started by the tests: rspamd with a config of its own, and one by libmilter that asks for
every change. What they say of a message comes through the client in src/filter."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import milters
import pytest
from milters import ADD_HEADER, REJECT, REWRITE_SUBJECT, why_not

ROOT = Path(__file__).resolve().parents[2]
PROBE = "src/filter/milter_probe"

needs_rspamd = pytest.mark.skipif(bool(why_not("rspamd")), reason=why_not("rspamd"))
needs_libmilter = pytest.mark.skipif(bool(why_not(module="Milter")), reason=why_not(module="Milter"))


@pytest.fixture(scope="module", params=["unix", "tcp"])
def rspamd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running one."""
    folder = tmp_path_factory.mktemp("rspamd")
    port = milters.free_port()
    address = f"unix:{folder}/socket" if request.param == "unix" else f"127.0.0.1:{port}"
    daemon = milters.rspamd(folder, address)
    yield daemon.address
    daemon.stop()


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
    """The address of a milter that asks for every change; it notes in `every.told` what it was told."""
    daemon = milters.by_libmilter("every_milter.py", tmp_path, "every")
    yield daemon.address
    daemon.stop()


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
    told = (tmp_path / "every.told").read_text().splitlines()
    assert told == [
        "connect client.example ('192.0.2.1', 25)",
        "hello client.example",
        *message,
        *message,
    ]
