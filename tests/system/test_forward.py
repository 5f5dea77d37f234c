"""Mail that aliases and users pass on to another server, a Postfix: who gets it, from whom it comes
there, and what becomes of it when it can't be delivered or is back."""

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dkim
import name_server
import postfix
import pytest
from elsewhere import Sink, free_port
from halves import DOMAIN, PASSWORD, Halves, await_first
from name_server import NameServer
from postfix import Postfix
from shape import PATIENCE
from smtp_client import Client, Reply, encode

pytestmark = [
    pytest.mark.skipif(bool(postfix.why_not()), reason=postfix.why_not()),
    pytest.mark.skipif(bool(name_server.why_not()), reason=name_server.why_not()),
]

SUE = "sue@origin.test"  # who sends; her server is the sink
THERE = "elsewhere.test"
SECRET = "a secret of both front ends"
OTHER = "their secret of long ago"
SRS = re.compile(rb"SRS0=[^\s>]+@halves\.test")
PERL = "use Mail::SRS; my $s = Mail::SRS->new(Secret => $ARGV[0], HashLength => 8, HashMin => 8, MaxAge => 21);"


@dataclass
class World:
    pair: Halves
    there: Postfix
    sink: Sink

    def give(
        self, to: str, subject: str, sender: str = SUE, more: str = "", rcpt: bytes = b"", author: str = SUE
    ) -> Reply:
        text = (f"From: Sue <{author}>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <1@origin.test>\r\n"
                f"Date: Fri, 27 Nov 2026 04:00:00 +0000\r\n{more}\r\nHello\r\n").encode()  # fmt: skip
        with Client("127.0.0.1", self.pair.mx.port, b"EHLO mail.origin.test") as client:
            assert client.command(b"MAIL FROM:<%s>" % sender.encode()).code == 250
            reply = client.command(b"RCPT TO:<%s>%s" % (to.encode(), rcpt))
            return client.data(text) if reply.code == 250 else reply

    def user(self, name: str, *options: str) -> str:
        address = self.pair.add_user(name)
        if options:
            self.pair.store.run("user", "set", address, *options)
        return address

    def alias(self, name: str, *targets: str) -> str:
        self.pair.store.run("alias", "add", f"{name}@{DOMAIN}", *targets)
        return f"{name}@{DOMAIN}"

    def await_sink(self, *words: bytes) -> bytes:
        end = time.monotonic() + PATIENCE
        while True:
            for message in self.sink.messages():
                if all(word in message for word in words):
                    return message
            assert time.monotonic() < end, (self.pair.mx.log.read_text()[-4000:], self.there.log())
            time.sleep(0.05)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("forward")
    for name in ("names", "sink"):
        (folder / name).mkdir()
    names = NameServer(folder / "names")
    names.add("test", 'origin TXT "v=spf1 ip4:127.0.0.1 -all"\n_dmarc.halves TXT "v=DMARC1; p=quarantine"\n'
              '_dmarc.strict TXT "v=DMARC1; p=reject"\n')  # fmt: skip
    names.start()
    sink = Sink(folder / "sink")
    port = free_port()
    routes = "".join(
        f"    transport {domain} {{\n        host 127.0.0.1;\n        port {to};\n    }}\n"
        for domain, to in ((THERE, port), ('"*"', sink.port))
    )
    (folder / "secrets").write_text(f"{SECRET}\n\n{OTHER}\n")
    (folder / "secrets").chmod(0o600)
    pair = Halves(
        folder,
        f"    checks {{\n        trusted 192.0.2.1;\n    }}\n{routes}"
        f'    srs {{\n        secret_file "{folder}/secrets";\n    }}\n',
    )
    with pair.mx.config.open("a") as config:
        config.write(f'dns {{\n    root_key "";\n    zone test {{\n        servers {names.address};\n    }}\n}}\n')
    aliases = {"back": f"looping@{DOMAIN}", "lost": f"nobody@{DOMAIN}"}
    there = Postfix(THERE, ["bob", "eve"], aliases, pair.mx.port, port)
    try:
        pair.begin()
        yield World(pair, there, sink)
    finally:
        there.stop()
        pair.stop()
        sink.stop()
        names.stop()


def sender_of(message: bytes) -> str:
    found = re.search(rb"(?m)^Return-Path: <(.*)>", message)
    assert found, message
    return found[1].decode()


