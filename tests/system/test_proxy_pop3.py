"""POP3 through the proxy: it looks to a client as if it spoke to the store where he lives."""

import base64
import poplib
import re
import ssl
from collections.abc import Iterator

import pytest
from halves import PASSWORD
from proxied import DOMAIN, Line, World, check_logs
from shape import PATIENCE

ANN, BOB = f"ann@{DOMAIN}", f"bob@{DOMAIN}"
PLAIN = base64.b64encode(f"\0{ANN}\0{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("proxied"), "without submission; without submissions; without managesieve; front_ends 127.0.0.9;")
    for user, name in ((ANN, "one"), (BOB, "two")):
        world.stores[name].put(user, f"Subject: for {user}\r\n\r\n.hello\r\n".encode())
    yield world
    world.stop()
    check_logs(world)


class Pop3(Line):
    def __exit__(self, *_: object) -> None:
        """The maildrop is free when it is left."""
        try:
            self.send("QUIT\r\n")
            while self.input.readline():
                pass
        except OSError:  # it has ended
            pass
        super().__exit__()


def pop3(world: World, source: str = "127.0.0.1") -> Pop3:
    return Pop3(world.proxy.ports["pop3"], source)


def test_each_user_finds_his_own_maildrop(world: World) -> None:
    for user in (ANN, BOB):
        client = poplib.POP3("127.0.0.1", world.proxy.ports["pop3"], timeout=PATIENCE)
        client.user(user)
        client.pass_(PASSWORD)
        assert client.stat()[0] == 1
        assert f"Subject: for {user}".encode() in client.retr(1)[1]
        client.quit()


def test_it_announces_what_back_ends_do_and_its_own_logins(world: World) -> None:
    with pop3(world) as client:
        client.do(f"AUTH PLAIN {PLAIN}")
    with pop3(world) as client, Line(world.stores["one"].ports["pop3"]) as store:
        ours, direct = client.list("CAPA"), store.list("CAPA")
        assert sorted(line for line in ours if not line.startswith("SASL")) == sorted(
            line for line in direct if not line.startswith("SASL"))  # fmt: skip
        assert "SASL PLAIN LOGIN" in ours


def test_tls_at_once_and_by_stls(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.proxy.ca))
    client: poplib.POP3 = poplib.POP3_SSL(
        "localhost", world.proxy.ports["pop3s"], context=context, timeout=PATIENCE)  # fmt: skip
    client.user(ANN)
    client.pass_(PASSWORD)
    client.quit()
    client = poplib.POP3("localhost", world.proxy.ports["pop3"], timeout=PATIENCE)
    client.stls(context)
    client.user(BOB)
    client.pass_(PASSWORD)
    assert client.stat()[0] == 1
    client.quit()


def test_a_wrong_password_leads_back_to_before_the_login(world: World) -> None:
    with Line(world.stores["one"].ports["pop3"]) as store:
        store.do(f"USER {ANN}")
        direct = store.do("PASS wrong")
    with pop3(world) as client:
        client.do(f"USER {ANN}")
        assert client.do("PASS wrong") == direct
        assert client.do("STAT") == "-ERR Log in first"
        client.do(f"USER nobody@{DOMAIN}")
        assert client.do("PASS wrong").startswith("-ERR [AUTH]")
        assert client.do(f"AUTH PLAIN {PLAIN}").startswith("+OK")
        assert client.do("STAT").startswith("+OK 1 ")


def test_all_ways_to_say_a_password(world: World) -> None:
    password = "p w\xf6rd " + "x" * 200  # so the line of AUTH is longer than a command may be
    user = world.add_user("odd", "one", password)
    plain = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    with pop3(world) as client:
        client.do(f"USER {user}")
        assert client.do(f"PASS {password}").startswith("+OK")
    with pop3(world) as client:
        assert client.do("AUTH PLAIN").startswith("+ ")
        assert client.do(plain).startswith("+OK")
    with pop3(world) as client:
        assert client.do("AUTH LOGIN").startswith("+ ")
        assert client.do("*") == "-ERR Cancelled"
        assert client.do("AUTH LOGIN").startswith("+ ")
        assert client.do(base64.b64encode(user.encode()).decode()).startswith("+ ")
        assert client.do(base64.b64encode(password.encode()).decode()).startswith("+OK")


def test_commands_that_came_with_the_login_are_carried_out_behind_it(world: World) -> None:
    with pop3(world) as client:
        client.send(f"USER {ANN}\r\nPASS {PASSWORD}\r\nSTAT\r\nQUIT\r\n")
        answers = [client.line() for _ in range(4)]
        assert all(answer.startswith("+OK") for answer in answers) and answers[2].startswith("+OK 1 ")
        assert client.ended()


def test_a_maildrop_in_use_is_said_in_the_back_ends_words(world: World) -> None:
    with pop3(world) as first, pop3(world) as second:
        assert first.do(f"AUTH PLAIN {PLAIN}").startswith("+OK")
        assert second.do(f"AUTH PLAIN {PLAIN}").startswith("-ERR [IN-USE]")
        first.do("QUIT")
        assert first.ended()
        assert second.do(f"AUTH PLAIN {PLAIN}").startswith("+OK")


def test_a_directory_or_a_back_end_that_is_away_is_temporary(world: World) -> None:
    world.directory.dead = True
    try:
        with pop3(world) as client:
            assert client.do(f"AUTH PLAIN {PLAIN}").startswith("-ERR [SYS/TEMP]")
            world.directory.dead = False
            assert client.do(f"AUTH PLAIN {PLAIN}").startswith("+OK")
    finally:
        world.directory.dead = False
    world.directory.places[f"lost@{DOMAIN}"] = "nowhere.invalid"
    with pop3(world) as client:
        client.do(f"USER lost@{DOMAIN}")
        assert client.do(f"PASS {PASSWORD}").startswith("-ERR [SYS/TEMP]")


def test_only_front_ends_say_who_their_client_is(world: World) -> None:
    with pop3(world, "127.0.0.9") as client:
        assert "[XCLIENT]" in client.greeting
        assert client.do("XCLIENT ADDR=192.0.2.77 PORT=4711 SESSION=abc TTL=3").startswith("+OK")
        client.do(f"AUTH PLAIN {PLAIN}")
        assert re.search(r'event="passed on".*client=192\.0\.2\.77', world.proxy.log())
    with pop3(world) as client:
        assert "[XCLIENT]" not in client.greeting
        assert client.do("XCLIENT ADDR=192.0.2.78").startswith("-ERR")
