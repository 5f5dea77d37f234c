"""Store nodes on loopback between which users move, and clients that compare what they see there."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from halves import PASSWORD, Half, program
from imap_client import Imap
from shape import PATIENCE, User
from smtp_client import Client

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "script" / "cluster"))
import certificate  # noqa: E402
import ports  # noqa: E402

DOMAIN = "move.test"
SECRET = "a secret of nodes that move"


class Backend(Half):
    """A store node; its name as a host is that of its IMAP listener."""

    def __init__(self, folder: Path, name: str, directory: str, secret: str = SECRET, mirrored: bool = False) -> None:
        imap, self.pop3, self.lmtp, self.moves, self.mirror = ports.free(5)
        place = Path(tempfile.mkdtemp(prefix="rookery-"))  # paths of sockets are short
        self.place = place
        certificate.authority(folder)
        chain, key = certificate.issue(folder, folder / "server")
        for source, target in ((chain, "chain.pem"), (key, "key.pem"), (folder / "ca.pem", "ca.pem")):
            shutil.copy(source, place / target)
        (place / "secret").write_text(secret + "\n")
        mirror = f"    mirror {{\n        listen 127.0.0.1:{self.mirror};\n    }}\n" if mirrored else ""
        block = (
            f"tls {{\n    certificate {{\n        chain {place}/chain.pem;\n        key {place}/key.pem;\n    }}\n}}\n"
            "limits {\n    auth_failures_per_address 1000000;\n    connections_per_address 100000;\n}\n"
            f"store {{\n    listen imap 127.0.0.1:{imap};\n    listen pop3 127.0.0.1:{self.pop3};\n"
            f"    listen lmtp 127.0.0.1:{self.lmtp};\n{mirror}"
            f"    listen move 127.0.0.1:{self.moves};\n    move_trusted 127.0.0.0/8;\n"
            f"    move_secret_file {place}/secret;\n    move_authorities {place}/ca.pem;\n"
            "    password_hash_memory 1M;\n    password_hash_passes 1;\n    scram_iterations 4096;\n}\n"
        )
        super().__init__(folder, place, name, block + directory, imap)

    @property
    def where(self) -> str:
        """As the directory names it."""
        return f"127.0.0.1:{self.port}"

    @property
    def node(self) -> Any:
        """As clients of other tests want it."""
        return SimpleNamespace(host="127.0.0.1", imap=self.port, pop3=self.pop3)

    def imap(self, user: str, password: str = PASSWORD) -> Imap:
        return Imap(self.node, User(user, password))

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.place)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program(), "--config", self.config, "--json", *words], capture_output=True, text=True,
                              timeout=4 * PATIENCE)  # fmt: skip

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A command that goes on beside the test."""
        return subprocess.Popen([program(), "--config", self.config, "--json", *words], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)  # fmt: skip

    def move_words(self, user: str, to: "Backend", *more: str) -> list[str]:
        return ["user", "move", user, self.where, to.where, "--at", f"127.0.0.1:{to.moves}", *more]

    def move(self, user: str, to: "Backend", *more: str) -> Any:
        return self.run(*self.move_words(user, to, *more))

    def marks(self) -> dict[str, str]:
        return {row["name"]: row["state"] for row in self.run("user", "moves")["rows"]}

    def login(self, user: str, password: str = PASSWORD) -> str:
        """"" when he is in, else the code of the refusal."""
        client = Imap(self.node)
        try:
            answer = client.command(f'LOGIN "{user}" {password}')
            return "" if answer.status == "OK" else answer.code
        finally:
            client.close()

    def deliver(self, user: str, message: bytes) -> int:
        """The reply's code, of RCPT or DATA; 0: nobody answers."""
        try:
            with Client("127.0.0.1", self.lmtp, b"LHLO test.example") as client:
                assert client.command(b"MAIL FROM:<someone@elsewhere.test>").code == 250
                if (code := client.command(b"RCPT TO:<%s>" % user.encode()).code) != 250:
                    return int(code)
                assert client.command(b"DATA").code == 354
                return int(client.command(message + b"\r\n.").code)
        except OSError:
            return 0
        except AssertionError as error:
            if "the connection ended" in str(error):
                return 0
            raise


def message(name: str, size: int = 0) -> bytes:
    return b"From: a@b.test\r\nSubject: %s\r\nMessage-ID: <%s@b.test>\r\n\r\n%s\r\n" % (
        name.encode(), name.encode(), b"body " + b"x" * size)  # fmt: skip


def told(answers: list[list[Any]]) -> list[str]:
    """Sorted. Recent is a matter of who looked first at a node, not of the account."""
    return sorted(re.sub(r"(, )?'\\\\Recent'", "", repr(answer)) for answer in answers)


def seen_by_client(node: Backend, user: str) -> dict[str, Any]:
    """All that IMAP tells of an account, with what has been in it."""
    client = node.imap(user)
    client.ok("ENABLE QRESYNC")
    seen: dict[str, Any] = {"lists": told(client.ok('LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE)').of("LIST"))}
    for _, _, name in client.ok('LIST "" "*"').of("LIST"):
        text = name if isinstance(name, str) else name.decode()
        items = "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ MAILBOXID SIZE DELETED)"
        seen[f"{text} status"] = client.ok(f'STATUS "{text}" {items}').one("STATUS")
        selected = client.ok(f'EXAMINE "{text}"')
        validity = selected.code_value("UIDVALIDITY")
        fetched = client.ok("UID FETCH 1:* (UID FLAGS MODSEQ EMAILID THREADID INTERNALDATE RFC822.SIZE BODY.PEEK[])")
        seen[f"{text} messages"] = told(fetched.of("FETCH"))
        client.ok("UNSELECT")
        later = client.ok(f'EXAMINE "{text}" (QRESYNC ({validity} 1))')
        seen[f"{text} since"] = told(later.of("FETCH") + later.of("VANISHED"))
    client.close()
    return seen


def refusal(node: Backend, *words: str) -> str:
    done = node.command(*words)
    assert done.returncode != 0, done.stdout
    return str(json.loads(done.stdout)["error"])


def assert_he_works(node: Backend, user: str) -> None:
    assert node.login(user) == "" and node.deliver(user, message("works")) == 250


def await_mark(node: Backend, user: str, state: str) -> None:
    end = time.monotonic() + PATIENCE
    while node.marks().get(user) != state:
        assert time.monotonic() < end
        time.sleep(0.002)
