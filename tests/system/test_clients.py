"""What mx thinks of clients before it takes their mail: lists in the DNS, HELO, reverse DNS."""

import re
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from halves import DOMAIN, PASSWORD, Halves, await_first
from name_server import NameServer, free_port, why_not
from smtp_client import Client, Reply, encode

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

TEXT = b"From: <ann@good.test>\r\nX-Rookery-Score: 0\r\nSubject: clients\r\n\r\nHello\r\n"
LISTED = "203.0.113.9"
CLEAN = "203.0.113.10"
NAMELESS = "203.0.113.11"
LIAR = "203.0.113.12"
LISTED_6 = "2001:db8::9"
NIBBLES = ".".join(reversed("20010db8000000000000000000000009"))
ZONES = {
    "list.test": f"9.113.0.203 A 127.0.0.2\n{NIBBLES} A 127.0.0.4\n10.113.0.203 A 127.0.0.99\n"
    "11.113.0.203 A 127.255.255.254\n",
    "domains.test": "bad.example A 127.0.1.2\nmail.spam.example A 127.0.1.2\n",
    "urls.test": "bad.example A 127.0.0.2\nworse.co.uk A 127.0.0.2\n7.2.0.192 A 127.0.0.2\n",
    "113.0.203.in-addr.arpa": "9 PTR mail.clients.test.\n10 PTR mail.clients.test.\n12 PTR mail.clients.test.\n",
    "8.b.d.0.1.0.0.2.ip6.arpa": f"{NIBBLES.removesuffix('.8.b.d.0.1.0.0.2')} PTR mail.clients.test.\n",
    "clients.test": f"mail A {LISTED}\nmail A {CLEAN}\nmail AAAA {LISTED_6}\n",
    "test": "",
}
LISTS = """\
    dns_list list.test {
        score 6;
        codes 127.0.0.2 127.0.0.4-127.0.0.11;
    }
    dns_list domains.test {
        of domain;
        score 5;
    }
"""

Start = Callable[..., Halves]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    folder = tmp_path / "names"
    folder.mkdir()
    names = NameServer(folder)
    for zone, records in ZONES.items():
        names.add(zone, records)
    names.start()
    started: list[Halves] = []

    def begin(more: str = "", checks: str = "", zones: str = "") -> Halves:
        pair = Halves(tmp_path, f"    checks {{\n{checks}    }}\n{LISTS}{more}")
        listen = f"listen smtp 127.0.0.1:{pair.mx.port}"
        pair.metrics = free_port()  # type: ignore[attr-defined]
        zones += "".join(
            f"    zone {zone} {{\n        servers {names.address};\n    }}\n" for zone in ZONES
        )
        pair.mx.config.write_text(
            "proxy_trusted 127.0.0.1;\n"
            + pair.mx.config.read_text().replace(listen, listen + " proxy")
            + f"metrics {{\n    listen 127.0.0.1:{pair.metrics};\n}}\n"  # type: ignore[attr-defined]
            + f'dns {{\n    root_key "";\n{zones}}}\n'
        )
        started.append(pair)
        return pair.begin()

    yield begin
    for pair in started:
        pair.stop()
    names.stop()


def connect(pair: Halves, ip: str, helo: str = "mail.clients.test") -> Client:
    client = Client("127.0.0.1", pair.mx.port, b"")
    family, ours = ("TCP6", "2001:db8::25") if ":" in ip else ("TCP4", "192.0.2.25")
    client.send(f"PROXY {family} {ip} {ours} 40000 25\r\n".encode())
    assert client.reply().code == 220
    client.greet(b"EHLO " + helo.encode())
    return client


def ask(pair: Halves, ip: str, to: str, sender: str = "ann@good.test", helo: str = "mail.clients.test") -> Reply:
    """The answer to RCPT."""
    with connect(pair, ip, helo) as client:
        client.begin(sender=sender.encode())
        return client.command(f"RCPT TO:<{to}>".encode())


def give(pair: Halves, ip: str, to: str, sender: str = "ann@good.test", helo: str = "mail.clients.test") -> bytes:
    """The message's header in the mailbox."""
    with connect(pair, ip, helo) as client:
        client.begin(to, sender=sender.encode())
        assert client.data(TEXT).code == 250
    return await_first(pair, to).partition(b"\r\n\r\n")[0]


