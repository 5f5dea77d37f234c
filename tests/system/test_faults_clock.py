"""The wall clock jumps under a running node: whatever waits or counts goes on."""

import threading
import time

import pytest
import samples
from faults import YEAR, Faults
from imap_client import Imap
from pop3_client import Pop3
from shape import Shape
from smtp_client import administer, log_lines, lmtp, mx, submission
from test_faults_disk import assert_clean, numbers

JUMPS = {"a year ahead": YEAR, "a year back": -YEAR, "ten seconds back": -10}


@pytest.mark.parametrize("jump", JUMPS)
def test_a_jump_of_the_clock_hurts_nobody(faulty_shape: Shape, faults: Faults, jump: str) -> None:
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    client, idler = Imap(node, user), Imap(node, user)
    facts: dict[int, tuple[int, str]] = {}  # UID to MODSEQ and EMAILID

    def learn(uid: int) -> None:
        """Rising, and unlike all others."""
        client.ok("NOOP")
        items = client.ok(f"UID FETCH {uid} (MODSEQ EMAILID)").fetched().popitem()[1]
        (modseq,), (emailid,) = items["MODSEQ"], items["EMAILID"]
        for known, (known_modseq, known_id) in facts.items():
            assert uid > known and modseq > known_modseq and emailid != known_id
        facts[uid] = (modseq, emailid)

    with mx(node) as sender, lmtp(node) as local, Pop3(node, shape.users[1]) as popper:
        client.ok("SELECT INBOX")
        learn(client.append("INBOX", samples.numbered(0)))
        idler.ok("SELECT INBOX")
        tag = idler.begin("IDLE")
        idler.continuation()

        faults.shift(JUMPS[jump])
        learn(client.append("INBOX", samples.numbered(1)))
        assert idler._response()[1][:2] == [2, "EXISTS"]
        for number, talker in ((2, sender), (3, local)):  # connected before
            talker.begin(user.name)
            assert talker.data(samples.numbered(number)).code == 250
            learn(number + 1)
        popper.ok("NOOP")
        Pop3(node, user).close()  # the memory of passwords
        for known in (user, shape.users[2]):
            Imap(node, known).close()
        with submission(node, user) as fresh:
            fresh.begin(user.name)
            assert fresh.data(samples.numbered(4)).code == 250
        learn(5)
        client.ok("STORE 1 +FLAGS (\\Seen)")
        idler.send(b"DONE\r\n")
        assert idler.finish(tag).status == "OK"

    year = time.gmtime(time.time() + JUMPS[jump]).tm_year
    assert log_lines(shape, f"time={year}-", "event=login"), "the server saw no jump"
    node.do("stop")
    node.do("start")
    client = Imap(node, user)
    client.ok("SELECT INBOX")
    learn(client.append("INBOX", samples.numbered(5)))
    faults.shift(0)  # and back again
    learn(client.append("INBOX", samples.numbered(6)))
    assert numbers(node, user) == list(range(7))
    administer(shape, "user", "add", "new@example.test", text="secret\n")
    assert_clean(shape)


@pytest.mark.parametrize("jump", JUMPS)
def test_waits_are_measured_by_a_clock_that_does_not_jump(
    faulty_shape: Shape, faults: Faults, jump: str
) -> None:
    """A wrong password is answered after its pause, a session without a login is ended in time."""
    shape, node, user = faulty_shape, faulty_shape.nodes[0], faulty_shape.users[0]
    config = shape.folder / "a" / "rookery.conf"
    node.do("stop")
    config.write_text(config.read_text().replace("\nstore {", "\nstore {\n    login_timeout 3s;\n"))
    node.do("start")
    silent, guesser = Imap(node), Imap(node)
    answered = threading.Event()

    def guess() -> None:
        guesser.no(f'LOGIN "{user.name}" "wrong"')
        answered.set()

    threading.Thread(target=guess, daemon=True).start()
    faults.shift(JUMPS[jump])
    begun = time.monotonic()
    assert answered.wait(20)
    guesser.ok(f'LOGIN "{user.name}" "{user.password}"')
    assert silent._response()[0] == "*"  # BYE
    assert silent.socket.recv(1) == b""
    assert time.monotonic() - begun < 20
