"""A small campaign in a folder of its own, to be disturbed: every way to run it, and the check that nothing was lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nqe_core.cli import main
from nqe_core.ensembles import Ensemble, read_sheet
from nqe_core.storage import ChunkReader
from nqe_core.tables import read_table

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "tests" / "cluster" / "lab"
HELD_NQE = ROOT / "tests" / "cluster" / "held_nqe.py"
BIN = Path(sys.executable).parent
ROOT_SEED = 20200323  # as in config/config.yaml
STAGES = ("liquid", "inherent_state", "harmonic", "quartic", "cubic")
COLUMNS = (
    "ensemble model n_particles parent_temperature n_samples samples_per_walker samples_per_chunk n_modes preparation"
    " cooling_rate swap_fraction burn_in spacing"
).split()


def sheet_row(per_walker: int = 1, per_chunk: int = 12) -> str:
    """Twelve small glasses in a second: who wants to disturb them holds them (`Campaign.hold`)."""
    return f"victim\tipl2d\t64\t2.0\t12\t{per_walker}\t{per_chunk}\t1\tquench\t0\t0.2\t500\t100"


def environment(folder: Path | None = None) -> dict[str, str]:
    """That of a user who has activated the environment: its commands come first, one thread per process.

    Before them come those in `bin` of a campaign's folder.
    """
    path = [folder / "bin", BIN, os.environ["PATH"]] if folder else [BIN, os.environ["PATH"]]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    mine = {key: value for key, value in os.environ.items() if key not in ("SNAKEMAKE_PROFILE", "SLURM_CONF")}
    return {**mine, **threads, "PATH": os.pathsep.join(map(str, path))}


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> object:
    """The condition's value once it is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)
    return value


def below(pid: int) -> list[int]:
    """Ids of all processes that a process has started, in any of its threads, directly or not."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in map(int, (thread / "children").read_text().split()):
                found += [child, *below(child)]
    return found


def ranks_in(folder: Path) -> list[int]:
    """Ids of all processes `nqe` that work in a folder, whoever has started them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "comm").read_text().strip() == "nqe" and (process / "cwd").readlink() == folder:
                found.append(int(process.name))
    return sorted(found)


