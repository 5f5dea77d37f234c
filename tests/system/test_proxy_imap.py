"""IMAP through the proxy: it looks to a client as if it spoke to the store where he lives."""

import base64
import imaplib
import os
import re
import signal
import ssl
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from halves import PASSWORD
from proxied import DOMAIN, Line, World, check_logs
from shape import PATIENCE

ANN, BOB = f"ann@{DOMAIN}", f"bob@{DOMAIN}"
NOT_YET = "without submission; without submissions; without managesieve;"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("proxied"), NOT_YET + "front_ends 127.0.0.9;")
    yield world
    world.stop()
    check_logs(world)


@pytest.fixture
def own_world(tmp_path: Path) -> Iterator[World]:
    """To stop, kill and reconfigure."""
    world = World(tmp_path, NOT_YET)
    yield world
    world.stop()
    check_logs(world)


class Raw(Line):
    def __init__(self, world: World, source: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(port or world.proxy.ports["imap"], source)

    def until(self, tag: str) -> list[str]:
        lines: list[str] = []
        while not lines or not lines[-1].startswith(tag + " "):
            lines.append(self.line())
        return lines

    def tagged(self, text: str) -> list[str]:
        self.send(text + "\r\n")
        return self.until(text.split()[0])


def connect(world: World) -> imaplib.IMAP4:
    return imaplib.IMAP4("127.0.0.1", world.proxy.ports["imap"], timeout=PATIENCE)


def refusal(world: World, user: str, password: str = PASSWORD) -> str:
    """ "" when he is in."""
    with Raw(world) as client:
        answer = client.tagged(f"a LOGIN {user} {password}")[-1]
        return "" if answer.startswith("a OK") else answer


def metric(world: World, name: str, labels: str = "") -> float:
    address = f"http://127.0.0.1:{world.proxy.ports['metrics']}/metrics"
    with urllib.request.urlopen(address, timeout=PATIENCE) as page:
        text = page.read().decode()
    for line in text.splitlines():
        if line.startswith(f"rookery_{name}{{") and labels in line:
            return float(line.split()[-1])
    raise AssertionError(f"no {name} {labels} in\n{text}")


def test_each_user_finds_his_own_mailbox(world: World) -> None:
    for user, other in ((ANN, "one"), (BOB, "two")):
        client = connect(world)
        client.login(user, PASSWORD)
        client.create(f"only-{other}")
        client.append("INBOX", "", None, f"Subject: at {other}\r\n\r\nhello\r\n".encode())
        assert client.select("INBOX")[1] == [b"1"]
        client.logout()
    for name, user in (("one", ANN), ("two", BOB)):
        client = imaplib.IMAP4("127.0.0.1", world.stores[name].ports["imap"], timeout=PATIENCE)
        client.login(user, PASSWORD)
        assert any(f"only-{name}".encode() in line for line in client.list()[1])
        client.logout()


def test_it_announces_what_back_ends_do_and_its_own_logins(world: World) -> None:
    assert refusal(world, ANN) == ""
    store = imaplib.IMAP4("127.0.0.1", world.stores["one"].ports["imap"], timeout=PATIENCE)
    direct = set(store.capabilities)  # in capitals
    store.shutdown()
    with Raw(world) as client:
        match = re.search(r"\[CAPABILITY ([^]]*)\]", client.greeting)
        assert match
        listed = client.tagged("a CAPABILITY")
        assert listed[0] == f"* CAPABILITY {match[1]}"
        assert {word for word in match[1].upper().split() if not word.startswith("AUTH=")} == {
            word for word in direct if not word.startswith("AUTH=")
        }
        assert {"AUTH=PLAIN", "AUTH=LOGIN", "STARTTLS"} <= set(match[1].split())
        assert "AUTH=SCRAM-SHA-256" not in match[1]  # the proxy has no keys
        after = client.tagged(f"b LOGIN {ANN} {PASSWORD}")[-1]
    with Raw(world, port=world.stores["one"].ports["imap"]) as client:
        assert client.tagged(f"b LOGIN {ANN} {PASSWORD}")[-1] == after


def test_tls_at_once_and_by_starttls(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.proxy.ca))
    with imaplib.IMAP4_SSL("localhost", world.proxy.ports["imaps"], ssl_context=context, timeout=PATIENCE) as client:
        client.login(ANN, PASSWORD)
        assert client.select("INBOX")[0] == "OK"
    with imaplib.IMAP4("localhost", world.proxy.ports["imap"], timeout=PATIENCE) as client:
        client.starttls(ssl_context=context)
        assert "STARTTLS" not in client.capabilities
        client.login(BOB, PASSWORD)
        assert client.select("INBOX")[0] == "OK"


