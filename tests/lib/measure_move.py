"""How long a user is held while he moves: `python3 -B tests/lib/measure_move.py 100 2000 10000`."""

import sys
import tempfile
import threading
from pathlib import Path

from backends import DOMAIN, Backend, Client, message
from halves import PASSWORD

CLIENTS, SIZE = 8, 2000


def fill(node: Backend, user: str, count: int) -> None:
    def deliver(first: int) -> None:
        with Client("127.0.0.1", node.lmtp, b"LHLO test.example") as client:
            for i in range(first, count, CLIENTS):
                client.send(b"MAIL FROM:<someone@elsewhere.test>\r\nRCPT TO:<%s>\r\nDATA\r\n" % user.encode())
                assert client.replies(3) == [250, 250, 354]
                assert client.command(message(f"m{i}", SIZE) + b"\r\n.").code == 250

    threads = [threading.Thread(target=deliver, args=(first,)) for first in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="move-"))
    a, b = Backend(folder, "a", ""), Backend(folder, "b", "")
    try:
        for node in (a, b):
            node.start()
            node.run("domain", "add", DOMAIN)
        for count in map(int, sys.argv[1:] or ["100", "2000", "10000"]):
            user = f"user{count}@{DOMAIN}"
            a.run("user", "add", user, text=f"{PASSWORD}\n")
            fill(a, user, count)
            for way, here, there in (("first", a, b), ("back", b, a)):
                found = here.move(user, there)
                print(f"{count} messages, {way}: {found['rows']} rows, {found['sent_bytes'] >> 10} KiB sent, "
                      f"held {found['held_ms']} ms of {found['ms']} ms", flush=True)  # fmt: skip
    finally:
        a.remove()
        b.remove()


if __name__ == "__main__":
    main()
