"""A certificate authority of a cluster's own, and certificates from it, by openssl."""

import subprocess
from pathlib import Path

DAYS = "3650"
KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
NAMES = "subjectAltName=DNS:localhost,DNS:mail.example.test,IP:127.0.0.1,IP:::1"


def _openssl(*words: str) -> None:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr.strip()}")


def authority(folder: Path) -> Path:
    """Makes folder/ca.pem and folder/ca.key; gives the former. Keeps those that are there."""
    chain, key = folder / "ca.pem", folder / "ca.key"
    if not chain.exists():
        uses = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"]
        extensions = [word for use in uses for word in ("-addext", use)]
        _openssl("req", "-x509", *KEY, "-days", DAYS, "-subj", "/CN=Rookery demo CA", *extensions,
                 "-keyout", str(key), "-out", str(chain))  # fmt: skip
        key.chmod(0o600)
    return chain


def issue(folder: Path, into: Path, *hosts: str) -> tuple[Path, Path]:
    """A server certificate from folder's authority: (chain, key) below `into`. It is good for loopback
    and for these IP addresses."""
    chain, key = into / "chain.pem", into / "key.pem"
    if not chain.exists():
        into.mkdir(parents=True, exist_ok=True)
        names = ",".join([NAMES, *(f"IP:{host}" for host in hosts)])
        uses = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                "extendedKeyUsage=serverAuth", names]  # fmt: skip
        extensions = [word for use in uses for word in ("-addext", use)]
        _openssl("req", "-x509", *KEY, "-days", DAYS, "-subj", "/CN=mail.example.test",
                 "-CA", str(folder / "ca.pem"), "-CAkey", str(folder / "ca.key"), *extensions,
                 "-keyout", str(key), "-out", str(chain))  # fmt: skip
        key.chmod(0o600)
    return chain, key
