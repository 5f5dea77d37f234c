"""A wire with a delay and losses, for kernels that have no netem: Ethernet frames between two network
namespaces, each of which gets a tap device of that name. It is there as long as this process is.

Usage: slow_wire.py DEVICE NAMESPACE NAMESPACE DELAY_MS LOSS_PERCENT SEED

A tap hands over frames as they would be on a wire: cut to the MTU, with checksums. The delay is that of one
way. Each frame is lost by itself; a seed loses the same ones by number.
"""

import ctypes
import fcntl
import os
import random
import select
import signal
import struct
import sys
import time
from collections import deque

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
FRAME_MAX = 2048
QUEUE_MAX = 20000  # frames under way one way; what comes then is lost


class Way:
    """From one tap to the other."""

    def __init__(self, source: int, target: int, delay: float, loss: float, seed: int) -> None:
        self.source, self.target = source, target
        self.delay, self.loss = delay, loss
        self.random = random.Random(seed)
        self.queue: deque[tuple[float, bytes]] = deque()  # when each is due

    def take(self) -> None:
        while True:
            try:
                frame = os.read(self.source, FRAME_MAX)
            except BlockingIOError:
                return
            if self.random.random() >= self.loss and len(self.queue) < QUEUE_MAX:
                self.queue.append((time.monotonic() + self.delay, frame))

    def give(self, now: float) -> None:
        while self.queue and self.queue[0][0] <= now:
            try:
                os.write(self.target, self.queue.popleft()[1])
            except OSError:  # the other end is down, or its queue is full: lost
                pass


def open_tap(device: str, namespace: str) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", device.encode(), IFF_TAP | IFF_NO_PI))
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)
    return tap


def main() -> int:
    device, here, there, delay, loss, seed = sys.argv[1:]
    a, b = open_tap(device, here), open_tap(device, there)
    chances = float(delay) / 1000, float(loss) / 100
    ways = [Way(a, b, *chances, int(seed)), Way(b, a, *chances, int(seed) + 1)]
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    print("ready", flush=True)
    while True:
        due = min((way.queue[0][0] for way in ways if way.queue), default=None)
        wait = None if due is None else max(due - time.monotonic(), 0)
        ready, _, _ = select.select([a, b], [], [], wait)
        for way in ways:
            if way.source in ready:
                way.take()
            way.give(time.monotonic())


if __name__ == "__main__":
    sys.exit(main())