def test_what_was_said_before_starttls_does_not_count(world: World) -> None:
    with Raw(world) as client:
        client.send(f"a STARTTLS\r\nb LOGIN {ANN} {PASSWORD}\r\n")
        assert client.until("a")[-1].startswith("a OK")
        client.start_tls(world.proxy.ca)
        assert client.tagged("c NOOP") == ["c OK Done"]


def test_all_ways_to_say_a_password(world: World) -> None:
    password = 'p"a\\s{s} w\xf6rd'
    user = world.add_user("odd", "one", password)
    literal = password.encode()
    plain = base64.b64encode(b"\0" + user.encode() + b"\0" + literal).decode()
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    with Raw(world) as client:
        assert client.tagged(f'a LOGIN "{user}" "{quoted}"')[-1].startswith("a OK")
    with Raw(world) as client:
        client.socket.sendall(f"a LOGIN {{{len(user)}}}\r\n".encode())
        assert client.until("+")
        client.socket.sendall(f"{user} {{{len(literal)}}}\r\n".encode())
        assert client.until("+")
        client.socket.sendall(literal + b"\r\n")
        assert client.until("a")[-1].startswith("a OK")
    with Raw(world) as client:
        client.socket.sendall(f"a LOGIN {user} {{{len(literal)}+}}\r\n".encode() + literal + b"\r\n")
        assert client.until("a")[-1].startswith("a OK")
    with Raw(world) as client:
        assert client.tagged(f"a AUTHENTICATE PLAIN {plain}")[-1].startswith("a OK")
    with Raw(world) as client:
        client.send("a AUTHENTICATE PLAIN\r\n")
        assert client.until("+") == ["+ "]
        client.send("*\r\n")
        assert client.until("a") == ["a BAD Cancelled"]
        client.send("b AUTHENTICATE LOGIN\r\n")
        for word in (user.encode(), literal):
            client.until("+")
            client.socket.sendall(base64.b64encode(word) + b"\r\n")
        assert client.until("b")[-1].startswith("b OK")
        assert client.tagged("c SELECT INBOX")[-1].startswith("c OK")


def test_a_wrong_password_leads_back_to_before_the_login(world: World) -> None:
    with Raw(world, port=world.stores["one"].ports["imap"]) as client:
        direct = client.tagged(f"a LOGIN {ANN} wrong")[-1]
    with Raw(world) as client:
        assert client.tagged(f"a LOGIN {ANN} wrong")[-1] == direct  # in the back end's words
        assert client.tagged("b SELECT INBOX") == ["b BAD Log in first"]
        assert client.tagged(f"c LOGIN nobody@{DOMAIN} wrong")[-1].startswith("c NO [AUTHENTICATIONFAILED]")
        assert client.tagged(f"d LOGIN {ANN} {PASSWORD}")[-1].startswith("d OK [CAPABILITY ")
        assert client.tagged("e SELECT INBOX")[-1].startswith("e OK")


def test_the_fifth_wrong_password_ends_the_connection(world: World) -> None:
    with Raw(world, "127.0.0.5") as client:
        for n in range(5):
            lines = client.tagged(f"a{n} LOGIN {ANN} wrong")
            assert lines[-1].startswith(f"a{n} NO [AUTHENTICATIONFAILED]")
        assert client.input.readline().startswith(b"* BYE")
        assert client.ended()