def perl(words: str, secret: str, *arguments: str) -> str:
    done = subprocess.run(
        ["/usr/bin/perl", "-e", PERL + words, secret, *arguments], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_alias_leads_here_and_elsewhere(world: World) -> None:
    ann = world.user("ann")
    team = world.alias("team", ann, f"bob@{THERE}")
    assert world.give(team, "to the team").code == 250
    here, there = await_first(world.pair, ann), world.there.await_message("bob", b"to the team")
    assert b"to the team" in here and b"Delivered-To" not in here
    assert sender_of(here) == SUE
    assert b"\nDelivered-To: team@halves.test\n" in there
    sender = sender_of(there)
    assert re.fullmatch(r"SRS0=[\w+/]{8}=[A-Z2-7]{2}=origin\.test=sue@halves\.test", sender)
    assert perl("print $s->reverse($ARGV[1]);", SECRET, sender) == SUE


def test_a_user_forwards_with_or_without_a_copy(world: World) -> None:
    pat = world.user("pat", "--forward", f"eve@{THERE}")
    shown = world.pair.store.run("user", "show", pat)
    assert (shown["forward"], shown["keep_copy"]) == ([f"eve@{THERE}"], True)
    assert world.give(pat, "with a copy").code == 250
    assert b"with a copy" in await_first(world.pair, pat)
    world.there.await_message("eve", b"with a copy")
    jim = world.user("jim", "--forward", f"eve@{THERE},{pat}", "--keep-copy", "no")
    assert world.pair.store.run("user", "show", jim)["keep_copy"] is False
    assert world.give(jim, "without one").code == 250
    world.there.await_message("eve", b"without one")
    kim = world.user("kim")
    both = world.alias("both", jim, kim)
    assert world.give(both, "for both").code == 250
    assert b"for both" in await_first(world.pair, kim)
    world.there.await_message("eve", b"for both")
    with Client("127.0.0.1", world.pair.submission) as client:  # he is still himself, and of both
        assert client.command(b"AUTH PLAIN " + encode(f"\0{jim}\0{PASSWORD}".encode())).code == 235
        for sender in (both, jim):
            client.begin(f"bob@{THERE}", f"nobody@{THERE}", sender=sender.encode())
            assert client.data(b"Subject: from %s\r\n\r\nHello\r\n" % sender.encode()).code == 250
    assert sender_of(world.there.await_message("bob", b"from both")) == both
    assert sender_of(world.there.await_message("bob", b"from jim")) == jim
    report = world.there.await_message("eve", b"Subject: from jim")  # goes where his mail goes
    assert sender_of(report) == "" and b"Status: 5.1.1" in report
    world.pair.store.run("user", "set", jim, "--forward", "")
    assert world.give(jim, "for himself").code == 250
    assert b"for himself" in await_first(world.pair, jim), "the first one that stayed"


def test_our_own_senders_stay_as_they_are(world: World) -> None:
    away = world.alias("away", f"bob@{THERE}")
    assert world.give(away, "from one of ours", sender=f"zoe@{DOMAIN}").code == 250
    assert sender_of(world.there.await_message("bob", b"from one of ours")) == f"zoe@{DOMAIN}"
    assert world.give(away, "a report", sender="").code == 250
    assert sender_of(world.there.await_message("bob", b"a report")) == ""


def test_a_failure_is_reported_to_who_sent_it(world: World) -> None:
    lost = world.alias("lost", f"lost@{THERE}")  # taken there, and refused by whom it leads to
    assert world.give(lost, "never arrives").code == 250
    report = world.await_sink(b"X-Rcpt-Args: <sue@origin.test>", b"never arrives")
    assert b"X-Mail-Args: <>" in report and b"Undelivered Mail Returned to Sender" in report
    gone = world.alias("gone", f"nobody@{THERE}")  # refused at once: the report is ours
    assert world.give(gone, "refused there").code == 250
    report = world.await_sink(b"X-Rcpt-Args: <sue@origin.test>", b"refused there")
    assert b"X-Mail-Args: <>" in report and b"Status: 5.1.1" in report


def test_mail_in_a_circle_is_refused(world: World) -> None:
    looping = world.user("looping", "--forward", f"back@{THERE}")
    assert world.give(looping, "round and round").code == 250
    report = world.await_sink(b"X-Rcpt-Args: <sue@origin.test>", b"round and round")
    assert b"5.4.6" in report and b"forwarding loop" in report
    assert world.pair.store.run("mailbox", "list", looping)["rows"][0]["messages"] == 1
    reply = world.give(looping, "once more", more=f"delivered-to:\r\n <{looping}>\r\n")
    assert (reply.code, reply.status) == (550, "5.4.6")


def test_only_what_was_written_here_leads_back(world: World) -> None:
    good = perl("print $s->forward($ARGV[1], $ARGV[2]);", OTHER, SUE, DOMAIN)
    assert world.give(good.lower(), "led back", sender=f"eve@{THERE}").code == 250
    message = world.await_sink(b"X-Rcpt-Args: <sue@origin.test>", b"led back")
    assert re.search(rb"X-Mail-Args: <SRS0=\S+=elsewhere.test=eve@halves.test>", message)
    twice = perl("print $s->forward($ARGV[1], $ARGV[2]);", SECRET, f"SRS0=abcd=XX=a.test=x@{THERE}", DOMAIN)
    assert twice.startswith("SRS1=")
    assert world.give(twice, "further back").code == 250  # refused there: that is not its own
    forged = perl("print $s->forward($ARGV[1], $ARGV[2]);", "some other secret", SUE, DOMAIN)
    reply = world.give(forged, "forged")
    assert (reply.code, reply.status) == (550, "5.7.1")
    old = "no warnings; *CORE::GLOBAL::time = sub () { CORE::time() - 30 * 86400 };"
    done = subprocess.run(
        ["/usr/bin/perl", "-e", f"BEGIN {{ {old} }} {PERL} print $s->forward($ARGV[1], $ARGV[2]);",
         SECRET, SUE, DOMAIN], capture_output=True, text=True, check=True)  # fmt: skip
    reply = world.give(done.stdout, "too old")
    assert (reply.code, reply.status) == (550, "5.1.1")
    reply = world.give(good.replace(DOMAIN, THERE), "a relay")
    assert (reply.code, reply.status) == (550, "5.7.1")
    assert world.give(f"SRS0-list@{DOMAIN}", "no such list").status == "5.1.1"


def test_what_goes_on_is_sealed(world: World) -> None:
    sealed = world.alias("sealed", f"bob@{THERE}")
    world.pair.mx.run("dkim", "add", DOMAIN, "s1")
    (key,) = world.pair.mx.run("dkim", "list")["rows"]
    (record,) = (row["data"] for row in world.pair.mx.run("domain", "dns", DOMAIN)["rows"] if "s1." in row["name"])
    record = "".join(re.findall(r'"([^"]*)"', record)) or record
    assert world.give(sealed, "sealed").code == 250
    message = world.there.await_message("bob", b"Subject: sealed")
    assert key["signs"] and b"ARC-Seal: i=1;" in message and b"cv=none" in message
    message = message[message.index(b"ARC-Seal:") :].replace(b"\n", b"\r\n")
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", message)
    assert re.search(rb"ARC-Authentication-Results: i=1; mail.halves.test; spf=pass", unfolded)
    status, _, why = dkim.arc_verify(message, dnsfunc=lambda name, timeout=5: record.encode())
    assert status == b"pass", why


def test_who_pretends_to_be_one_of_us_is_not_passed_on(world: World) -> None:
    """From us it would pass DMARC there."""
    boss = f"boss@{DOMAIN}"
    spoofed = world.alias("spoofed", f"bob@{THERE}")
    for sender in (SUE, boss):
        reply = world.give(spoofed, "spoofed", sender=sender, author=boss)
        assert (reply.code, reply.status) == (550, "5.7.1"), reply
    assert world.give(world.user("may"), "only here", author=boss).code == 250
    assert world.give(spoofed, "of others", author="x@strict.test").code == 250
    world.there.await_message("bob", b"Subject: of others")


def test_who_asks_hears_of_each_way(world: World) -> None:
    many = world.alias("many", f"bob@{THERE}", f"eve@{THERE}")
    assert world.give(many, "to many", rcpt=b" NOTIFY=SUCCESS").code == 250
    report = world.await_sink(b"X-Rcpt-Args: <sue@origin.test>", b"to many")
    assert b"Action: expanded" in report and f"rfc822; {many}".encode() in report
    world.there.await_message("eve", b"to many")
    one = world.alias("one", f"bob@{THERE}")
    assert world.give(one, "to one", rcpt=b" NOTIFY=SUCCESS ORCPT=rfc822;x@y.test").code == 250
    report = world.await_sink(b"X-Rcpt-Args: <sue@origin.test>", b"to one")
    assert b"Original-Recipient: rfc822" in report and b"Postfix" in report, "the wish goes along"


def test_too_many_that_forward_are_put_off(world: World) -> None:
    mo = world.user("mo", "--forward", f"bob@{THERE}")
    with Client("127.0.0.1", world.pair.mx.port) as client:
        client.begin(*(mo.replace("@", f"+{n}@") for n in range(100)))
        reply = client.command(b"RCPT TO:<%s>" % mo.encode())
        assert (reply.code, reply.status) == (452, "4.5.3")


def test_while_the_store_is_away_and_over_a_restart(world: World, tmp_path: Path) -> None:
    """Last, since it stops both."""
    bea = world.user("bea", "--forward", f"bob@{THERE}")
    assert world.give(bea, "while all is well").code == 250
    world.pair.store.stop()
    world.there.run("stop")
    assert world.give(bea, "while it is away").code == 250
    rows = world.pair.mx.run("queue", "list")["rows"]
    assert {row["recipient"] for row in rows} == {bea, f"bob@{THERE}"}
    text = world.pair.mx.config.read_text()  # a secret of its own from now on
    world.pair.mx.stop()
    world.pair.mx.config.write_text(re.sub(r"secret_file .*", "on yes;", text))
    world.pair.mx.start()
    world.there.run("start")
    world.pair.mx.run("queue", "flush")
    sender = sender_of(world.there.await_message("bob", b"while it is away"))
    assert perl("print $s->reverse($ARGV[1]);", SECRET, sender) == SUE
    world.pair.store.start()
    end = time.monotonic() + PATIENCE
    while world.pair.store.run("mailbox", "list", bea)["rows"][0]["messages"] < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert world.give(bea, "with another secret").code == 250
    sender = sender_of(world.there.await_message("bob", b"with another secret"))
    world.pair.mx.stop()
    world.pair.mx.start()
    assert world.give(sender, "over a restart", sender="").code == 250
    world.await_sink(b"X-Rcpt-Args: <sue@origin.test>", b"over a restart")
