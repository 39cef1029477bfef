"""A synthetic campaign: tables and files that obey the paper's laws, for the tests of figures, tables and scorecard."""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from nqe_core import storage
from nqe_core.file_schema import stage_fields
from nqe_core.models import MODELS

CHUNK_STAGES = ("inherent_state", "harmonic", "quartic", "second_quartic")


def observables(ensemble, model_name, n_particles, temperature, count, rng, failed=1):
    """A table of observables in simulation units whose modes follow Eqs. 15, 16, 33 and D(omega) ~ omega^4."""
    model = MODELS[model_name]
    harmonic = 0.8 * (rng.random((count, 200)) ** 0.2).min(axis=1) / 0.35
    noise = np.exp(rng.normal(0, 0.4, (8, count)))
    energy = np.minimum(0.02 * harmonic**2 * noise[0] * n_particles ** (2 / model.dimension) / 100, 0.9)
    quartic = harmonic / np.sqrt(1 - energy)
    cubic = quartic * np.sqrt(1 + 0.3 * noise[1])
    participants = 12 * noise[2] * (1 + harmonic)
    chi4 = 4e4 / participants * noise[3] ** 0.2
    chi3 = chi4 * noise[4] ** 0.1
    tau3 = np.sqrt(2.0 * cubic**2 * chi3) * noise[5] ** 0.2
    mismatch = np.minimum(1e-3 * harmonic**4 * noise[6] * n_particles ** (4 / model.dimension) / 1e4, 0.9)
    table = pd.DataFrame({
        "ensemble": ensemble, "model": model_name, "dimension": model.dimension, "n_particles": n_particles,
        "parent_temperature": temperature, "sample": np.arange(count), "walker": np.arange(count) // 2,
        "box_length": model.box_length(n_particles), "failure": "", "shear_modulus": rng.normal(12, 2, count),
        "harmonic_eigenvalue": harmonic**2, "harmonic_quartic_mismatch": mismatch,
        "quartic_cubic_mismatch": 0.01 * noise[7], "quartic_force_magnitude": 1.2 * noise[7] ** 0.3,
        "quartic_converged": True, "cubic_converged": True,
    })  # fmt: skip
    for name, frequency, tau, chi, share in (
        ("harmonic", harmonic, tau3 * rng.normal(0, 0.3, count), chi4, 1.3),
        ("quartic", quartic, tau3 * rng.normal(0, 0.3, count), chi4, 1.0),
        ("cubic", cubic, tau3 * rng.choice([-1, 1], count), chi3, 1.0),
    ):
        table[f"{name}_frequency"], table[f"{name}_stiffness"] = frequency, frequency**2
        table[f"{name}_cubic_coefficient"], table[f"{name}_quartic_coefficient"] = tau, chi
        table[f"{name}_participation_ratio"] = share * participants / n_particles
        table[f"{name}_shear_strain_coupling"] = rng.normal(0, 30, count)
    numbers = table.select_dtypes("float").columns.difference(["parent_temperature"])
    table.loc[table.index[:failed], numbers] = np.nan
    table.loc[table.index[:failed], "failure"] = "quench not converged: 1e-9"
    return table


ENSEMBLES = [
    ("ipl2d_n400", "ipl2d", 400, 2.0), ("ipl2d_n1600", "ipl2d", 1600, 2.0), ("ipl3d_n512", "ipl3d", 512, 2.0),
    ("ipl3d_n2048", "ipl3d", 2048, 2.0), ("ipl4d_n1296", "ipl4d", 1296, 2.0), ("poly3d_n500_t130", "poly3d", 500, 1.3),
    ("poly3d_n500_t050", "poly3d", 500, 0.5), ("poly3d_n500_t035", "poly3d", 500, 0.35),
]  # fmt: skip
HEADER = """ensemble model n_particles parent_temperature n_samples samples_per_walker samples_per_chunk n_modes
            preparation cooling_rate swap_fraction burn_in spacing""".split()


