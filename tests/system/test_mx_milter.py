"""Milters at the mx: what they say becomes of mail, what happens when they fail, and spam goes to Junk.
The milters are rspamd, ClamAV, and one by libmilter that does what the mail itself says."""

import imaplib
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import milters
import name_server
import pytest
from halves import DOMAIN, PASSWORD, Halves, await_first
from milters import ADD_HEADER, EICAR, REJECT, Daemon, why_not
from shape import PATIENCE
from smtp_client import Client, Reply, encode

needs_libmilter = pytest.mark.skipif(bool(why_not(module="Milter")), reason=why_not(module="Milter"))
needs_rspamd = pytest.mark.skipif(bool(why_not("rspamd")), reason=why_not("rspamd"))
needs_clamav = pytest.mark.skipif(
    bool(why_not("clamd", "clamav-milter")), reason=why_not("clamd", "clamav-milter")
)

NOBODY = "    servers 127.0.0.1:1;\n    timeout 200ms;\n"  # answers: SPF is "temperror", soon

Start = Callable[..., Halves]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts an mx that asks these milters (a name, an address, further options), and a store."""
    started: list[Halves] = []

    def begin(*asked: tuple[str, str, str], dns: str = NOBODY, store: str = "") -> Halves:
        blocks = "".join(
            f"    milter {name} {{\n        address {address};\n        {options}\n    }}\n"
            for name, address, options in asked
        )
        pair = Halves(tmp_path, f"    checks {{\n        trusted 192.0.2.1;\n    }}\n{blocks}")
        with pair.mx.config.open("a") as config:
            config.write(f'dns {{\n    root_key "";\n{dns}}}\n')
        if store:
            text = pair.store.config.read_text()
            pair.store.config.write_text(text.replace("scram_iterations", f"{store}\n    scram_iterations"))
        started.append(pair)
        return pair.begin()

    yield begin
    for pair in started:
        pair.stop()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Daemon]:
    daemon = milters.by_libmilter("told_milter.py", tmp_path, "told")
    yield daemon
    daemon.stop()


def notes(tmp_path: Path, name: str = "told") -> list[str]:
    file = tmp_path / f"{name}.told"
    return file.read_text().splitlines() if file.exists() else []


def text_of(subject: str, body: str = "Hello", more: str = "") -> bytes:
    return (
        f"From: Ann <ann@elsewhere.test>\nTo: bob@{DOMAIN}\nSubject: {subject}\n{more}"
        f"Date: Fri, 27 Nov 2026 04:00:00 +0000\nMessage-ID: <1@elsewhere.test>\n\n{body}\n"
    ).replace("\n", "\r\n").encode()  # fmt: skip


def give(pair: Halves, to: str, text: bytes, sender: str = "ann@elsewhere.test") -> Reply:
    with Client("127.0.0.1", pair.mx.port) as client:
        client.begin(to, sender=sender.encode())
        return client.data(text)


def boxes(pair: Halves, user: str) -> dict[str, list[bytes]]:
    """All messages, by mailbox."""
    client = imaplib.IMAP4("127.0.0.1", pair.store.port, timeout=PATIENCE)
    client.login(user, PASSWORD)
    found: dict[str, list[bytes]] = {}
    for line in client.list()[1]:
        assert isinstance(line, bytes)
        name = line.rpartition(b" ")[2].decode().strip('"')
        client.select(f'"{name}"', readonly=True)
        _, answers = client.fetch("1:*", "(BODY.PEEK[])")
        found[name] = [bytes(part[1]) for part in answers if isinstance(part, tuple)]
    client.logout()
    return found


def await_log(pair: Halves, *words: str) -> None:
    end = time.monotonic() + PATIENCE
    while not any(
        all(word in line for word in words) for line in pair.mx.log.read_text().splitlines()
    ):
        assert time.monotonic() < end, pair.mx.log.read_text()
        time.sleep(0.05)


@needs_libmilter
def test_a_message_goes_through_when_nobody_minds(start: Start, told: Daemon, tmp_path: Path) -> None:
    pair = start(("told", told.address, ""))
    bob = pair.add_user("bob")
    with Client("127.0.0.1", pair.mx.port) as client:
        for number in range(2):
            client.begin(bob, sender=b"ann@elsewhere.test", mail=b" BODY=8BITMIME")
            assert client.data(text_of(f"number {number}")).code == 250
            client.command(b"RSET")
    said = notes(tmp_path)
    fields = ("Authentication-Results", "From", "To", "Subject", "Date", "Message-ID")
    one = [
        "from <ann@elsewhere.test> BODY=8BITMIME as None",
        f"to <{bob}>",
        *[f"header {name}" for name in fields],
    ]
    said = [line for line in said if line.partition(" ")[0] != "end"]
    assert said == ["connect localhost", "hello client.test", *one, *one]
    assert len(boxes(pair, bob)["INBOX"]) == 2


@needs_libmilter
@pytest.mark.skipif(bool(name_server.why_not()), reason=name_server.why_not())
def test_milters_are_told_the_name_of_the_client(start: Start, told: Daemon, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    names = name_server.NameServer(folder)
    names.add("0.0.127.in-addr.arpa", "1 PTR mail.good.test.\n")
    names.add("good.test", "mail A 127.0.0.1\n")
    names.start()
    zones = "".join(
        f"    zone {zone} {{\n        servers {names.address};\n    }}\n"
        for zone in ("0.0.127.in-addr.arpa", "good.test")
    )
    try:
        pair = start(("told", told.address, ""), dns=f"    timeout 2s;\n{zones}")
        bob = pair.add_user("bob")
        assert give(pair, bob, text_of("x"), "ann@good.test").code == 250
        assert notes(tmp_path)[0] == "connect mail.good.test"
    finally:
        names.stop()


@needs_libmilter
@pytest.mark.parametrize(
    ("word", "code", "status", "text"),
    [
        ("refuse", 554, "5.7.9", b"Not with us"),
        ("refuse-plainly", 550, "5.7.1", b"Refused by a filter"),
        ("defer", 450, "4.7.9", b"Not yet"),
        ("hang-up", 421, "4.7.8", b"Go away"),
    ],
)
def test_what_a_milter_says_is_the_answer_at_each_step(
    start: Start, told: Daemon, word: str, code: int, status: str, text: bytes
) -> None:
    pair = start(("told", told.address, ""))
    bob, wanted = pair.add_user("bob"), (code, status, text)
    pair.add_user(word)

    def is_wanted(reply: Reply) -> bool:
        return (reply.code, reply.status) == wanted[:2] and text in reply.text

    with Client("127.0.0.1", pair.mx.port) as client:  # its sender, which the first recipient hears
        assert client.command(b"MAIL FROM:<%s@elsewhere.test>" % word.encode()).code == 250
        assert is_wanted(client.command(b"RCPT TO:<%s>" % bob.encode()))
        if code == 421:
            assert client.at_end()
        else:
            assert is_wanted(client.command(b"RCPT TO:<%s>" % bob.encode())), "all others too"
            assert client.command(b"DATA").code == 503
            client.command(b"RSET")
            client.begin(bob)
            assert client.data(text_of("another transaction")).code == 250
    with Client("127.0.0.1", pair.mx.port) as client:  # one recipient of two
        client.begin(bob)
        assert is_wanted(client.command(b"RCPT TO:<%s@%s>" % (word.encode(), DOMAIN.encode())))
        if code != 421:
            assert client.data(text_of("for bob alone")).code == 250
    with Client("127.0.0.1", pair.mx.port) as client:  # the message
        client.begin(bob)
        assert is_wanted(client.data(text_of(word)))
        if code == 421:
            assert client.at_end()
    with Client("127.0.0.1", pair.mx.port, b"EHLO %s.elsewhere.test" % word.encode()) as client:
        for _ in range(1 if code == 421 else 2):
            assert client.command(b"MAIL FROM:<ann@elsewhere.test>").code == 250
            assert is_wanted(client.command(b"RCPT TO:<%s>" % bob.encode())), "its name"
            if code != 421:
                client.command(b"RSET")
    assert len(boxes(pair, bob)["INBOX"]) == (0 if code == 421 else 2)
    await_log(pair, "milter decided", "milter=told", "step=RCPT", text.decode())


@needs_libmilter
def test_a_dropped_message_is_answered_as_if_it_were_delivered(start: Start, told: Daemon) -> None:
    pair = start(("told", told.address, ""))
    bob, drop = pair.add_user("bob"), pair.add_user("drop")
    assert give(pair, bob, text_of("drop")).code == 250
    assert give(pair, bob, text_of("x"), "drop@elsewhere.test").code == 250
    assert give(pair, drop, text_of("x")).code == 250
    assert give(pair, bob, text_of("not dropped")).code == 250
    assert len(boxes(pair, bob)["INBOX"]) == 1
    assert boxes(pair, drop)["INBOX"] == []
    await_log(pair, "milter decided", "milter=told", "verdict=dropped", "step=message")


@needs_libmilter
def test_a_message_is_held_until_it_is_released(start: Start, told: Daemon) -> None:
    pair = start(("told", told.address, ""))
    bob = pair.add_user("bob")
    assert give(pair, bob, text_of("hold it smells")).code == 250
    listed = pair.mx.run("queue", "list", "--held")
    rows = listed if isinstance(listed, list) else next(v for v in listed.values() if isinstance(v, list))
    assert [(row["recipient"], row["reason"], row["attempts"]) for row in rows] == [
        (bob, "milter told: it smells", 0)
    ]
    time.sleep(1)
    assert boxes(pair, bob)["INBOX"] == []
    pair.mx.run("queue", "release", rows[0]["entry"])
    assert b"\r\nSubject: hold it smells\r\n" in await_first(pair, bob)
    pair.store.run("alias", "add", f"team@{DOMAIN}", bob, "x@elsewhere.test", "y@elsewhere.test")
    assert give(pair, f"team@{DOMAIN}", text_of("hold it smells")).code == 250
    rows = pair.mx.run("queue", "list", "--held")["rows"]  # what goes on, too
    assert {row["recipient"] for row in rows} == {f"team@{DOMAIN}", "x@elsewhere.test", "y@elsewhere.test"}


@needs_libmilter
def test_the_envelope_is_changed(start: Start, told: Daemon) -> None:
    pair = start(("told", told.address, ""))
    bob, carol = pair.add_user("bob"), pair.add_user("carol")
    assert give(pair, bob, text_of(f"add {carol}")).code == 250
    assert give(pair, bob, text_of(f"add nobody@{DOMAIN}")).code == 250, "who is not there is left out"
    assert give(pair, bob, text_of(f"remove {bob}")).code == 250, "nobody is left"
    assert give(pair, bob, text_of("sender dave@elsewhere.test")).code == 250
    subjects = [re.search(rb"\nSubject: (\w+)", text) for text in boxes(pair, bob)["INBOX"]]
    assert [found[1] for found in subjects if found] == [b"add", b"add", b"sender"]
    assert boxes(pair, bob)["INBOX"][2].startswith(b"Return-Path: <dave@elsewhere.test>\r\n")
    assert len(boxes(pair, carol)["INBOX"]) == 1
    await_log(pair, "recipient of a milter left out", f"recipient=nobody@{DOMAIN}")


@needs_libmilter
def test_each_milter_sees_what_those_before_it_have_changed(
    start: Start, told: Daemon, tmp_path: Path
) -> None:
    second = milters.by_libmilter("told_milter.py", tmp_path, "second")
    try:
        pair = start(("told", told.address, ""), ("second", second.address, ""))
        bob = pair.add_user("bob")
        assert give(pair, bob, text_of("rewrite hold for later")).code == 250
        assert "header X-First" not in notes(tmp_path)
        assert "header X-First" in notes(tmp_path, "second")
        rows = pair.mx.run("queue", "list", "--held")
        assert "milter second: for later" in str(rows)
        assert give(pair, bob, text_of("rewrite refuse it")).code == 554
        await_log(pair, "milter decided", "milter=second", "verdict=refused")
    finally:
        second.stop()


@needs_libmilter
def test_milters_see_our_results_and_our_trace_stays_in_front(start: Start, told: Daemon) -> None:
    pair = start(("told", told.address, ""))
    bob = pair.add_user("bob")
    assert give(pair, bob, text_of("rewrite something else")).code == 250
    header, _, body = await_first(pair, bob).partition(b"\r\n\r\n")
    names = re.findall(rb"(?m)^([\w-]+):", header)
    assert names[:4] == [b"Return-Path", b"Received", b"X-First", b"Authentication-Results"]
    assert names.count(b"Authentication-Results") == 1
    assert b"\r\nSubject: something else\r\n" in header
    assert body == b"a new body\r\n"


@needs_libmilter
@pytest.mark.parametrize(("then", "code"), [("tempfail", 451), ("accept", 250), ("reject", 550)])
def test_a_milter_that_is_away_slow_or_dead(
    start: Start, told: Daemon, tmp_path: Path, then: str, code: int
) -> None:
    pair = start(("told", told.address, f"on_failure {then}; timeout 1s; message_timeout 1s;"))
    bob = pair.add_user("bob")
    begun = time.monotonic()
    assert give(pair, bob, text_of("slow")).code == code
    assert time.monotonic() - begun < 4, "the time-out holds"
    assert give(pair, bob, text_of("die")).code == code
    with Client("127.0.0.1", pair.mx.port) as client:
        assert client.command(b"MAIL FROM:<ann@elsewhere.test>").code == 250
        for _ in range(2):
            assert client.command(b"RCPT TO:<%s>" % bob.encode()).code == code
        assert client.command(b"DATA").code == (354 if code == 250 else 503)
    await_log(pair, "milter failed", "milter=told", f"then={then}")
    again = milters.by_libmilter("told_milter.py", tmp_path, "told")  # at the same address
    try:
        assert give(pair, bob, text_of("it is back")).code == 250
    finally:
        again.stop()
    assert len(boxes(pair, bob)["INBOX"]) == (3 if then == "accept" else 1)


@needs_libmilter
def test_a_session_outlives_a_milter(start: Start, told: Daemon, tmp_path: Path) -> None:
    """Its connection is gone between two messages: that is not a failure."""
    pair = start(("told", told.address, ""))
    bob = pair.add_user("bob")
    with Client("127.0.0.1", pair.mx.port) as client:
        client.begin(bob)
        assert client.data(text_of("first")).code == 250
        told.process.kill()
        told.process.wait(30)
        again = milters.by_libmilter("told_milter.py", tmp_path, "told")
        try:
            client.begin(bob)
            assert client.data(text_of("second")).code == 250
        finally:
            again.stop()


@needs_libmilter
@pytest.mark.parametrize("asked", [True, False])
def test_users_mail_is_asked_about_where_the_block_says_so(
    start: Start, told: Daemon, tmp_path: Path, asked: bool
) -> None:
    pair = start(("told", told.address, f"submission {'yes' if asked else 'no'};"))
    bob = pair.add_user("bob")
    with Client("127.0.0.1", pair.submission) as client:
        login = encode(b"\0%s\0%s" % (bob.encode(), PASSWORD.encode()))
        assert client.command(b"AUTH PLAIN " + login).code == 235
        client.begin(bob, sender=bob.encode())
        assert client.data(text_of("refuse")).code == (554 if asked else 250)
    assert (f"from <{bob}> as {bob}" in notes(tmp_path)) == asked


def metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as page:
        return str(page.read().decode())


@needs_libmilter
def test_each_milter_is_counted(start: Start, told: Daemon, tmp_path: Path) -> None:
    port = milters.free_port()
    dead = f"unix:{tmp_path}/nobody"
    pair = start(("told", told.address, ""), ("gone", dead, "on_failure accept;"))
    pair.mx.stop()
    text = pair.mx.config.read_text()
    pair.mx.config.write_text(f"{text}metrics {{\n    listen 127.0.0.1:{port};\n}}\n")
    pair.mx.start()
    bob = pair.add_user("bob")
    for subject in ("fine", "refuse", "defer", "drop", "hold x"):
        give(pair, bob, text_of(subject))
    page = metrics(port)
    for name, milter, value in (
        ("asked", "told", 5), ("refused", "told", 1), ("deferred", "told", 1), ("dropped", "told", 1),
        ("held", "told", 1), ("failed", "told", 0), ("failed", "gone", 5), ("refused", "gone", 0),
    ):  # fmt: skip
        line = f'rookery_milter_{name}_total{{role="mx",milter="{milter}"}} {value}\n'
        assert line in page, (line, page)


@needs_libmilter
def test_what_a_milter_marks_goes_to_junk_and_what_others_mark_does_not(
    start: Start, told: Daemon
) -> None:
    pair = start(("told", told.address, ""))
    bob = pair.add_user("bob")
    client = imaplib.IMAP4("127.0.0.1", pair.store.port, timeout=PATIENCE)
    client.login(bob, PASSWORD)
    assert client.delete("Junk")[0] == "OK"  # it is made anew
    assert give(pair, bob, text_of("mark Yes")).code == 250
    assert give(pair, bob, text_of("mark No")).code == 250
    assert give(pair, bob, text_of("x", more="X-Spam: Yes\nx-spam-flag: YES\n")).code == 250
    found = boxes(pair, bob)
    assert len(found["Junk"]) == 1 and b"\r\nX-Spam: Yes\r\n" in found["Junk"][0]
    assert len(found["INBOX"]) == 2
    assert b"spam-flag" not in found["INBOX"][1].lower(), "what came from outside is taken out"
    listed = [bytes(line) for line in client.list()[1] if isinstance(line, bytes)]
    assert any(b"\\Junk" in line and line.endswith(b"Junk") for line in listed), listed
    client.logout()


@needs_libmilter
def test_junk_is_found_under_any_name_and_can_be_switched_off(start: Start, told: Daemon) -> None:
    pair = start(("told", told.address, ""))
    bob = pair.add_user("bob")
    client = imaplib.IMAP4("127.0.0.1", pair.store.port, timeout=PATIENCE)
    client.login(bob, PASSWORD)
    assert client.rename("Junk", "Rubbish")[0] == "OK"
    client.logout()
    assert give(pair, bob, text_of("mark Yes")).code == 250
    found = boxes(pair, bob)
    assert len(found["Rubbish"]) == 1 and "Junk" not in found
    pair.store.stop()
    text = pair.store.config.read_text()
    pair.store.config.write_text(text.replace("scram_iterations", 'junk_header "";\n    scram_iterations'))
    pair.store.start()
    assert give(pair, bob, text_of("mark Yes")).code == 250
    assert len(boxes(pair, bob)["INBOX"]) == 1


@pytest.mark.parametrize("believed", [True, False])
def test_marks_by_lmtp_over_the_network_count_from_our_mx_machines_only(
    start: Start, believed: bool
) -> None:
    port = milters.free_port()
    more = f"listen lmtp 127.0.0.1:{port};" + (" front_ends 127.0.0.0/8;" if believed else "")
    pair = start(store=more)
    bob = pair.add_user("bob")
    with Client("127.0.0.1", port, b"LHLO mx.elsewhere.test") as client:
        client.begin(bob)
        assert client.data(text_of("x", more="X-Spam: Yes\n")).code == 250
    found = boxes(pair, bob)
    assert (len(found["Junk"]), len(found["INBOX"])) == ((1, 0) if believed else (0, 1))


@needs_rspamd
def test_rspamd_refuses_marks_and_lets_pass(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "rspamd"
    folder.mkdir()
    headers = """