def hear_interrupts() -> None:
    """Undo that a shell has its background processes ignore Ctrl-C, which their children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def running(command: list[str], log: Path, cwd: Path) -> Iterator[subprocess.Popen]:
    """A process of which nothing is left in the end, nor of those that it has started."""
    with open(log, "w") as stream:
        process = subprocess.Popen(
            [str(part) for part in command], cwd=cwd, env=environment(cwd), stdout=stream, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=hear_interrupts,
        )  # fmt: skip
    try:
        yield process
    finally:
        for pid in [*below(process.pid), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True)
class Campaign:
    """A copy of the workflow with a sheet of its own.

    Parameters
    ----------
    path : Path
        Root of the copy.
    name : str
        Name of the campaign.
    """

    path: Path
    name: str = "faults"

    @classmethod
    def create(cls, path: Path, name: str = "faults", rows: str | None = None) -> Campaign:
        """Copy what `snakemake` needs to run from the root of the repository, and write the sheet."""
        path.mkdir(parents=True, exist_ok=True)
        for part in ("Snakefile", "workflow", "config", "profiles", "slurm"):
            if (ROOT / part).is_dir() and not (ROOT / part).is_symlink():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / part, path / part, ignore=ignore, dirs_exist_ok=True)
            else:
                shutil.copy(ROOT / part, path / part, follow_symlinks=False)
        campaign = cls(path, name)
        campaign.sheet.write_text("\t".join(COLUMNS) + "\n" + (rows or sheet_row()) + "\n")
        return campaign

    @property
    def sheet(self) -> Path:
        return self.path / "config" / "campaigns" / f"{self.name}.tsv"

    @property
    def results(self) -> Path:
        return self.path / "results" / self.name

    @property
    def row(self) -> Ensemble:
        """The first ensemble of the sheet."""
        return read_sheet(self.sheet)[0]

    def file(self, stage: str, chunk: str = "0000", ensemble: str = "") -> Path:
        suffix = "parquet" if stage == "observables" else "h5"
        return self.results / (ensemble or self.row.ensemble) / stage / f"{chunk}.{suffix}"

    def target(self, stage: str, chunk: str = "0000") -> str:
        """The file's name as Snakemake knows it."""
        return str(self.file(stage, chunk).relative_to(self.path))

    # --- stages by hand ---------------------------------------------------------------------------------------------

    def command(self, stage: str, chunk: str = "0000", row: Ensemble | None = None) -> list[str]:
        """Arguments of `nqe` that make a stage's file, as the rules have them."""
        row = row or self.row

        def file(name: str) -> str:
            return str(self.file(name, chunk, row.ensemble))

        samples = row.samples_of(chunk)
        nonaffine = row.model.startswith("poly")
        cooled = ["--cooling-rate", str(row.cooling_rate), "--cooling-start", "1.0"]
        commands = {
            "liquid": [
                "equilibrate", "--model", row.model, "--ensemble", row.ensemble, "--n-particles", str(row.n_particles),
                "--temperature", str(row.parent_temperature), "--first-sample", str(samples.start),
                "--n-samples", str(len(samples)), "--samples-per-walker", str(row.samples_per_walker),
                "--burn-in", str(row.burn_in), "--spacing", str(row.spacing),
                "--swap-fraction", str(row.swap_fraction), "--root-seed", str(ROOT_SEED),
            ],
            "inherent_state": ["quench", file("liquid"), "--preparation", row.preparation,
                               *(cooled if row.preparation == "cool" else [])],
            "harmonic": ["harmonic", file("inherent_state"), "--n-modes", str(row.n_modes), "--certify", "0.01"],
            "quartic": ["quartic", file("inherent_state"), file("harmonic")],
            "cubic": ["cubic", file("inherent_state"), file("quartic"),
                      "--starts", "nonaffine" if nonaffine else "quartic"],
            "observables": ["observables", *(file(name) for name in STAGES)],
        }  # fmt: skip
        return [*commands[stage], "--output", file(stage)]

    def start(self, stage: str, *options: object, launcher: tuple = ()) -> contextlib.AbstractContextManager:
        """Run a stage in processes of its own."""
        return running([*launcher, "nqe", *self.command(stage), *options], self.log(stage), self.path)

    def hold(self, text: str = "") -> None:
        """From now on ranks finish a sample each and then wait, with their rows on disk if the text is "saved"."""
        program = self.path / "bin" / "nqe"
        if not program.exists():
            program.parent.mkdir()
            program.write_text(f"#!{sys.executable}\n" + HELD_NQE.read_text())
            program.chmod(0o755)
        (self.path / "hold").write_text(text)

    def release(self) -> None:
        """Let held ranks go on, and others not wait any more."""
        (self.path / "hold").unlink()

    def held(self, number: int) -> list[int]:
        """Process ids of the ranks, once so many are there and all held; before that nothing."""
        ranks = ranks_in(self.path)
        all_held = all((self.path / f"held.{pid}").exists() for pid in ranks)
        return ranks if len(ranks) == number and all_held else []

    def log(self, name: str) -> Path:
        return self.path / f"{name}.log"

    def finish(self) -> None:
        """Make all chunks and tables that are missing on one rank, in this process."""
        for row in read_sheet(self.sheet):
            tables = []
            for chunk in row.chunks:
                for stage in (*STAGES, "observables"):
                    if not self.file(stage, chunk, row.ensemble).exists():
                        assert main(self.command(stage, chunk, row)) == 0
                tables.append(str(self.file("observables", chunk, row.ensemble)))
            table = self.results / row.ensemble / "observables.parquet"
            if not table.exists():
                assert main(["gather", *tables, "--output", str(table)]) == 0

    # --- the workflow -----------------------------------------------------------------------------------------------

    def snakemake(self, *arguments: object, profile: str = "slurm") -> list[str]:
        """The command line, from the root; states of jobs are asked for more often than a user would."""
        often = ("--slurm-init-seconds-before-status-checks", 2, "--seconds-between-status-checks", 2)
        command = ["snakemake", *arguments, "--config", f"campaign={self.name}", "--profile", profile]
        command += ["--latency-wait", "10", *(often if "slurm" in profile else ())]
        return [str(part) for part in command]

    def drive(
        self, *arguments: object, profile: str = "slurm", log: str = "driver"
    ) -> contextlib.AbstractContextManager:
        """Start Snakemake."""
        return running(self.snakemake(*arguments, profile=profile), self.log(log), self.path)

    # --- what is there ----------------------------------------------------------------------------------------------

    def kept(self, stage: str = "liquid") -> int:
        """Rows in part files, from their names."""
        parts = self.file(stage).with_name("0000.h5.parts").glob("part.*.h5")
        return sum(int(path.name.split(".")[-2]) for path in parts)

    def checksums(self) -> dict[str, str]:
        """content_sha256 of every file of every stage."""
        found = {}
        for path in sorted(self.results.glob("*/*/[0-9]*.h5")):
            with ChunkReader(path) as reader:
                found[str(path.relative_to(self.results))] = reader.attributes["content_sha256"]
        return found

    def table(self) -> pd.DataFrame:
        """The gathered tables without what is not reproducible, the CPU times."""
        paths = sorted(self.results.glob("*/observables.parquet"))
        table = pd.concat([read_table(path).to_pandas() for path in paths], ignore_index=True)
        return table[[name for name in table.columns if not name.startswith("seconds")]]

    def check(self, undisturbed: Campaign) -> None:
        """Finish the campaign; every file must be whole, every sample there once, and all as if nothing had happened."""
        self.finish()
        # burn-ins are as short as tests want them
        assert main(["verify", str(self.results), "--sheet", str(self.sheet), "--least-burn-in", "0"]) == 0
        assert self.checksums() == undisturbed.checksums()
        pd.testing.assert_frame_equal(self.table(), undisturbed.table(), check_exact=True)
        leftovers = [path for path in self.results.rglob("*") if path.suffix in (".tmp", ".parts")]
        assert not leftovers
