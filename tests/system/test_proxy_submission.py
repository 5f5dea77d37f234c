"""Submission through the proxy: it looks to a client as if it spoke to the mx where he lives."""

import base64
import re
import smtplib
import ssl
import time
from collections.abc import Iterator

import pytest
from halves import PASSWORD
from proxied import DOMAIN, Line, World, check_logs
from shape import PATIENCE

ANN, BOB = f"ann@{DOMAIN}", f"bob@{DOMAIN}"
PLAIN = base64.b64encode(f"\0{ANN}\0{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(
        tmp_path_factory.mktemp("proxied"),
        "without managesieve; front_ends 127.0.0.9;",
        of_mx="    xclient {\n        from 127.0.0.1;\n    }\n",
    )
    yield world
    world.stop()
    check_logs(world)


class Smtp(Line):
    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        super().__init__(port, source)
        assert self.greeting.startswith("220 ")

    def ask(self, text: str) -> list[str]:
        self.send(text + "\r\n")
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return lines


def smtp(world: World, source: str = "127.0.0.1") -> Smtp:
    return Smtp(world.proxy.ports["submission"], source)


def extensions(lines: list[str]) -> list[str]:
    """Behind the name of the host; without what each server has for itself."""
    own = ("AUTH", "STARTTLS", "XCLIENT", "HELP")
    return sorted(line[4:] for line in lines[1:] if not line[4:].startswith(own))


def test_each_user_sends_by_his_own_back_end(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.proxy.ca))
    for user, name in ((ANN, "one"), (BOB, "two")):
        said = world.stores[name].half.said()
        with smtplib.SMTP("localhost", world.proxy.ports["submission"], timeout=PATIENCE) as client:
            client.starttls(context=context)
            client.login(user, PASSWORD)
            client.sendmail(user, [user], f"From: {user}\r\nSubject: x\r\n\r\nby {name}\r\n")
        with smtplib.SMTP_SSL(
            "localhost", world.proxy.ports["submissions"], context=context, timeout=PATIENCE
        ) as client:
            client.login(user, PASSWORD)
            client.sendmail(user, [user], f"From: {user}\r\nSubject: y\r\n\r\nby {name}\r\n")
        end = time.monotonic() + PATIENCE
        while world.stores[name].half.log.read_text()[said:].count('role=mx event="message accepted"') < 2:
            assert time.monotonic() < end, world.stores[name].half.log.read_text()[said:]
            time.sleep(0.05)


def test_ehlo_says_what_the_back_end_does(world: World) -> None:
    with smtp(world) as client:
        client.ask("EHLO client.test")
        assert client.ask(f"AUTH PLAIN {PLAIN}")[0].startswith("235 ")
    with smtp(world) as client, Smtp(world.stores["one"].ports["submission"]) as store:
        ours, direct = client.ask("EHLO client.test"), store.ask("EHLO client.test")
        assert extensions(ours) == extensions(direct)
        assert any(line.startswith("250-SIZE ") for line in ours)
        assert "250-AUTH PLAIN LOGIN" in ours and "250-STARTTLS" in ours
        assert not any("XCLIENT" in line for line in ours)


def test_a_wrong_password_leads_back_to_before_the_login(world: World) -> None:
    wrong = base64.b64encode(f"\0{ANN}\0wrong".encode()).decode()
    with Smtp(world.stores["one"].ports["submission"]) as store:
        store.ask("EHLO client.test")
        direct = store.ask(f"AUTH PLAIN {wrong}")
    with smtp(world) as client:
        assert client.ask(f"AUTH PLAIN {PLAIN}")[0].startswith("503 ")
        client.ask("EHLO client.test")
        assert client.ask(f"AUTH PLAIN {wrong}") == direct
        assert client.ask(f"MAIL FROM:<{ANN}>")[0].startswith("530 5.7.0")
        assert client.ask("NOOP")[0].startswith("250 ") and client.ask("RSET")[0].startswith("250 ")
        assert client.ask("AUTH LOGIN")[0].startswith("334 ")
        assert client.ask("*")[0].startswith("501 ")
        assert client.ask("AUTH LOGIN")[0].startswith("334 ")
        assert client.ask(base64.b64encode(ANN.encode()).decode())[0].startswith("334 ")
        assert client.ask(base64.b64encode(PASSWORD.encode()).decode())[0].startswith("235 ")
        assert client.ask(f"MAIL FROM:<{ANN}>")[0].startswith("250 ")
        assert client.ask(f"RCPT TO:<{ANN}>")[0].startswith("250 ")


def test_the_back_end_knows_the_client_by_his_name_and_address(world: World) -> None:
    with smtp(world, "127.0.0.7") as client:
        client.ask("EHLO my.client.test")
        client.ask(f"AUTH PLAIN {PLAIN}")
        client.ask(f"MAIL FROM:<{ANN}>")
        client.ask(f"RCPT TO:<{ANN}>")
        client.ask("DATA")
        said = world.stores["one"].half.said()
        assert client.ask(f"From: {ANN}\r\nSubject: who\r\n\r\nx\r\n.")[0].startswith("250 ")
        assert "client=127.0.0.7" in world.stores["one"].half.log.read_text()[said:]
    received = world.stores["one"].fetch(ANN, "who")
    assert re.search(rb"Received: from my\.client\.test \(.*127\.0\.0\.7", received)


def test_only_front_ends_say_who_their_client_is(world: World) -> None:
    with smtp(world, "127.0.0.9") as client:
        assert any("XCLIENT" in line for line in client.ask("EHLO front.test"))
        assert client.ask("XCLIENT ADDR=192.0.2.77 PORT=4711 HELO=far.test TTL=3")[0].startswith("220 ")
        client.ask("EHLO front.test")
        assert client.ask(f"AUTH PLAIN {PLAIN}")[0].startswith("235 ")
        assert re.search(r'event="passed on".*client=192\.0\.2\.77', world.proxy.log())
        assert "client=192.0.2.77" in world.stores["one"].half.log.read_text()
    with smtp(world) as client:
        assert client.ask("XCLIENT ADDR=192.0.2.78")[0].startswith("550 ")


def test_a_loop_is_cut(world: World) -> None:
    with smtp(world, "127.0.0.9") as client:
        client.ask("XCLIENT ADDR=192.0.2.77 TTL=1")
        client.ask("EHLO front.test")
        assert client.ask(f"AUTH PLAIN {PLAIN}")[0].startswith("454 4.7.0")
    with smtp(world, "127.0.0.9") as client:
        assert client.ask("XCLIENT ADDR=192.0.2.77 TTL=0")[0].startswith("421 ")


def test_a_directory_that_is_dead_is_temporary(world: World) -> None:
    with smtp(world) as client:
        client.ask("EHLO client.test")
        world.directory.dead = True
        try:
            assert client.ask(f"AUTH PLAIN {PLAIN}")[0].startswith("454 4.7.0")
        finally:
            world.directory.dead = False
        assert client.ask(f"AUTH PLAIN {PLAIN}")[0].startswith("235 ")


def test_commands_that_came_with_the_login_are_carried_out_behind_it(world: World) -> None:
    with smtp(world) as client:
        client.ask("EHLO client.test")
        client.send(f"AUTH PLAIN {PLAIN}\r\nMAIL FROM:<{ANN}>\r\nRCPT TO:<{ANN}>\r\nQUIT\r\n")
        assert [client.line()[:3] for _ in range(4)] == ["235", "250", "250", "221"]
        assert client.ended()