modules { path = "/usr/share/rspamd/plugins/milter_headers.lua"; }
milter_headers { use = ["x-spamd-bar"]; skip_local = false; }
"""
    daemon = milters.rspamd(folder, f"unix:{folder}/milter", headers)
    try:
        pair = start(("rspamd", daemon.address, ""))
        bob = pair.add_user("bob")
        reply = give(pair, bob, text_of("x", REJECT))
        assert (reply.code, reply.status, reply.text) == (554, "5.7.1", b"5.7.1 Gtube pattern")
        await_log(pair, "milter decided", "milter=rspamd", "verdict=refused", "Gtube pattern")
        assert give(pair, bob, text_of("marked", ADD_HEADER)).code == 250
        assert give(pair, bob, text_of("clean")).code == 250
        found = boxes(pair, bob)
        assert len(found["Junk"]) == 1 and b"\r\nX-Spam: Yes\r\n" in found["Junk"][0]
        assert len(found["INBOX"]) == 1 and b"\r\nX-Spamd-Bar:" in found["INBOX"][0]
    finally:
        daemon.stop()


@needs_clamav
def test_clamav_refuses_an_infected_message(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "clamav"
    folder.mkdir()
    daemons = milters.clamav(folder)
    try:
        pair = start(("clamav", daemons[-1].address, ""))
        bob = pair.add_user("bob")
        reply = give(pair, bob, text_of("an infected one", EICAR.decode()))
        assert reply.code == 550 and b"infected with Eicar-Test" in reply.text, reply
        assert give(pair, bob, text_of("a clean one")).code == 250
        inbox = boxes(pair, bob)["INBOX"]
        assert len(inbox) == 1 and b"\r\nX-Virus-Status: Clean\r\n" in inbox[0]
        await_log(pair, "milter decided", "milter=clamav", "verdict=refused")
    finally:
        for daemon in reversed(daemons):
            daemon.stop()
