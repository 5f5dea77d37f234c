"""Mail that waits in the mx role's queue, and what operators see and do."""

import imaplib
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import samples
from halves import DOMAIN, PASSWORD, Halves
from shape import PATIENCE
from smtp_client import Client


@pytest.fixture
def halves(tmp_path: Path) -> Iterator[Halves]:
    pair = Halves(tmp_path)
    pair.start()
    pair.store.run("domain", "add", DOMAIN)
    yield pair
    pair.stop()


def smtp(halves: Halves) -> Client:
    return Client("127.0.0.1", halves.mx.port)


def numbers_of(halves: Halves, address: str) -> list[int]:
    """Of the messages in the inbox, as samples.numbered() made them."""
    client = imaplib.IMAP4("127.0.0.1", halves.store.port, timeout=PATIENCE)
    client.login(address, PASSWORD)
    client.select("INBOX", readonly=True)
    _, answers = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    client.logout()
    texts = [bytes(part[1]) for part in answers if isinstance(part, tuple)]
    return [int(found[1]) for text in texts if (found := re.search(rb"number (\d+)", text))]


def await_numbers(halves: Halves, address: str, count: int) -> list[int]:
    end = time.monotonic() + PATIENCE
    while True:
        numbers = numbers_of(halves, address)
        if len(numbers) >= count:
            return numbers
        assert time.monotonic() < end, f"{len(numbers)} of {count} are there"
        time.sleep(0.1)


def send(client: Client, number: int, *to: str) -> None:
    client.begin(*to)
    reply = client.data(samples.numbered(number))
    assert reply.code == 250, reply


def test_a_steady_load_does_not_notice_that_the_store_is_away(halves: Halves) -> None:
    """It is stopped for the middle third; all arrive once."""
    senders, each = 4, 150
    addresses = [halves.add_user(f"user{place}") for place in range(senders)]
    sent = [0] * senders
    errors: list[BaseException] = []

    def load(place: int) -> None:
        try:
            with smtp(halves) as client:
                for number in range(each):
                    send(client, number, addresses[place])
                    sent[place] += 1
                    time.sleep(0.01)
        except BaseException as error:
            errors.append(error)

    def await_sent(share: float) -> None:
        end = time.monotonic() + PATIENCE
        while min(sent) < each * share and not errors:
            assert time.monotonic() < end
            time.sleep(0.01)

    threads = [threading.Thread(target=load, args=(place,)) for place in range(senders)]
    for thread in threads:
        thread.start()
    await_sent(1 / 3)
    halves.store.stop()
    await_sent(2 / 3)
    halves.store.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
    for address in addresses:
        assert Counter(await_numbers(halves, address, each)) == Counter(range(each))
    assert "message is in the queue" in halves.mx.log.read_text()


def test_what_waits_survives_the_end_of_its_mx(halves: Halves) -> None:
    address = halves.add_user("ann")
    with smtp(halves) as client:
        send(client, 0, address)
        halves.store.stop()
        for number in range(1, 20):
            send(client, number, address)
    halves.mx.kill()
    halves.mx.start()
    assert halves.mx.run("queue", "list")["waiting"] == 19
    halves.store.start()
    assert sorted(await_numbers(halves, address, 20)) == list(range(20))


def test_an_operator_sees_what_waits_and_decides(halves: Halves) -> None:
    ann, bob = halves.add_user("ann"), halves.add_user("bob")
    with smtp(halves) as client:
        send(client, 0, ann, bob)
        halves.store.stop()
        send(client, 1, ann, bob)
        send(client, 2, ann)
    rows = halves.mx.run("queue", "list")["rows"]
    assert Counter(row["recipient"] for row in rows) == {ann: 2, bob: 1}
    assert all(row["sender"] == "someone@elsewhere.test" for row in rows)
    entry = next(row["entry"] for row in rows if row["recipient"] == bob)
    shown = halves.mx.run("queue", "show", entry, "--message")
    assert shown["message"].encode().endswith(samples.numbered(1))
    assert "Subject: number 1" in halves.mx.run("queue", "show", entry, "--header")["header"]

    halves.mx.run("queue", "hold", entry)
    assert [row["entry"] for row in halves.mx.run("queue", "list", "--held")["rows"]] == [entry]
    (other,) = halves.mx.run("queue", "list", "--match", "ann@*", "--limit", "1")["rows"]
    halves.mx.run("queue", "remove", other["entry"])
    end = time.monotonic() + PATIENCE
    while not (where := halves.mx.run("queue", "destinations")["rows"])[0]["reason"]:
        assert time.monotonic() < end, where
        time.sleep(0.05)
    assert where[0]["name"] == "local" and "can't be reached" in where[0]["reason"]

    halves.store.start()
    halves.mx.run("queue", "flush")
    assert len(await_numbers(halves, ann, 2)) == 2
    assert numbers_of(halves, bob) == [0]
    halves.mx.run("queue", "release", entry)
    assert sorted(await_numbers(halves, bob, 2)) == [0, 1]


def test_words_that_name_no_entry_are_told(halves: Halves) -> None:
    for words, why in (
        (("show", "x"), "names no entry"),
        (("show", "1.999"), "there is no entry 1.999"),
        (("remove",), "give entries, or --match"),
        (("hold", "1.1", "--match", "x"), "give entries, or --match"),
        (("list", "--limit", "many"), "is no count"),
    ):
        with pytest.raises(AssertionError, match=why):
            halves.mx.run("queue", *words)


def test_a_recipient_that_the_store_refuses_in_the_end_is_reported(halves: Halves) -> None:
    """His quota was filled meanwhile; the sender is one of ours, and hears of it."""
    ann, bob = halves.add_user("ann"), halves.add_user("bob")
    with smtp(halves) as client:
        send(client, 0, ann)
        send(client, 0, bob)
        halves.store.stop()
        client.begin(bob, sender=ann.encode())
        assert client.data(samples.numbered(1)).code == 250
    halves.store.run("user", "set", bob, "--quota-messages", "1")
    halves.store.start()
    client = imaplib.IMAP4("127.0.0.1", halves.store.port, timeout=PATIENCE)
    client.login(ann, PASSWORD)
    end = time.monotonic() + PATIENCE
    while int(client.select("INBOX")[1][0] or b"0") < 2:
        assert time.monotonic() < end
        time.sleep(0.1)
    _, answers = client.fetch("2", "(BODY.PEEK[])")
    assert isinstance(answers[0], tuple)
    text = bytes(answers[0][1])
    assert b"Action: failed" in text and bob.encode() in text and b"Status: 5.2.2" in text
    assert numbers_of(halves, bob) == [0]
    client.logout()
