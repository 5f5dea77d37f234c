"""Models checked by spin: every interleaving at small bounds. Each model names ways to break it, which have to be found."""

import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
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
    tasks = []
    for model in sorted(MODELS.glob("*.pml")):
        ways = {int(number) for number in re.findall(r"BROKEN [=!]= (\d+)", model.read_text())}
        tasks += [(model, broken) for broken in sorted({0} | ways)]

    def one(task: tuple[Path, int]) -> str:
        with tempfile.TemporaryDirectory() as folder:
            return check(*task, folder)

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        said = list(threads.map(one, tasks))
    wrong = [words for words in said if words]
    return Outcome(len(said) - len(wrong), len(wrong), "\n".join(wrong))