def test_commands_that_came_with_the_login_are_carried_out_behind_it(world: World) -> None:
    with Raw(world) as client:
        client.send(f"a LOGIN {ANN} {PASSWORD}\r\nb SELECT INBOX\r\nc FETCH 1 UID\r\nd LOGOUT\r\n")
        lines = client.until("d")
        assert [line.split()[0:2] for line in lines if line[0] in "abcd"] == [
            ["a", "OK"], ["b", "OK"], ["c", "OK"], ["d", "OK"]]  # fmt: skip
        assert client.ended()


def test_large_literals_pass_both_ways(world: World) -> None:
    body = b"Subject: large\r\n\r\n" + os.urandom(6 << 20).hex().encode()
    client = connect(world)
    client.login(BOB, PASSWORD)
    client.create("large")
    assert client.append("large", "", None, body)[0] == "OK"
    client.select("large")
    assert client.fetch("1", "(BODY.PEEK[])")[1][0][1] == body
    client.logout()


def test_idle_passes(world: World) -> None:
    with Raw(world) as client, Raw(world) as other:
        assert client.tagged(f"a LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK")
        client.tagged("b CREATE idling")
        client.tagged("c SELECT idling")
        client.send("d IDLE\r\n")
        client.until("+")
        other.tagged(f"a LOGIN {ANN} {PASSWORD}")
        other.send("b APPEND idling {14+}\r\nSubject: x\r\n\r\n\r\n")
        other.until("b")
        assert "EXISTS" in client.until("*")[-1]
        client.send("DONE\r\n")
        assert client.until("d")[-1].startswith("d OK")


def test_a_directory_that_is_dead_is_temporary(world: World) -> None:
    world.directory.dead = True
    try:
        assert "[UNAVAILABLE]" in refusal(world, ANN)
    finally:
        world.directory.dead = False
    assert refusal(world, ANN) == ""


def test_who_is_suspended_is_told_so_and_no_back_end_is_asked(world: World) -> None:
    said = world.stores["two"].half.said()
    world.directory.status[BOB] = "suspended"
    try:
        assert "[AUTHORIZATIONFAILED]" in refusal(world, BOB)
    finally:
        del world.directory.status[BOB]
    assert "session=" not in world.stores["two"].half.log.read_text()[said:]


def test_nonsense_in_tohost_is_temporary(world: World) -> None:
    for place in ("a, b", "host:x", "nowhere.invalid", ""):
        world.directory.places[f"lost@{DOMAIN}"] = place
        assert "[UNAVAILABLE]" in refusal(world, f"lost@{DOMAIN}"), place


def test_who_comes_too_often_with_wrong_passwords_is_not_listened_to(own_world: World) -> None:
    with own_world.proxy.half.config.open("a") as config:
        config.write("limits {\n    auth_failures_per_address 2;\n}\n")
    own_world.proxy.half.stop()
    own_world.proxy.start()
    assert "[AUTHENTICATIONFAILED]" in refusal(own_world, ANN, "wrong")
    assert "[AUTHENTICATIONFAILED]" in refusal(own_world, ANN, "wrong")
    asked = len(own_world.directory.asked)
    assert "[UNAVAILABLE]" in refusal(own_world, ANN)
    assert len(own_world.directory.asked) == asked
    assert metric(own_world, "logins_failed_total", 'protocol="imap"') == 2


def test_a_back_end_that_is_down_is_temporary_and_others_go_on(own_world: World) -> None:
    assert refusal(own_world, ANN) == "" and refusal(own_world, BOB) == ""
    own_world.stores["one"].half.kill()
    for _ in range(3):
        assert "[UNAVAILABLE]" in refusal(own_world, ANN)
        assert refusal(own_world, BOB) == ""
    assert metric(own_world, "backends_down") == 1
    own_world.stores["one"].half.start()
    end = time.monotonic() + PATIENCE
    while refusal(own_world, ANN):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert metric(own_world, "backends_down") == 0
    log = own_world.proxy.log()
    assert log.count('event="back end is down"') == 1 and log.count('event="back end is up again"') == 1