class Campaign:
    """Files of a synthetic campaign in a folder: models, sheet, one table per ensemble, chunks of two ensembles."""

    def __init__(self, folder: Path, count: int, seed: int = 1):
        self.folder, self.rng = folder, np.random.default_rng(seed)
        folder.mkdir(parents=True, exist_ok=True)
        self.models = folder / "models.yaml"
        constants = {name: m.parameters() for name, m in MODELS.items()}
        self.models.write_text(yaml.safe_dump(constants))
        self.sheet = folder / "campaign.tsv"
        rows = [[*row, count, 1, count, 1, "quench", 0, 0, 10, 10] for row in ENSEMBLES]
        self.sheet.write_text("\n".join("\t".join(map(str, row)) for row in [HEADER, *rows]) + "\n")
        self.tables = {}
        for name, model, n_particles, temperature in ENSEMBLES:
            path = folder / f"{name}.parquet"
            observables(name, model, n_particles, temperature, count, self.rng).to_parquet(path)
            self.tables[name] = path

    def observables(self, models: str) -> list[str]:
        return [str(path) for name, path in self.tables.items() if name.split("_")[0] in models.split()]

    def chunks(self, ensembles=("ipl3d_n512", "ipl2d_n400"), count=4) -> dict[str, list[str]]:
        """Chunk files of every stage with two bumps as soft spots, and the table's overlaps made to match."""
        files = {stage: [] for stage in CHUNK_STAGES}
        for name in ensembles:
            model = MODELS[name.split("_")[0]]
            n_particles = int(name.split("_n")[1])
            for stage in CHUNK_STAGES:
                path = self.folder / f"{name}_{stage}.h5"
                fields = stage_fields(stage, n_particles, model.dimension)
                rows = [self.row(stage, fields, model, n_particles, sample) for sample in range(count)]
                attributes = {"stage": stage, "model": model.name, "ensemble": name, "n_particles": n_particles,
                              "model_parameters": model.parameters(),
                              "temperature": 2.0, "root_seed": 1, "parameters": {}}  # fmt: skip
                storage.write_stage_file(path, fields, attributes, rows, count)
                files[stage].append(str(path))
        return files

    def double_wells(self, ensembles, failed=2) -> list[str]:
        """One file of stage double_wells for each ensemble, of all samples of its table: the last ones failed.

        Barriers are there from r = 0.5 on, of the height kappa^3 / tau^2, with a second minimum at minus twice of that,
        at plus in every fifth sample.
        """
        files = []
        for name in ensembles:
            table, model = pd.read_parquet(self.tables[name]), MODELS[name.split("_")[0]]
            kappa, tau, chi = (table[f"cubic_{c}"] for c in ("stiffness", "cubic_coefficient", "quartic_coefficient"))
            r, fields = tau**2 / (3 * kappa * chi), stage_fields("double_wells", 10, model.dimension)
            rows = []
            for sample in table["sample"]:
                row = {field.name: field.missing for field in fields} | {"sample": sample, "seconds": 0.0}
                row["asymmetry"] = r[sample] if np.isfinite(r[sample]) else 0.1
                if sample >= len(table) - failed:
                    row["failure"] = "ArithmeticError: quench not converged"
                elif row["asymmetry"] > 0.5:
                    height = kappa[sample] ** 3 / tau[sample] ** 2
                    row.update(barrier_found=True, barrier_energy=height, minimum_found=True,
                               minimum_energy=2 * height * (1 if sample % 5 == 0 else -1))  # fmt: skip
                rows.append(row)
            attributes = {"stage": "double_wells", "model": model.name, "model_parameters": model.parameters(),
                          "ensemble": name, "n_particles": 10, "temperature": 2.0, "root_seed": 1}  # fmt: skip
            path = self.folder / f"{name}_double_wells.h5"
            storage.write_stage_file(path, fields, attributes, rows, len(rows))
            files.append(str(path))
        return files

    def row(self, stage, fields, model, n_particles, sample):
        rng = np.random.default_rng(sample)
        box = model.box_length(n_particles)
        positions = rng.random((n_particles, model.dimension)) * box
        spots = [bump(positions, box, place * box, rng) for place in (0.1, 0.6)]
        psi = sum(spots) + 0.2 * rng.normal(size=positions.shape) / np.sqrt(n_particles)
        modes = {"harmonic": psi[None] / np.linalg.norm(psi), "quartic": spots[0], "second_quartic": spots[1]}
        row = {field.name: np.ones(field.shape, dtype=field.dtype) if field.kind != "text" else "" for field in fields}
        row.update(sample=sample, box_length=box)
        row.update({"positions": positions} if stage == "inherent_state" else {"modes": modes[stage]})
        if stage == "second_quartic":
            row.update(overlap_harmonic=0.6 + 0.01 * sample, overlap_first=0.05)
        return row


def bump(positions, box, centre, rng):
    """A unit field around a point of the periodic box."""
    separation = positions - centre
    separation -= box * np.round(separation / box)
    field = np.exp(-((separation**2).sum(axis=1)[:, None]) / 4) * rng.normal(size=positions.shape)
    return field / np.linalg.norm(field)
