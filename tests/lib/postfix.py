"""A Postfix of the test's own: another domain's server, which delivers, forwards and bounces."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from elsewhere import free_port
from shape import PATIENCE

MAIN = """compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/lib
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
multi_instance_name = postfix-{port}
myhostname = mx.{domain}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
smtpd_peername_lookup = no
disable_dns_lookups = yes
virtual_alias_maps = inline:{{ {aliases} }}
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = inline:{{ {boxes} }}
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_transport = virtual
default_transport = smtp:[127.0.0.1]:{others}
relay_transport = smtp:[127.0.0.1]:{others}
"""
MASTER = """127.0.0.1:{port} inet n - n - - smtpd
postlog   unix-dgram n - n - 1 postlogd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
"""


def why_not() -> str:
    if os.getuid() != 0:
        return "Postfix can be started by root only"
    found = shutil.which("postfix", path=f"{os.environ['PATH']}:/usr/sbin")
    return "" if found else "postfix is not installed: script/setup --test"


class Postfix:
    """Mail for `boxes` at its domain is delivered, for `aliases` it goes where they say; what is for
    other domains goes to the port `others`."""

    def __init__(self, domain: str, boxes: list[str], aliases: dict[str, str], others: int, port: int = 0) -> None:
        self.folder = folder = Path(tempfile.mkdtemp(prefix="rookery-postfix-"))
        folder.chmod(0o755)  # its daemons are not root
        self.port = port or free_port()
        user = pwd.getpwnam("nobody")
        for name in ("queue", "lib", "mail", "log", "etc"):
            (folder / name).mkdir()
        shutil.chown(folder / "lib", "postfix")
        shutil.chown(folder / "mail", user.pw_uid, user.pw_gid)
        words = {
            "folder": folder,
            "domain": domain,
            "port": self.port,
            "others": others,
            "uid": user.pw_uid,
            "gid": user.pw_gid,
            "boxes": ", ".join(f"{{ {name}@{domain} = {name}/ }}" for name in boxes),
            "aliases": ", ".join(f"{{ {name}@{domain} = {to} }}" for name, to in aliases.items()),
        }
        (folder / "etc" / "main.cf").write_text(MAIN.format(**words))
        (folder / "etc" / "master.cf").write_text(MASTER.format(**words))
        self.run("start")

    def run(self, word: str) -> None:
        said = self.folder / "said"  # not a pipe: daemons would hold it open
        with said.open("w") as output:
            done = subprocess.run(
                ["/usr/sbin/postfix", "-c", self.folder / "etc", word],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=PATIENCE,
            )
        assert done.returncode == 0, (said.read_text(), self.log())

    def log(self) -> str:
        log = self.folder / "log" / "mail.log"
        return log.read_text() if log.exists() else ""

    def stop(self) -> None:
        self.run("stop")
        shutil.rmtree(self.folder)

    def messages(self, name: str) -> list[bytes]:
        return [path.read_bytes() for path in sorted(self.folder.glob(f"mail/{name}/new/*"))]

    def await_message(self, name: str, words: bytes) -> bytes:
        """The one in his mailbox that has these words."""
        end = time.monotonic() + PATIENCE
        while True:
            for message in self.messages(name):
                if words in message:
                    return message
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)
