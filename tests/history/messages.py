"""Messages that can be told apart: an id as the first line, and a hash over all of it."""

import base64
import hashlib
import random
import re

MARK = re.compile(rb"^X-History-Id: (\S+)\r$", re.MULTILINE)
LARGEST = 1_000_000


def make(name: str, chance: random.Random) -> bytes:
    """Mostly small, a few large; dots, long lines and bytes above 127 in it."""
    size = chance.choice([0, 60, 500, 2000, 2000, 8000])
    if chance.random() < 0.02:
        size = chance.randrange(50_000, LARGEST)
    text = base64.encodebytes(chance.randbytes(size * 3 // 4)).replace(b"\n", b"\r\n")
    return (
        f"X-History-Id: {name}\r\nFrom: history@elsewhere.test\r\nSubject: {name}\r\n"
        f"Message-ID: <{name}@elsewhere.test>\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n\r\n"
        "Grüße\r\n.\r\n..dots\r\n"
    ).encode() + text


def digest(message: bytes) -> str:
    return hashlib.sha256(message).hexdigest()[:20]


def identify(text: bytes) -> tuple[str, str, int]:
    """Id, hash, and how many bytes were put in front: a message that was delivered has trace fields
    above what was sent."""
    match = MARK.search(text)
    if match is None:
        return "", digest(text), 0
    return match[1].decode(), digest(text[match.start() :]), match.start()
