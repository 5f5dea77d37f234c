"""Models checked by spin: every interleaving at small bounds. Each model names ways to break it, which have to be found."""

import re
import tempfile
from pathlib import Path

from part import ROOT, Outcome, command

MODELS = ROOT / "tests" / "models"


def check(model: Path, broken: int, folder: str) -> str:
    """What is wrong; empty: nothing."""
    words = ["bash", "-c", f"cd {folder} && exec spin -DBROKEN={broken} -search -O2 -m1000000 {model}"]
    status, said = command(words, timeout=300)
    found = re.search(r"errors: (\d+)", said)
    if status or not found:
        return f"{model.name}, BROKEN={broken}: spin failed\n{said}"
    if broken and found[1] == "0":
        return f"{model.name}: BROKEN={broken} is not found"
    if not broken and found[1] != "0":
        return f"{model.name}: {said}"
    unreached = re.findall(r"\((\d+) of \d+ states\)", said)
    if not broken and set(unreached) != {"0"}:
        return f"{model.name}: not everything is reached\n{said}"
    return ""


def run() -> Outcome:
    passed, wrong = 0, []
    for model in sorted(MODELS.glob("*.pml")):
        ways = {int(number) for number in re.findall(r"BROKEN [=!]= (\d+)", model.read_text())}
        for broken in sorted({0} | ways):
            with tempfile.TemporaryDirectory() as folder:
                words = check(model, broken, folder)
            passed += not words
            wrong += [words] * bool(words)
    return Outcome(passed, len(wrong), "\n".join(wrong))
