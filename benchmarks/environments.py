"""The environments of both sides: how they are built, and which versions are in them."""

import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
GIGABYTE = 1e9
VECTORS = {"amx_tile": "AMX", "avx512_bf16": "AVX-512 and bfloat16", "avx512f": "AVX-512", "avx2": "AVX2"}


@dataclass(frozen=True)
class Environment:
    """A virtual environment, its requirements unless `make` builds it, and the packages whose versions matter."""

    folder: str
    requirements: str | None
    packages: tuple[str, ...]


ENVIRONMENTS = {
    "enfold": Environment(".venv", None, ("torch", "numpy")),
    "Keras": Environment(".venv-keras", "requirements-keras.txt", ("keras", "tensorflow-cpu", "numpy")),
    "pythae": Environment(".venv-pythae", "requirements-pythae.txt", ("pythae", "torch", "pydantic")),
    "plain PyTorch": Environment(".venv", None, ("torch", "numpy")),
    "the rows in memory": Environment(".venv", None, ("torch", "numpy")),
    "pandas": Environment(".venv", None, ("pandas", "numpy")),
}


class UnavailableError(Exception):
    """Something could not be built or run; the message says what, and what to do."""


def build(name: str) -> None:
    """Build the environment of that name unless it is there and as new as its requirements."""
    environment = ENVIRONMENTS[name]
    if environment.requirements is None:
        return
    folder, requirements = ROOT / environment.folder, Path(__file__).with_name(environment.requirements)
    stamp = folder / ".installed"
    if stamp.exists() and stamp.stat().st_mtime >= requirements.stat().st_mtime:
        return
    print(f"building {environment.folder} for {name}", file=sys.stderr)
    for command in (
        [sys.executable, "-m", "venv", folder],
        [folder / "bin/python", "-m", "pip", "install", "--quiet", "--requirement", requirements],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise UnavailableError(f"{environment.folder} cannot be built:\n{tail(done.stderr)}")
    stamp.touch()


def versions(name: str) -> str:
    """Return the versions of the packages that matter, as in "keras 3.15.1, numpy 2.4.6"."""
    environment = ENVIRONMENTS[name]
    code = "import sys, importlib.metadata as m; print(', '.join(f'{p} {m.version(p)}' for p in sys.argv[1:]))"
    command = [ROOT / environment.folder / "bin/python", "-c", code, *environment.packages]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return f"enfold {_commit()}, {found}" if name == "enfold" else found


def machine() -> str:
    """Return the processor, the cores, the memory and the system."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGABYTE
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{processor()}, {memory:.0f} GB, {system}"


def processor() -> str:
    """Return the processor's name, its widest vector instructions, and how many cores it has."""
    known = dict(re.findall(r"^(model name|flags)\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE))
    flags = known.get("flags", "").split()
    widest = next((f" with {words}" for flag, words in VECTORS.items() if flag in flags), "")
    return f"{known.get('model name', platform.machine())}{widest}, {os.cpu_count()} cores"


def tail(text: str, count: int = 8) -> str:
    return "\n".join(text.strip().splitlines()[-count:])


def _commit() -> str:
    """Return the last commit that changed the library, and whether it was changed since."""
    last, changes = (_git(*arguments, "--", "src") for arguments in (["log", "-1", "--format=%h"], ["status", "-s"]))
    return f"{last or 'of unknown commit'}{' with changes' if changes else ''}"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=ROOT).stdout.strip()
