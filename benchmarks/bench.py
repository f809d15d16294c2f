"""enfold beside its rivals, turn by turn → results.json and RESULTS.md.

python benchmarks/bench.py                      # all lines
python benchmarks/bench.py training-16 encode   # some; the others keep the results that they have
python benchmarks/bench.py --quick              # tiny sizes, to see that all runs; prints the page, keeps nothing

Every turn is a process of its own, so that no side disturbs the other. This one imports nothing large, since on Linux
a child's peak memory is at least what its parent has when it is started.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from time import perf_counter, sleep

from environments import GIGABYTE, ROOT, UnavailableError, build, machine, processor, tail, versions
from lines import OURS, QUICK, Line, Sizes, lines
from page import page

SECONDS_BETWEEN_LOOKS = 0.1  # at the memory of a child
RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    everything = lines(Sizes())
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("line", nargs="*", help=", ".join(dict.fromkeys(line.name for line in everything)))
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that all runs")
    options = parser.parse_args()
    unknown = sorted(set(options.line) - {line.name for line in everything})
    if unknown:
        parser.error(f"there is no line '{unknown[0]}'")
    table = lines(QUICK) if options.quick else everything
    results = {} if options.quick or not RESULTS.exists() else json.loads(RESULTS.read_text("utf-8"))
    here = results.setdefault(processor(), {})
    chosen = [line for line in table if not options.line or line.name in options.line]
    keep = (lambda: None) if options.quick else partial(write, table, results)
    failures = measure(chosen, here, keep)
    if options.quick:
        print(page(table, results))
    for failure in failures:
        print(f"\nnot measured: {failure}", file=sys.stderr)
    return min(len(failures), 1)


def measure(chosen: list[Line], results: dict, keep: Callable[[], None]) -> list[str]:
    """Measure the chosen lines into `results`, and return what went wrong; what could not be measured is left out."""
    failures = []
    with tempfile.TemporaryDirectory(prefix="enfold-bench-") as folder:
        for line in chosen:
            try:
                results[line.key] = compare(line, Path(folder))
            except UnavailableError as error:
                failures.append(f"{line.key}: {error}")
                print(failures[-1], file=sys.stderr)
            keep()
    return failures


def write(table: list[Line], results: dict) -> None:
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page(table, results), "utf-8")


def compare(line: Line, folder: Path) -> dict:
    """Run both sides in turn, and return all that is known of it."""
    if line.theirs:
        build(line.rival)
    sides = {"enfold": line.ours, **({line.rival: line.theirs} if line.theirs else {})}
    context = {"machine": machine(), "date": date.today().isoformat(), "load": round(os.getloadavg()[0], 2)}
    found = {name: [] for name in sides}
    for turn in range(line.turns):
        for name, command in sides.items():
            found[name].append(run(command, turn, folder, watched=bool(line.rows)))
            amount = f"{found[name][-1][line.measure]:.4g} {line.unit}"
            print(f"{line.key}, turn {turn + 1}/{line.turns}: {name} {amount}", file=sys.stderr)
    theirs = [each[line.measure] for each in found.get(line.rival, [])]
    return {
        "ours": [each[line.measure] for each in found["enfold"]],
        "theirs": theirs or ([line.known] * line.turns if line.known else []),
        "details": [{name: each[name] for name in each if isinstance(each[name], float)} for each in found["enfold"]],
        "commands": sides,
        "versions": {name: versions(name) for name in sides},
        **context,
    }


def run(command: str, turn: int, folder: Path, *, watched: bool = False) -> dict:
    """Run a command of a line; return what it prints, the wall seconds and the peak memory in GB."""
    out = tempfile.mkdtemp(dir=folder)
    words = [
        word.replace("DATA", str(folder)).replace("OUT", f"{out}/run").replace("TURN", str(turn))
        for word in command.split()
    ]
    for word in words:
        if word.startswith(f"{folder}/mnist-") and not Path(word).exists():
            child([*OURS.split(), "make", word])
    found = child(words, watched=watched)
    return found | found.pop("metrics", {})


def child(words: list[str], *, watched: bool = False) -> dict:
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = perf_counter()
        process = subprocess.Popen(words, stdout=output, stderr=errors, cwd=ROOT)
        status, peaks = wait(process.pid, watched)
        wall = perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise UnavailableError(
                f"{' '.join(words)} ended with status {process.returncode}:\n{tail(errors.read())}"
            )
        last = output.read().strip().rpartition("\n")[2]
    printed = json.loads(last) if last.startswith("{") else {}
    return {**printed, "wall": wall, **peaks}


def wait(pid: int, watched: bool) -> tuple[int, dict[str, float]]:
    """Return a child's status at its end and its peak memory in GB; if watched, also that without mapped files."""
    own = 0.0
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG if watched else 0)
        if ended:
            return status, {"memory": usage.ru_maxrss * 1024 / GIGABYTE, "own_memory": own}
        lines_of_status = Path(f"/proc/{pid}/status").read_text().splitlines()
        own = max([own, *(int(each.split()[1]) * 1024 / GIGABYTE for each in lines_of_status if "RssAnon" in each)])
        sleep(SECONDS_BETWEEN_LOOKS)


if __name__ == "__main__":
    sys.exit(main())
