"""SMTP and LMTP: one message, one answer or one a recipient."""

import base64

from history.wire import Lost, Wire


class Smtp:
    def __init__(self, wire: Wire, lmtp: bool) -> None:
        self.wire = wire
        self.lmtp = lmtp
        self._must(self._answer(), "greeting")
        self.wire.send(b"LHLO client.test\r\n" if lmtp else b"EHLO client.test\r\n")
        self._must(self._answer(), "hello")

    def _answer(self) -> int:
        while True:
            line = self.wire.line()
            if len(line) < 4 or line[3:4] != b"-":
                return int(line[:3]) if line[:3].isdigit() else 0

    def _must(self, code: int, what: str) -> None:
        if code // 100 not in (2, 3):
            self.wire.close()
            raise Lost(f"{what}: {code}")

    def log_in(self, user: str, password: str) -> None:
        secret = base64.b64encode(f"\0{user}\0{password}".encode())
        self.wire.send(b"AUTH PLAIN %s\r\n" % secret)
        self._must(self._answer(), "AUTH")

    def ask_about(self, to: list[str]) -> None:
        """Whether they are taken; nothing is sent."""
        for line in ["MAIL FROM:<>", *(f"RCPT TO:<{name}>" for name in to), "RSET"]:
            self.wire.send(f"{line}\r\n".encode())
            self._must(self._answer(), line)

    def send(self, sender: str, to: list[str], message: bytes, more: str = "") -> None:
        """`more`: parameters of MAIL. Fills `answers` with the final code for each recipient, as they
        come; when it is Lost on the way, those without one are unknown if `asked`, else nothing has
        happened."""
        self.answers: dict[str, int] = {}
        self.asked = False
        envelope = [f"MAIL FROM:<{sender}>{more}", *(f"RCPT TO:<{name}>" for name in to), "DATA"]
        self.wire.send("".join(f"{line}\r\n" for line in envelope).encode())
        codes = [self._answer() for _ in envelope]
        taken = []
        for name, code in zip(to, codes[1:-1], strict=True):
            if code // 100 == 2 and codes[-1] == 354:
                taken.append(name)
            else:
                self.answers[name] = codes[-1] if code // 100 == 2 else code
        if codes[-1] != 354:
            self.wire.send(b"RSET\r\n")
            self._must(self._answer(), "RSET")
            return
        dotted = message.replace(b"\r\n.", b"\r\n..")
        self.asked = True
        self.wire.send(dotted + b".\r\n")
        if self.lmtp:
            for name in taken:
                self.answers[name] = self._answer()
        else:
            self.answers.update(dict.fromkeys(taken, self._answer()))

    def close(self) -> None:
        self.wire.close()
