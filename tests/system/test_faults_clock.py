"""The wall clock jumps under a running node: whatever waits or counts goes on."""

import threading
import time

import pytest
import samples
from faults import YEAR, Faults
from imap_client import Imap
from pop3_client import Pop3
from shape import PATIENCE, Shape
from smtp_client import administer, lmtp, log_lines, mx, reconfigure, submission
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
            fresh.begin(user.name, sender=user.name.encode())
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


def test_a_mailbox_made_again_under_a_clock_set_back_is_another_one(
    faulty_shape: Shape, faults: Faults
) -> None:
    node, user = faulty_shape.nodes[0], faulty_shape.users[0]
    client, seen = Imap(node, user), []
    for jump in (0, -10, -YEAR, -YEAR):
        faults.shift(jump)
        client.ok("CREATE Again")
        answer = client.ok("STATUS Again (UIDVALIDITY MAILBOXID)")
        status = answer.one("STATUS")[1]
        seen.append((status[1], str(status[3])))
        client.ok("DELETE Again")
        if jump == -YEAR:  # not even after a restart
            node.do("stop")
            node.do("start")
            client = Imap(node, user)
    validities = [validity for validity, _ in seen]
    assert validities == sorted(set(validities)), "RFC 9051 section 2.3.1.1"
    assert len({mailbox for _, mailbox in seen}) == len(seen)


@pytest.mark.parametrize("jump", ["a year ahead", "a year back"])
def test_waits_are_measured_by_a_clock_that_does_not_jump(
    faulty_shape: Shape, faults: Faults, jump: str
) -> None:
    """The pause after a wrong password, the time that its address is refused, a time-out."""
    node, user = faulty_shape.nodes[0], faulty_shape.users[0]

    def edit(config: str) -> str:
        config = config.replace("\nstore {", "\nstore {\n    login_timeout 3s;\n")
        few = "auth_failures_per_address 1;\n    auth_failure_window 3s;"
        return config.replace("auth_failures_per_address 1000000;", few)

    reconfigure(faulty_shape, edit)
    silent, guesser, refused = Imap(node), Imap(node), Imap(node)
    answered = threading.Event()

    def guess() -> None:
        guesser.no(f'LOGIN "{user.name}" "wrong"')
        answered.set()

    threading.Thread(target=guess, daemon=True).start()
    end = time.monotonic() + PATIENCE
    while not log_lines(faulty_shape, "event=\"login refused\""):
        assert time.monotonic() < end
        time.sleep(0.01)
    faults.shift(JUMPS[jump])
    assert answered.wait(PATIENCE)
    login = f'LOGIN "{user.name}" "{user.password}"'
    refused.no(login)
    while (again := Imap(node)).command(login).status != "OK":
        assert time.monotonic() < end
        again.close()
    assert silent._response()[0] == "*"  # BYE
    assert silent.socket.recv(1) == b""
