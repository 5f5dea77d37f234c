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
def _at_least(figure: float) -> Bar:
    return Bar(f"≥ {figure:g}", figure, is_ratio=False)


def _at_most(figure: float) -> Bar:
    return Bar(f"≤ {figure:g}", figure, is_ratio=False, at_least=False)


def _below(figure: float) -> Bar:
    return Bar(f"< {figure:g}", figure, is_ratio=False, at_least=False)


LOSSES = ["split: an mx", "split: the store", "mirror-split: half of the store", "proxy: one proxy",
          "proxy: one back end", "mirror-proxy: half of a back end"]  # fmt: skip
BARS = {
    ("LMTP, 64 writers", "delivered/s"): _times(8),
    ("LMTP, 64 writers", "CPU µs each"): _part(10),
    ("LMTP, 64 writers", SHARE): _at_least(20),
    ("LMTP, 256 writers", SHARE): _at_least(20),
    ("SMTP, 64 writers", "delivered/s"): _times(8),
    ("SMTP, 64 writers", "CPU µs each"): _part(12),
    ("IMAP mix", "operations/s"): _times(4),
    ("IMAP mix", "p99 ms"): _part(2),
    ("IMAP login", "logins/s"): _times(8),
    ("FETCH 1:*", "FLAGS again ms"): _part(1.5),
    ("FETCH 1:*", "ENVELOPE again ms"): _part(1.5),
    ("FETCH 1:*", "BODY.PEEK[] again ms"): _part(1.5),
    ("IDLE, TLS", "KiB a connection"): _at_most(16),
    # script/bench queue
    ("intake, the store away", "queued/s"): _times(3),
    ("emptied into the store", "messages/s"): _times(1),
    ("sent elsewhere", "messages/s"): _times(2),
    ("start", "serves after s"): Bar("< 5", 5, is_ratio=False, at_least=False),
    # script/bench proxy
    ("proxied IMAP mix", "% of direct"): _at_least(85),
    ("proxied IMAP mix, TLS", "% of direct"): _at_least(85),
    ("one connection", "added p50 ms"): Bar("< 0.3", 0.3, is_ratio=False, at_least=False),
    ("parked, TLS on both sides", "KiB a connection"): _at_most(24),
    # script/bench shapes
    ("mirror-split: half of the store", "IMAP: s without an answer"): _below(3),
    ("mirror-split: half of the store", "SMTP: s without an answer"): _below(3),
    ("mirror-proxy: half of a back end", "IMAP: s without an answer"): _below(3),
    **{(loss, "clients that miss something acknowledged"): _at_most(0) for loss in LOSSES},
    **{(loss, "others: told no, or cut"): _at_most(0) for loss in LOSSES},
    # script/bench mirror
    ("lag", "seen at the other node: p50 ms"): _at_most(10),
    ("lag", "seen at the other node: p99 ms"): _at_most(50),
    ("throughput", "mirrored: % of single"): _at_least(60),
    ("throughput", "mirrored: CPU × single"): _at_most(2.2),
    ("lost", "wire cut: stall, s"): _at_most(3),
    ("lost", "wire cut: deliveries refused"): _at_most(0),
    ("lost", "kill -9: stall, s"): _at_most(3),
    ("lost", "kill -9: deliveries refused"): _at_most(0),
    ("apart", "from healing until in sync, s"): _at_most(5),
    ("apart", "accounts that differ"): _at_most(0),
    ("long way", "IMAP that reads: p99 ms"): _at_most(20),  # a fifth of the way: none waits for it
    ("long way", "IMAP that writes: p50 ms"): _at_most(130),  # there and back once
    ("long way", "deliveries refused"): _at_most(0),
    **{("fail-over", f"{front}: {what}, s without service"): Bar("< 3", 3, is_ratio=False, at_least=False)
       for front in ("HAProxy", "keepalived") for what in ("deliveries", "IMAP", "readers in IDLE")},
    **{("fail-over", f"{front}: messages told anew"): _at_most(0) for front in ("HAProxy", "keepalived")},
    ("replace", "during, % of before"): _at_least(70),
    ("replace", "idle: % of the smaller limit"): _at_least(50),
    ("replace", "accounts that differ"): _at_most(0),
} | {
    ("hostile clients", f"{what}, {attack}: {name} × idle"): _at_most(2)
    for what in QUIET_WORK
    for attack in ATTACKS
    for name in QUANTILES
}