def scores(header: bytes) -> list[str]:
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", header)
    return [line.decode() for line in unfolded.split(b"\r\n") if line.startswith(b"X-Rookery-Score:")]


def figure(pair: Halves, name: str) -> int:
    address = f"http://127.0.0.1:{pair.metrics}/metrics"  # type: ignore[attr-defined]
    with urllib.request.urlopen(address, timeout=10) as page:
        text = page.read().decode()
    found = [line for line in text.splitlines() if line.startswith(f"rookery_{name}")]
    assert len(found) == 1, (name, found)
    return int(found[0].split()[-1])


def test_a_client_on_a_list_is_marked(start: Start) -> None:
    pair = start()
    bob = pair.add_user("bob")
    assert scores(give(pair, LISTED, bob)) == ["X-Rookery-Score: 6 (list.test 6)"]
    assert figure(pair, "clients_marked_total") == 1
    assert figure(pair, 'dns_list_hits_total{role="mx",list="list.test"}') == 1


@pytest.mark.parametrize("ip", [LISTED, LISTED_6])
def test_a_client_with_a_high_score_is_refused(start: Start, ip: str) -> None:
    pair = start(checks="        reject_score 6;\n")
    bob = pair.add_user("bob")
    reply = ask(pair, ip, bob)
    assert (reply.code, reply.status) == (554, "5.7.1")
    assert b"list.test 6" in reply.text
    assert ask(pair, ip, f"nobody@{DOMAIN}").code == 550, "who is unknown is unknown"
    log = pair.mx.log.read_text()
    assert "client judged" in log and "recipient refused" in log
    assert figure(pair, "clients_refused_total") == 1


def test_only_answers_that_are_named_count(start: Start) -> None:
    pair = start()
    bob = pair.add_user("bob")
    assert scores(give(pair, CLEAN, bob)) == [], "127.0.0.99 is none; a field of others goes"


def test_domains_of_sender_and_helo_count_once(start: Start) -> None:
    pair = start(checks="        reject_score 5;\n")
    bob = pair.add_user("bob")
    assert ask(pair, CLEAN, bob).code == 250
    for sender, helo in (
        ("eve@bad.example", "mail.clients.test"),
        ("ann@good.test", "mail.spam.example"),
        ("", "mail.spam.example"),
    ):
        reply = ask(pair, CLEAN, bob, sender, helo)
        assert reply.code == 554, (sender, helo)
    reply = ask(pair, CLEAN, bob, "eve@bad.example", "mail.spam.example")
    assert b"domains.test 5" in reply.text
    assert "score=10" not in pair.mx.log.read_text()