def test_the_second_of_a_pair_serves_while_the_first_is_down(own_world: World) -> None:
    both = f"{own_world.stores['one'].host},{own_world.stores['two'].host}"
    own_world.stores["two"].add_user(ANN)
    own_world.directory.places[ANN] = both

    def name_of_store() -> str:
        with Raw(own_world) as client:
            assert client.tagged(f"a LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK")
        return re.findall(r'event="passed on".* backend=(\w+)\.', own_world.proxy.log())[-1]

    assert name_of_store() == "one"
    own_world.stores["one"].half.kill()
    assert name_of_store() == "two"
    own_world.stores["one"].half.start()
    end = time.monotonic() + PATIENCE
    while name_of_store() != "one":
        assert time.monotonic() < end
        time.sleep(0.2)


def test_who_has_no_tohost_lives_at_default_host(own_world: World) -> None:
    own_world.directory.places[BOB] = ""
    assert "[UNAVAILABLE]" in refusal(own_world, BOB)
    config = own_world.proxy.half.config
    config.write_text(config.read_text().replace("proxy {\n", f"proxy {{\n    default_host {own_world.stores['two'].host};\n"))
    own_world.proxy.half.stop()
    own_world.proxy.start()
    assert refusal(own_world, BOB) == ""


def test_a_back_end_whose_certificate_is_another_gets_no_password(own_world: World) -> None:
    one, two = own_world.stores["one"], own_world.stores["two"]
    config = own_world.proxy.half.config
    config.write_text(config.read_text().replace(f"imap_port {one.ports['imaps']}", f"imap_port {two.ports['imaps']}"))
    own_world.proxy.half.stop()
    own_world.proxy.start()
    said = two.half.said()
    assert "[UNAVAILABLE]" in refusal(own_world, ANN)
    assert "login" not in two.half.log.read_text()[said:]
    assert "certificate" in own_world.proxy.log()


def test_a_session_ends_with_its_back_end_and_the_other_way_round(own_world: World) -> None:
    with Raw(own_world) as client:
        client.tagged(f"a LOGIN {ANN} {PASSWORD}")
        assert metric(own_world, "proxied_connections", 'protocol="imap"') == 1
        own_world.stores["one"].half.stop()
        assert client.input.readline().startswith(b"* BYE")
        assert client.ended()
    end = time.monotonic() + PATIENCE
    while metric(own_world, "proxied_connections", 'protocol="imap"') > 0:
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_proxy_that_stops_says_goodbye(own_world: World) -> None:
    with Raw(own_world) as before, Raw(own_world) as after:
        after.tagged(f"a LOGIN {BOB} {PASSWORD}")
        own_world.proxy.half.stop()
        assert before.input.readline().startswith(b"* BYE")
        assert after.input.readline().startswith(b"* BYE")
        assert before.ended() and after.ended()


def test_a_host_is_found_by_its_name(own_world: World) -> None:
    config = own_world.proxy.half.config
    port = own_world.stores["one"].ports["imap"]
    block = f"proxy {{\n    backend localhost {{\n        tls none;\n        imap_port {port};\n    }}\n"
    config.write_text(config.read_text().replace("proxy {\n", block))
    own_world.proxy.half.stop()
    own_world.proxy.start()
    for place in ("localhost", "LOCALHOST", f"localhost:{port}", "nowhere.invalid,localhost"):
        own_world.directory.places[ANN] = place
        assert refusal(own_world, ANN) == "", place


