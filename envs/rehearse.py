"""Carry out the steps of the container recipe, or of the conda environment, without either, in an empty folder.

    python envs/rehearse.py container|conda FOLDER [PYTHON]

For machines that reach neither a registry of images nor conda's channels. PYTHON (default python3.12, the version of both
files) stands for the interpreter that the base image or conda would bring; a virtual environment of it is all that there
is beside the system's tools, and no compiler is found, as in the slim image. At the end `nqe models` must answer and
snakemake must plan the tiny campaign. What this leaves open: the base image and conda's interpreter themselves.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KNOWN = ("FROM", "WORKDIR", "COPY", "RUN", "ENV", "CMD")
# a compiler that always fails: a package without a wheel would be found out
NO_COMPILER = {"CC": "false", "CXX": "false"}


@dataclass(frozen=True)
class Step:
    """One instruction of the recipe: its keyword and the rest of the line."""

    keyword: str
    rest: str


def recipe_steps(text: str) -> list[Step]:
    """Instructions of a Containerfile, continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    steps = [Step(*line.split(maxsplit=1)) for line in "\n".join(lines).replace("\\\n", " ").splitlines()]
    if unknown := [step.keyword for step in steps if step.keyword not in KNOWN]:
        raise SystemExit(f"rehearse: this script does not know {unknown[0]}")
    return steps


def ignored(text: str) -> list[str]:
    """Names in .dockerignore."""
    return [line.strip().rpartition("/")[2] for line in text.splitlines() if line.strip() and not line.startswith("#")]


def run(command: list[str] | str, folder: Path, environment: dict[str, str]) -> None:
    """One command; ends the rehearsal when it fails."""
    print(f"$ {command if isinstance(command, str) else shlex.join(command)}", flush=True)
    done = subprocess.run(command, cwd=folder, env=environment, shell=isinstance(command, str), check=False)
    if done.returncode:
        raise SystemExit(f"rehearse: exit status {done.returncode}")


def interpreter(folder: Path, python: str) -> dict[str, str]:
    """A virtual environment in place of the image's or conda's Python, and the variables of a shell in it."""
    subprocess.run([python, "-m", "venv", str(folder / "python")], check=True)
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_")) or name == "LANG"}
    path = f"{folder / 'python' / 'bin'}:/usr/local/bin:/usr/bin:/bin"
    return {**kept, **NO_COMPILER, "PATH": path, "HOME": str(folder / "home")}


def container(folder: Path, python: str) -> None:
    """The recipe's steps, with FOLDER as the image's root."""
    environment, here = interpreter(folder, python), folder
    patterns = shutil.ignore_patterns(*ignored((ROOT / ".dockerignore").read_text()))
    for step in recipe_steps((ROOT / "envs/Containerfile").read_text()):
        words = shlex.split(step.rest)
        if step.keyword == "WORKDIR":
            here = folder / step.rest.strip("/")
            here.mkdir(parents=True)
        elif step.keyword == "COPY":
            source, target = ROOT / words[0], here / words[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=patterns, symlinks=True, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)
        elif step.keyword == "RUN":
            run(step.rest, here, environment)
        elif step.keyword == "ENV":
            # absolute paths of the image lie below the folder here
            values = dict(word.split("=", 1) for word in words)
            environment |= {key: f"{folder}{value}" if value[0] == "/" else value for key, value in values.items()}
    answers(here, environment)


def conda(folder: Path, python: str) -> None:
    """What `conda env create` does with the packages for pip, and the rest of the command in the file's head."""
    import yaml

    content = yaml.safe_load((ROOT / "envs/environment.yaml").read_text())
    environment, here = interpreter(folder, python), folder / "clone"
    patterns = shutil.ignore_patterns(*ignored((ROOT / ".dockerignore").read_text()))
    shutil.copytree(ROOT, here, ignore=patterns, symlinks=True)
    lines = next(entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict))
    # conda writes the lines beside the file and runs pip there
    (here / "envs/condaenv.requirements.txt").write_text("\n".join(lines) + "\n")
    run(["python", "-m", "pip", "install", "-U", "-r", "condaenv.requirements.txt", "--exists-action=b"],
        here / "envs", environment)  # fmt: skip
    command = (ROOT / "envs/environment.yaml").read_text().splitlines()[0].split("&&")[-1]
    run(command.strip(), here, environment)
    answers(here, environment | content["variables"])


def answers(folder: Path, environment: dict[str, str]) -> None:
    """The installed command and workflow work."""
    run("nqe models > /dev/null", folder, environment)
    run("snakemake --cores 1 --quiet all --dry-run --config campaign=tiny", folder, environment)
    print("rehearse: done")


def main(what: str, folder: str, python: str = "python3.12") -> None:
    place = Path(folder).resolve()
    if what not in ("container", "conda"):
        raise SystemExit(f"rehearse: {what} is not container or conda")
    if place.exists() and any(place.iterdir()):
        raise SystemExit(f"rehearse: {place} is not empty")
    place.mkdir(parents=True, exist_ok=True)
    {"container": container, "conda": conda}[what](place, python)


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 4:
        raise SystemExit("usage: rehearse.py container|conda FOLDER [PYTHON]")
    main(*sys.argv[1:])
