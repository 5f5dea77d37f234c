"""What this server shall reach: ratios to the peers' figure of the same run, or plain figures."""

from dataclasses import dataclass

from hostile import ATTACKS, QUANTILES, QUIET_WORK


@dataclass
class Bar:
    text: str
    value: float
    is_ratio: bool = True
    at_least: bool = True

    def reached(self, ours: float | None, peers: float | None) -> bool | None:
        """None: it can't be said from what was measured."""
        if ours is None or (self.is_ratio and not peers):
            return None
        figure = ours / peers if self.is_ratio and peers else ours
        return figure >= self.value if self.at_least else figure <= self.value


def _times(factor: float) -> Bar:
    return Bar(f"≥ {factor:g} ×", factor)


def _part(divisor: float) -> Bar:
    return Bar(f"≤ 1/{divisor:g}", 1 / divisor, at_least=False)


SHARE = "% of the disk's limit"
BARS = {
    ("LMTP, 64 writers", "delivered/s"): _times(8),
    ("LMTP, 64 writers", "CPU µs each"): _part(10),
    ("LMTP, 64 writers", SHARE): Bar("≥ 20", 20, is_ratio=False),
    ("LMTP, 256 writers", SHARE): Bar("≥ 20", 20, is_ratio=False),
    ("SMTP, 64 writers", "delivered/s"): _times(8),
    ("SMTP, 64 writers", "CPU µs each"): _part(12),
    ("IMAP mix", "operations/s"): _times(4),
    ("IMAP mix", "p99 ms"): _part(2),
    ("IMAP login", "logins/s"): _times(8),
    ("FETCH 1:*", "FLAGS again ms"): _part(1.5),
    ("FETCH 1:*", "ENVELOPE again ms"): _part(1.5),
    ("FETCH 1:*", "BODY.PEEK[] again ms"): _part(1.5),
    ("IDLE, TLS", "KiB a connection"): Bar("≤ 16", 16, is_ratio=False, at_least=False),
} | {
    ("hostile clients", f"{what}, {attack}: {name} × idle"): Bar("≤ 2", 2, is_ratio=False, at_least=False)
    for what in QUIET_WORK
    for attack in ATTACKS
    for name in QUANTILES
}
