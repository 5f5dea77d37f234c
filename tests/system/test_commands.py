"""The rookery command: with a server and without one, for people and for programs."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest
from pop3_client import Pop3
from shape import Shape

USAGE, FAILED = 2, 1


class Command:
    def __init__(self, shape: Shape) -> None:
        self.place = shape.folder / shape.nodes[0].name
        self.program: str = json.loads((self.place / "node.json").read_text())["program"]

    def words(self, *words: str) -> list[str]:
        return [self.program, "--config", str(self.place / "rookery.conf"), *words]

    def run(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words), input=text, capture_output=True, text=True, timeout=60)  # fmt: skip

    def ok(self, *words: str, text: str = "") -> str:
        done = self.run(*words, text=text)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def fails(self, status: int, *words: str, text: str = "") -> str:
        """The reason. With --json it is the same, as JSON."""
        done = self.run(*words, text=text)
        assert (done.returncode, done.stdout) == (status, ""), done
        assert done.stderr.startswith("rookery: ") and done.stderr.count("\n") == 1, done
        told = self.run("--json", *words, text=text)
        assert (told.returncode, told.stderr) == (status, ""), told
        assert f"rookery: {json.loads(told.stdout)['error']}\n" == done.stderr
        return done.stderr


@pytest.fixture(params=["with a server", "without a server"])
def command(own_shape: Shape, request: pytest.FixtureRequest) -> Command:
    if request.param == "without a server":
        own_shape.nodes[0].do("stop")
    return Command(own_shape)


def test_every_command_and_its_json(command: Command) -> None:
    ok, fails = command.ok, command.fails
    assert "was added" in ok("domain", "add", "birds.test", "--user-quota", "10M")
    assert "birds.test" in ok("domain", "list")
    assert json.loads(ok("--json", "domain", "show", "birds.test"))["user_quota"] == 10 << 20
    ok("domain", "set", "birds.test", "--quota=1G")
    ok("domain", "add", "fish.test")
    assert json.loads(ok("--json", "domain", "show", "fish.test"))["user_quota"] is None
    assert re.search(r"^user quota +-$", ok("domain", "show", "fish.test"), re.MULTILINE)
    assert re.search(r"^user quota messages +-$", ok("domain", "show", "fish.test"), re.MULTILINE)
    ok("domain", "remove", "fish.test")
    assert "was added" in ok("user", "add", "ann@birds.test", "--name", "Ann Ö", text="pass word\n")
    assert "ann@birds.test" in ok("user", "list", "birds.test")
    assert len(json.loads(ok("--json", "user", "list", "--match", "user000*"))["rows"]) == 4
    assert json.loads(ok("user", "show", "ann@birds.test", "--json"))["full_name"] == "Ann Ö"
    ok("user", "set", "ann@birds.test", "--services", "imap,pop3")
    ok("user", "password", "ann@birds.test", text="other\n")
    assert "shown this once" in ok("app-password", "add", "ann@birds.test", "phone")
    assert "phone" in ok("app-password", "list", "ann@birds.test")
    ok("app-password", "remove", "ann@birds.test", "phone")
    ok("alias", "add", "all@birds.test", "ann@birds.test")
    ok("alias", "set", "all@birds.test", "ann@birds.test", "user0000@example.test")
    assert "all@birds.test" in ok("alias", "list", "birds.test")
    ok("alias", "show", "all@birds.test")
    ok("alias", "remove", "all@birds.test")
    assert "INBOX" in ok("mailbox", "list", "ann@birds.test")
    ok("store", "show")
    assert ok("store", "check") == "No damage.\n"
    assert json.loads(ok("--json", "store", "check"))["damage"] == 0
    ok("store", "compact", "--all")
    fails(FAILED, "domain", "remove", "birds.test")
    ok("user", "remove", "ann@birds.test")
    ok("domain", "remove", "birds.test")
    assert "ann@birds.test" in fails(FAILED, "user", "show", "ann@birds.test")


def test_a_batch_stops_at_a_bad_line_and_says_which(command: Command) -> None:
    lines = "a@example.test one\n\n# remark\nb@example.test\nc@example.test three\n"
    told = command.run("user", "add", "--batch", "-", text=lines)
    assert told.returncode == FAILED
    assert "line 4" in told.stderr and "1 users were added" in told.stderr
    listed = command.ok("user", "list", "--match", "?@*")
    assert "a@example.test" in listed and "c@example.test" not in listed


def test_wrong_words(shape: Shape) -> None:
    fails = Command(shape).fails
    assert '"user list"' in fails(USAGE, "user", "lst")
    assert '"store check"' in fails(USAGE, "stor", "check")
    assert "rookery help" in fails(USAGE, "frobnicate")
    assert "--bad" in fails(USAGE, "user", "list", "--bad")
    assert "missing" in fails(USAGE, "user", "show")
    assert "too many" in fails(USAGE, "user", "show", "a@example.test", "b")
    assert "password" in fails(FAILED, "user", "add", "new@example.test")
    assert "zsh" in fails(USAGE, "completion", "zsh")
    assert "/nowhere" in fails(FAILED, "user", "add", "--batch", "/nowhere")


def on_a_terminal(command: Command, words: list[str], typed: list[bytes]) -> tuple[int, bytes]:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(command.program, command.words(*words))
    shown = b""
    for line in typed:
        while not shown.endswith(b": "):
            shown += os.read(terminal, 1000)
        os.write(terminal, line + b"\n")
        shown += b"|"
    try:
        while piece := os.read(terminal, 1000):
            shown += piece
    except OSError:  # the terminal's other side has closed
        pass
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown


def test_a_password_typed_twice_is_not_shown(own_shape: Shape) -> None:
    command, words = Command(own_shape), ["user", "password", "user0000@example.test"]
    status, shown = on_a_terminal(command, words, [b"my bird", b"my bird"])
    assert status == 0, shown
    assert b"bird" not in shown and b"user0000@example.test" in shown
    with Pop3(own_shape.nodes[0]) as client:
        client.ok("USER user0000@example.test")
        client.ok("PASS my bird")
    status, shown = on_a_terminal(command, words, [b"one", b"two"])
    assert status == FAILED and b"differ" in shown


def test_a_removed_user_gets_clean_errors_in_an_open_session(own_shape: Shape) -> None:
    user = own_shape.users[0]
    with Pop3(own_shape.nodes[0], user) as client:
        Command(own_shape).ok("user", "remove", user.name)
        client.err("RETR 1")
        assert client.command("QUIT")[:4] in (b"+OK ", b"-ERR")
    with Pop3(own_shape.nodes[0]) as client:
        client.ok(f"USER {user.name}")
        client.err(f"PASS {user.password}", "AUTH")


def test_help_fits_eighty_columns(shape: Shape) -> None:
    command = Command(shape)
    for words in (["help"], ["help", "user", "add"], ["help", "domain", "set"], ["--help"]):
        assert max(map(len, command.ok(*words).splitlines())) <= 80


def test_bash_completes(shape: Shape, tmp_path: Path) -> None:
    command = Command(shape)
    script = tmp_path / "completion"
    script.write_text(command.ok("completion", "bash"))

    def complete(*words: str) -> set[str]:
        line = 'source "$0"; COMP_WORDS=(rookery "$@"); COMP_CWORD=$#; _rookery; echo "${COMPREPLY[@]}"'
        done = subprocess.run(
            ["bash", "-c", line, script, *words], capture_output=True, text=True)  # fmt: skip
        assert done.stderr == ""
        return set(done.stdout.split())

    assert complete("us") == {"user"}
    assert {"add", "list", "show", "remove"} <= complete("user", "")
    assert "--batch" in complete("user", "add", "--")
    assert {"check", "show", "explain"} <= complete("config", "")
    assert complete("--") == {"--json", "--config"}
    for options in (["--json"], ["--config", "x"], ["--json", "--config", "=", "x"]):
        assert complete(*options, "us") == {"user"}
        assert "show" in complete(*options, "user", "")
        assert "--batch" in complete(*options, "user", "add", "--")
    for unfinished in (["--config"], ["--config", "="]):
        assert complete(*unfinished, "") == set(), "bash completes file names then"


def test_manual_pages_render_without_warnings(shape: Shape) -> None:
    for words in (["manual"], ["config", "manual"]):
        page = Command(shape).ok(*words)
        assert page.startswith(".TH ")
        done = subprocess.run(
            ["groff", "-ww", "-man", "-Tutf8"], input=page, capture_output=True, text=True)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
