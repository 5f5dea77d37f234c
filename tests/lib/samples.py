"""Messages whose bytes are easily damaged on the way."""

PLAIN = (
    b"From: Ada <ada@elsewhere.test>\r\nTo: ben@example.test\r\nSubject: plain\r\n"
    b"Message-ID: <plain@elsewhere.test>\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n"
    b"\r\nOne line.\r\n"
)
DOTS = PLAIN.replace(b"plain", b"dots") + b".\r\n..\r\n.leading dot\r\n\r\n.\r\nend\r\n"
LONG_LINE = PLAIN.replace(b"plain", b"long") + b"x" * 900 + b"\r\n"
EIGHT_BIT = (
    PLAIN.replace(b"plain", "grüße 🐦".encode()) + "Füße, naïve, 日本語\r\n".encode() + b"\xff\xfe\r\n"
)
EMPTY_BODY = PLAIN[: PLAIN.index(b"\r\n\r\n")].replace(b"plain", b"empty") + b"\r\n\r\n"
MULTIPART = PLAIN[: PLAIN.index(b"\r\n\r\n")].replace(b"plain", b"parts") + (
    b'\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="edge"\r\n\r\npreamble\r\n'
    b"--edge\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ntext  \r\n"
    b"--edge\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    b"AAECAwQ=\r\n--edge--\r\nepilogue\r\n"
)
ALL = {
    "plain": PLAIN,
    "dots": DOTS,
    "long line": LONG_LINE,
    "eight bit": EIGHT_BIT,
    "empty body": EMPTY_BODY,
    "multipart": MULTIPART,
}


def numbered(number: int) -> bytes:
    """Different from all others, by subject, Message-ID and size."""
    text = PLAIN.replace(b"Subject: plain", b"Subject: number %d" % number)
    return text.replace(b"plain@", b"number.%d@" % number) + b"line\r\n" * (number % 50)
