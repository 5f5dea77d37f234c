"""The demo node: one domain, two users, a welcome message each, in the foreground.

Usage: demo.py PROGRAM FOLDER
"""

import json
import secrets
import shutil
import signal
import smtplib
import sys
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

import certificate
import node as nodes
import ports
import processes
import shape
from node import Node

# The well-known numbers, 2000 up where they would need root.
PORTS = {"smtp": 2525, "submission": 2587, "submissions": 2465, "lmtp": 2024, "imap": 2143,
         "imaps": 2993, "pop3": 2110, "pop3s": 2995, "metrics": 2980}  # fmt: skip
USERS = ["ada", "ben"]


def create(folder: Path, program: Path) -> tuple[Node, dict[str, str]]:
    """A new demo folder; its node runs when this returns."""
    shutil.rmtree(folder / "node", ignore_errors=True)  # of a first start that did not end
    numbers = dict(PORTS)
    for name, port in PORTS.items():
        if not ports.is_free(port):
            numbers[name] = ports.free(1)[0]
    certificate.authority(folder)
    node = nodes.make(folder / "node", "demo", program, ["mx", "store"], numbers, cheap=False)
    node.write_config(*certificate.issue(folder, node.path / "tls"))
    passwords = {f"{user}@{shape.DOMAIN}": secrets.token_hex(4) for user in USERS}
    node.start()
    try:
        shape.add_users(node, passwords)
        for user in passwords:
            welcome(node, user)
    except BaseException:
        node.kill()
        raise
    users = folder / "users.json"
    users.touch(mode=0o600)
    users.write_text(json.dumps(passwords, indent=1) + "\n")  # last: from now on it is complete
    return node, passwords


def open_again(folder: Path, program: Path) -> tuple[Node, dict[str, str]]:
    node = Node.load(folder / "node")
    if node.pid() is not None:
        raise RuntimeError(f"the demo in {folder} runs already")
    node.program = str(program)
    node.save()
    node.start()
    passwords: dict[str, str] = json.loads((folder / "users.json").read_text())
    return node, passwords


def welcome(node: Node, user: str) -> None:
    message = EmailMessage()
    message["From"] = f"Rookery <postmaster@{shape.DOMAIN}>"
    message["To"] = user
    message["Subject"] = "Welcome to the rookery"
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=shape.DOMAIN)
    message.set_content(
        "This message came in by SMTP, was handed to the store by LMTP, and was\n"
        "on the disk before the sender was told so.\n\nWrite back, file it, flag it, throw it away.\n"
    )
    with smtplib.SMTP("127.0.0.1", node.ports["smtp"], timeout=30) as client:
        client.send_message(message, from_addr="", to_addrs=[user])


def describe(node: Node, passwords: dict[str, str], authority: Path) -> str:
    port = node.ports
    (ada, first), (ben, second) = passwords.items()
    ca = f"--cacert {_short(authority)}"
    return f"""
  Rookery serves on 127.0.0.1, with TLS by {_short(authority)}

    SMTP {port['smtp']}    submission {port['submissions']} (TLS) {port['submission']} (STARTTLS)
    IMAP {port['imaps']} (TLS) {port['imap']} (STARTTLS)    POP3 {port['pop3s']} (TLS) {port['pop3']} (STARTTLS)
    health and metrics http://127.0.0.1:{port['metrics']}/health  /metrics

    {ada}  password {first}
    {ben}  password {second}

  Send:
    printf 'Subject: hello\\n\\nfirst flight\\n' | curl -sS {ca} --ssl-reqd -u {ada}:{first} \\
      smtps://localhost:{port['submissions']} --mail-from {ada} --mail-rcpt {ben} -T -
  Read what came last:
    curl -sS {ca} -u {ben}:{second} 'imaps://localhost:{port['imaps']}/INBOX;MAILINDEX=*'
  A mail program:
    IMAP localhost {port['imaps']} SSL/TLS, SMTP localhost {port['submissions']} SSL/TLS, user {ada}, password {first}

  Log: {_short(node.log)}    Ctrl-C stops it; the mail stays.
"""


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def main() -> int:
    program, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(exist_ok=True)
    is_new = not (folder / "users.json").exists()
    # as Ctrl-C, also from a service manager; the first one counts, the stop itself is not cut short
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        node, passwords = (create if is_new else open_again)(folder, program)
    except (RuntimeError, OSError, smtplib.SMTPException) as wrong:
        print(f"script/server: {wrong}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    try:
        print(describe(node, passwords, folder / "ca.pem"), flush=True)
        pid = node.pid()
        while pid is not None and processes.alive(pid):
            time.sleep(0.2)
        print(f"script/server: the server ended:\n{node.last_words()}", file=sys.stderr)
        node.kill()
        return 1
    except KeyboardInterrupt:
        print("\r  stopping", flush=True)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        node.stop()
        return 0


if __name__ == "__main__":
    sys.exit(main())