def test_clients_of_ours_are_not_asked_about(start: Start) -> None:
    pair = start(checks=f"        reject_score 1;\n        trusted {LISTED};\n")
    bob = pair.add_user("bob")
    assert ask(pair, LISTED, bob, helo="localhost").code == 250
    with Client("127.0.0.1", pair.mx.port, b"") as client:  # a proxy that is on this machine
        client.send(b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 25\r\n")
        assert client.reply().code == 220
        client.greet(b"EHLO localhost")
        client.begin(bob)
    assert figure(pair, "clients_judged_total") == 0


@pytest.mark.parametrize(
    ("ip", "helo", "why"),
    [
        (NAMELESS, "mail.clients.test", "no-ptr 1"),
        (LIAR, "mail.clients.test", "no-ptr 1"),
        (CLEAN, "localhost", "bad-helo 1"),
        (CLEAN, f"mail.{DOMAIN}", "own-helo 3"),
        (CLEAN, "[192.0.2.25]", "own-helo 3"),
        (NAMELESS, "[127.0.0.1]", "own-helo 3, no-ptr 1"),
    ],
)
def test_helo_and_name_count(start: Start, ip: str, helo: str, why: str) -> None:
    pair = start(checks="        reject_score 1;\n")
    bob = pair.add_user("bob")
    reply = ask(pair, ip, bob, helo=helo)
    assert reply.code == 554
    assert reply.text.endswith(f"We take no mail from you: {why}".encode()), reply


def test_scores_of_zero_turn_a_check_off(start: Start) -> None:
    off = "".join(f"        {name}_score 0;\n" for name in ("bad_helo", "own_helo", "no_ptr"))
    pair = start(checks=f"        reject_score 1;\n{off}")
    bob = pair.add_user("bob")
    assert ask(pair, NAMELESS, bob, helo="localhost").code == 250


LINKS = """\
    dns_list urls.test {
        of url;
        score 4;
    }
"""
HTML = (b"Subject: links\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + encode(b'<a href="https://good.test@www.b&#97;d.example/">win</a>') + b"\r\n")  # fmt: skip
GOOD = b"Subject: links\r\n\r\nhttp://bad.example.good.test/ http://good.example/bad.example\r\n"


def end_of_data(pair: Halves, ip: str, to: str, text: bytes) -> Reply:
    with connect(pair, ip) as client:
        client.begin(to, sender=b"ann@good.test")
        return client.data(text)


def test_links_to_listed_domains_are_marked_or_refused(start: Start) -> None:
    """They add to what the client has already; a list counts once, whatever is on it."""
    pair = start(more=LINKS, checks="        reject_score 10;\n        mark_score 4;\n")
    bob, eve = pair.add_user("bob"), pair.add_user("eve")
    assert end_of_data(pair, CLEAN, eve, GOOD).code == 250
    assert scores(await_first(pair, eve).partition(b"\r\n\r\n")[0]) == []
    plain = b"Subject: links\r\n\r\nsee http://192.0.2.7/ and WWW.worse.co.uk.\r\n"
    assert end_of_data(pair, CLEAN, bob, plain).code == 250
    assert scores(await_first(pair, bob).partition(b"\r\n\r\n")[0]) == ["X-Rookery-Score: 4 (urls.test 4)"]
    reply = end_of_data(pair, LISTED, bob, HTML)
    assert (reply.code, reply.status) == (554, "5.7.1")
    assert b"such links: list.test 6, urls.test 4" in reply.text
    assert "links judged" in pair.mx.log.read_text()
    assert figure(pair, 'dns_list_hits_total{role="mx",list="urls.test"}') == 2
    assert figure(pair, "clients_refused_total") == 1
    with Client("127.0.0.1", pair.submission) as client:
        secret = encode(b"\0%s\0%s" % (bob.encode(), PASSWORD.encode()))
        assert client.command(b"AUTH PLAIN " + secret).code == 235
        client.begin(eve, sender=bob.encode())
        assert client.data(HTML).code == 250, "users are not asked about"
    assert figure(pair, 'dns_list_asked_total{role="mx",list="urls.test"}') == 5


def test_a_list_that_is_silent_counts_nothing_and_is_left_alone(start: Start) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        server = f"127.0.0.1:{silent.getsockname()[1]}"
        pair = start(
            more="    dns_list dead.invalid {\n        score 100;\n    }\n",
            checks="        ask_timeout 500ms;\n",
            zones=f"    zone dead.invalid {{\n        servers {server};\n    }}\n",
        )
        bob = pair.add_user("bob")
        began = time.monotonic()
        for _ in range(3):
            assert ask(pair, LISTED, bob).code == 250
        assert 1.4 < time.monotonic() - began < 6, "at the same time, and not for long"
        assert "left alone" in pair.mx.log.read_text()
        asked = figure(pair, 'dns_list_asked_total{role="mx",list="dead.invalid"}')
        assert ask(pair, LISTED, bob).code == 250
        assert figure(pair, 'dns_list_asked_total{role="mx",list="dead.invalid"}') == asked == 3
        assert figure(pair, 'dns_list_hits_total{role="mx",list="list.test"}') == 4


def test_a_list_that_refuses_our_questions_counts_nothing(start: Start) -> None:
    pair = start(checks="        reject_score 6;\n")
    bob = pair.add_user("bob")
    assert ask(pair, NAMELESS, bob).code == 250
    assert figure(pair, 'dns_list_failed_total{role="mx",list="list.test"}') == 1


def limits(**most: int) -> str:
    return "    limits {\n" + "".join(f"        {name} {n};\n" for name, n in most.items()) + "    }\n"


def mail(pair: Halves, ip: str) -> Reply:
    with connect(pair, ip) as client:
        return client.command(b"MAIL FROM:<ann@good.test>")


def test_a_client_may_not_begin_more_messages_than_its_limit(start: Start) -> None:
    pair = start(limits(messages_per_minute=3))
    assert [mail(pair, CLEAN).code for _ in range(3)] == [250] * 3
    reply = mail(pair, CLEAN)
    assert (reply.code, reply.status) == (450, "4.7.1")
    assert mail(pair, LISTED).code == 250, "another one has his own"
    assert [mail(pair, f"2001:db8:1:2::{n}").code for n in range(1, 5)] == [250] * 3 + [450]
    assert mail(pair, "2001:db8:1:3::1").code == 250
    assert figure(pair, 'limits_reached_total{role="mx",of="client"}') == 2
    assert "too much mail for now" in pair.mx.log.read_text()


def test_recipients_that_are_not_here_count(start: Start) -> None:
    pair = start(limits(recipients_per_minute=2))
    bob = pair.add_user("bob")
    with connect(pair, CLEAN) as client:
        client.begin(sender=b"ann@good.test")
        to = [f"nobody@{DOMAIN}", bob, bob]
        assert [client.command(f"RCPT TO:<{name}>".encode()).code for name in to] == [550, 250, 450]
        assert client.data(TEXT).code == 250, "those that were taken get it"


def test_trusted_clients_have_no_limit(start: Start) -> None:
    pair = start(limits(messages_per_minute=1), f"        trusted {CLEAN};\n")
    assert [mail(pair, CLEAN).code for _ in range(3)] == [250] * 3
    assert [mail(pair, "127.0.0.1").code for _ in range(3)] == [250] * 3
    assert [mail(pair, LISTED).code for _ in range(2)] == [250, 450]


def test_a_user_has_a_limit_of_his_own(start: Start) -> None:
    pair = start(limits(user_messages_per_hour=2, user_recipients_per_hour=3))
    bob, ann = pair.add_user("bob"), pair.add_user("ann")

    def submit(user: str, *to: str) -> list[int]:
        with Client("127.0.0.1", pair.submission) as client:
            word = encode(f"\0{user}\0{PASSWORD}".encode())
            assert client.command(b"AUTH PLAIN " + word).code == 235
            first = client.command(f"MAIL FROM:<{user}>".encode()).code
            return [first] + [client.command(f"RCPT TO:<{name}>".encode()).code for name in to]

    assert submit(bob, ann, ann) == [250, 250, 250]
    assert submit(bob, ann, ann) == [250, 250, 450]
    assert submit(bob) == [450]
    assert submit(ann, bob) == [250, 250]
    assert figure(pair, 'limits_reached_total{role="mx",of="user"}') == 2


GREYLIST = "    greylist {\n        on yes;\n        delay 1s;\n%s    }\n"


def test_a_new_client_has_to_come_again(start: Start) -> None:
    pair = start(GREYLIST % "")
    bob = pair.add_user("bob")
    reply = ask(pair, CLEAN, bob)
    assert (reply.code, reply.status) == (450, "4.7.1")
    assert ask(pair, CLEAN, f"nobody@{DOMAIN}").code == 550
    pair.mx.stop()
    pair.mx.start()
    time.sleep(1.1)
    assert ask(pair, CLEAN, bob, "else@good.test").code == 450, "that is another sender"
    assert ask(pair, CLEAN.replace(".10", ".77"), bob).code == 250, "the network counts"
    assert ask(pair, CLEAN, bob, "third@good.test").code == 250, "it is known from now on"
    assert figure(pair, "greylist_deferred_total") == 1
    with Client("127.0.0.1", pair.submission) as client:
        client.command(b"AUTH PLAIN " + encode(f"\0{bob}\0{PASSWORD}".encode()))
        client.begin(bob, sender=bob.encode())


def test_clients_that_are_spared_need_not_come_again(start: Start) -> None:
    pair = start(GREYLIST % "        spare spf;\n")
    bob = pair.add_user("bob")
    assert ask(pair, CLEAN, bob).code == 250, "it has a name"
    assert ask(pair, NAMELESS, bob).code == 450
    assert ask(pair, CLEAN, bob, helo="localhost").code == 450, "its score is not 0"
