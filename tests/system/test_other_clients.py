"""swaks, curl, mbsync and fetchmail from Debian's packages."""

import os
import subprocess
from pathlib import Path

import samples
from shape import Node, User, fetch, wait_for_mail

PATIENCE = 120
MESSAGES = 1000
FOLDER = "Gr&APwA3w-e"  # Grüße, as IMAP4rev1 spells it


def run(*words: object, environment: dict[str, str] | None = None, text: bytes = b"") -> bytes:
    done = subprocess.run(
        [str(word) for word in words],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        env=os.environ | (environment or {}),
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:].decode(errors="replace")
    return done.stdout


def test_swaks_submits_with_starttls_and_login(node: Node, user: User, other_user: User) -> None:
    run("swaks", "--server", node.host, "--port", node.submission, "--tls", "--auth", "PLAIN",
        "--auth-user", user.name, "--auth-password", user.password, "--from", user.name,
        "--to", other_user.name, "--body", "by swaks", "--silent", 2)  # fmt: skip
    assert b"by swaks" in fetch(wait_for_mail(node, other_user, 1), 1)


def test_curl_sends_by_smtps_and_reads_by_imaps_and_pop3s(node: Node, user: User) -> None:
    login = ["--cacert", node.ca, "-sS", "-u", f"{user.name}:{user.password}"]
    run("curl", *login, f"smtps://localhost:{node.submissions}", "--mail-from", user.name,
        "--mail-rcpt", user.name, "-T", "-", text=samples.PLAIN)  # fmt: skip
    wait_for_mail(node, user, 1)
    by_imap = run("curl", *login, f"imaps://localhost:{node.imaps}/INBOX;MAILINDEX=1")
    assert by_imap.endswith(samples.PLAIN)
    assert run("curl", *login, f"pop3s://localhost:{node.pop3s}/1").endswith(samples.PLAIN)


def write_mbsync(folder: Path, node: Node, user: User, port: int, certificate: Path) -> Path:
    (folder / "mail").mkdir()
    config = folder / "mbsyncrc"
    config.write_text(
        f"IMAPAccount a\nHost localhost\nPort {port}\nUser {user.name}\nPass {user.password}\n"
        f"SSLType IMAPS\nCertificateFile {certificate}\n\nIMAPStore far\nAccount a\n\n"
        f"MaildirStore near\nPath {folder}/mail/\nInbox {folder}/mail/INBOX\nSubFolders Verbatim\n\n"
        "Channel c\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nRemove Both\n"
        f"SyncState {folder}/state-\nSync All\n"
    )
    return config


def test_mbsync_keeps_a_thousand_messages_equal_both_ways(
    node: Node, user: User, tmp_path: Path
) -> None:
    config = write_mbsync(tmp_path, node, user, node.imaps, node.ca)
    run("mbsync", "-c", config, "-a")
    is_old = run("mbsync", "--version") < b"isync 1.5"  # it kept IMAP's spelling on disk
    folder = tmp_path / "mail" / (FOLDER if is_old else "Grüße")
    new = folder / "cur"
    for part in ("cur", "new", "tmp"):
        (folder / part).mkdir(parents=True)
    sent = {}
    for number in range(MESSAGES):
        message = samples.numbered(number).replace(b"\r\n", b"\n")
        (new / f"{number}.test:2,{'S' if number % 2 else ''}").write_bytes(message)
        sent[number] = samples.numbered(number)
    run("mbsync", "-c", config, "-a")

    client = node.open_imap(user)
    status, answer = client.select(f'"{FOLDER}"')
    assert (status, answer) == ("OK", [str(MESSAGES).encode()])
    got = client.fetch("1:*", "(BODY.PEEK[])")[1]
    bodies = [bytes(part[1]) for part in got if isinstance(part, tuple)]
    assert [strip_mark(body) for body in bodies] == list(sent.values())
    assert len((client.search(None, "SEEN")[1][0] or b"").split()) == MESSAGES // 2

    client.store("1:10", "+FLAGS", r"(\Deleted)")
    client.expunge()
    client.store("1", "+FLAGS", r"(\Flagged)")
    client.logout()
    run("mbsync", "-c", config, "-a")
    names = [path.name for path in folder.glob("*/*")]
    assert len(names) == MESSAGES - 10
    assert sum("F" in name.rpartition(":2,")[2] for name in names) == 1


def strip_mark(message: bytes) -> bytes:
    """mbsync may mark what it uploads by a header of its own, X-TUID."""
    return b"".join(
        line for line in message.splitlines(keepends=True) if not line.startswith(b"X-TUID: ")
    )


def test_fetchmail_takes_all_messages_by_pop3(node: Node, user: User, tmp_path: Path) -> None:
    client = node.open_imap(user)
    for number in range(20):
        client.append("INBOX", None, None, samples.numbered(number))
    config = tmp_path / "fetchmailrc"
    config.touch(mode=0o600)
    config.write_text(
        f"poll localhost service {node.pop3} protocol pop3 username {user.name} "
        f'password "{user.password}" sslproto "" mda "cat >> {tmp_path}/got"\n'
    )
    run("fetchmail", "-f", config, "--pidfile", tmp_path / "pid", "-s",
        environment={"FETCHMAILHOME": str(tmp_path)})  # fmt: skip
    got = (tmp_path / "got").read_bytes()
    assert all(b"Subject: number %d\n" % number in got for number in range(20))
    client.select("INBOX")
    assert client.search(None, "ALL")[1] == [b""]