def test_a_client_with_too_many_connections_does_not_bring_the_back_end_down(own_world: World) -> None:
    store = own_world.stores["one"]
    store.half.stop()
    text = store.half.config.read_text().replace("store {\n", "store {\n    front_ends 127.0.0.1;\n")
    store.half.config.write_text("limits {\n    connections_per_address 2;\n}\n" + text)
    store.half.start()
    with Raw(own_world, "127.0.0.6") as first, Raw(own_world, "127.0.0.6") as second, Raw(own_world, "127.0.0.6") as third:
        assert first.tagged(f"a LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK")
        assert second.tagged(f"a LOGIN {ANN} {PASSWORD}")[-1].startswith("a OK")
        assert third.tagged(f"a LOGIN {ANN} {PASSWORD}")[-1].startswith("a NO [UNAVAILABLE]")
        assert refusal(own_world, ANN) == ""  # from another address
    assert metric(own_world, "backends_down") == 0


@pytest.mark.parametrize("tls", ["starttls", "none"])
def test_back_ends_by_starttls_and_in_the_clear(tmp_path: Path, tls: str) -> None:
    world = World(tmp_path, NOT_YET, tls)
    assert refusal(world, ANN) == ""
    store = world.stores["one"]
    logged = [line for line in store.half.log.read_text().splitlines() if "event=login" in line]
    assert f"tls={'yes' if tls == 'starttls' else 'no'}" in logged[-1]
    world.stop()
    check_logs(world)


def test_many_logins_wait_for_a_slow_back_end_and_nobody_waits_for_them(own_world: World) -> None:
    stopped = own_world.stores["one"].half.roles()
    waiting: list[Raw] = []
    for role in stopped:
        os.kill(role, signal.SIGSTOP)
    try:
        for n in range(150):
            waiting.append(Raw(own_world, f"127.0.1.{n + 1}"))
            waiting[-1].send(f"a LOGIN {ANN} {PASSWORD}\r\n")
        assert refusal(own_world, BOB) == ""
        assert metric(own_world, "workers") < 50
    finally:
        for role in stopped:
            os.kill(role, signal.SIGCONT)
    for client in waiting:
        with client:
            assert client.until("a")[-1].startswith("a OK")


def test_who_is_put_off_by_his_back_end_is_looked_up_anew(own_world: World) -> None:
    """What is remembered of him may be where he lived."""
    config = own_world.proxy.half.config
    config.write_text(config.read_text().replace("cache_positive 0s", "cache_positive 1h"))
    own_world.proxy.half.stop()
    own_world.proxy.start()
    assert refusal(own_world, ANN) == "" and refusal(own_world, ANN) == ""
    assert own_world.directory.asked.count(f"lookup {ANN}") == 1
    assert metric(own_world, "directory_remembered_hits_total") == 1
    own_world.stores["two"].add_user(ANN)
    own_world.directory.places[ANN] = own_world.stores["two"].host
    assert "[AUTHENTICATIONFAILED]" in refusal(own_world, ANN, "wrong")
    pop3 = own_world.proxy.ports["pop3"]
    with Line(pop3) as first, Line(pop3) as second:
        for client in (first, second):
            client.do(f"USER {ANN}")
        assert first.do(f"PASS {PASSWORD}").startswith("+OK")
        assert second.do(f"PASS {PASSWORD}").startswith("-ERR [IN-USE]")
    assert own_world.directory.asked.count(f"lookup {ANN}") == 1
    assert refusal(own_world, ANN) == ""
    assert own_world.directory.asked.count(f"lookup {ANN}") == 2
    assert re.findall(r'event="passed on".* backend=(\w+)\.', own_world.proxy.log())[-1] == "two"


def test_a_proxy_stops_while_logins_wait(own_world: World) -> None:
    stopped = own_world.stores["one"].half.roles()
    for role in stopped:
        os.kill(role, signal.SIGSTOP)
    try:
        waiting = [Raw(own_world) for _ in range(10)]
        for client in waiting:
            client.send(f"a LOGIN {ANN} {PASSWORD}\r\n")
        time.sleep(0.3)
        own_world.proxy.half.stop()
        assert "event=stopped" in own_world.proxy.log()
        assert "signal=9" not in own_world.proxy.log()
    finally:
        for role in stopped:
            os.kill(role, signal.SIGCONT)
