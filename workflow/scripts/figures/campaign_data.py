"""The campaign's tables as the figures read them: in the paper's units, with failed samples marked and counted."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import yaml

from nqe_core.errors import InputError
from nqe_core.models import Model
from nqe_core.roles import PAPER_TEMPERATURE
from nqe_core.units import Units

# A column ending in one of these is divided by the unit of that name; everything else has no unit or none that a
# figure needs. Longest first, so that "cubic_coefficient" is not taken for something shorter.
DIMENSIONAL = ("shear_strain_coupling", "quartic_coefficient", "cubic_coefficient", "stiffness", "frequency")

MODE_FAILURES = ("quartic_converged", "cubic_converged")

# Combinations of a sample's columns that several figures show, with the paper's equation or figure.
COMBINATIONS = {
    "energy_difference": lambda t: 1 - t["harmonic_stiffness"] / t["quartic_stiffness"],  # Eq. 15
    "cubic_energy_difference": lambda t: t["cubic_stiffness"] / t["quartic_stiffness"] - 1,  # Fig. 7(a)
    "cubic_asymmetry": lambda t: (
        (t["cubic_cubic_coefficient"] ** 2) / (3 * t["cubic_stiffness"] * t["cubic_quartic_coefficient"])
    ),  # Eq. 32: above 1 exceeds the bound
    "barrier": lambda t: t["cubic_stiffness"] ** 3 / t["cubic_cubic_coefficient"] ** 2,  # Eq. 35
    "strain_threshold": lambda t: (
        t["cubic_stiffness"] ** 2 / np.abs(t["cubic_cubic_coefficient"] * t["cubic_shear_strain_coupling"])
    ),  # Eq. 37
    "participants_harmonic": lambda t: t["n_particles"] * t["harmonic_participation_ratio"],  # N e, Eq. 14
    "participants_quartic": lambda t: t["n_particles"] * t["quartic_participation_ratio"],
}


# The paper's names of its models. Others that a sheet may have keep their own: neither the paper's numbers nor its
# figures are about them, however alike they are.
FAMILIES = {"ipl2d": "IPL", "ipl3d": "IPL", "ipl4d": "IPL", "poly3d": "POLY"}

NOT_IN_EQUILIBRIUM = "not in equilibrium"

# Burn-ins, in relaxation times, of the ensembles whose liquids are not in equilibrium.
_short_burn_ins: ContextVar[Mapping[str, float]] = ContextVar("short_burn_ins", default=MappingProxyType({}))


@contextlib.contextmanager
def not_in_equilibrium(burn_ins: Mapping[str, float]) -> Iterator[None]:
    """Within this context captions and names say that these ensembles had burn-ins of so few relaxation times."""
    token = _short_burn_ins.set(dict(burn_ins))
    try:
        yield
    finally:
        _short_burn_ins.reset(token)


def equilibrium_note(part: pd.DataFrame) -> str:
    """ " (not in equilibrium)" where none of a table's ensembles is, else nothing."""
    names = set(part["ensemble"])
    return f" ({NOT_IN_EQUILIBRIUM})" if names and names <= _short_burn_ins.get().keys() else ""


def in_equilibrium(part: pd.DataFrame) -> pd.DataFrame:
    """Of one temperature's samples, those of liquids in equilibrium where there are any: the others say nothing new."""
    short = part["ensemble"].isin(list(_short_burn_ins.get()))
    return part if short.all() else part[~short]


def read_models(path: str | Path) -> dict[str, Model]:
    """The models of config/models.yaml."""
    content = yaml.safe_load(Path(path).read_text())
    return {name: Model.from_parameters(name, constants) for name, constants in content.items()}


def model_name(model: str, dimension: int) -> str:
    """Name of a model in tables and captions: "3D IPL", or the name of one that is not the paper's."""
    return f"{dimension:.0f}D {FAMILIES[model]}" if model in FAMILIES else model


def of_the_paper(samples: pd.DataFrame) -> pd.DataFrame:
    """The samples of the paper's four models, of IPL those of its parent temperature."""
    elsewhere = (samples["family"] == "IPL") & ~np.isclose(samples["parent_temperature"], PAPER_TEMPERATURE)
    return samples[samples["model"].isin(list(FAMILIES)) & ~elsewhere]


def _of_one_temperature(part: pd.DataFrame) -> pd.DataFrame:
    """Of a model whose samples figures tell by N alone, the paper's parent temperature if there is any, else the highest."""
    paper = np.isclose(part["parent_temperature"], PAPER_TEMPERATURE)
    return part[paper if paper.any() else part["parent_temperature"] == part["parent_temperature"].max()]


def read_samples(paths: Iterable[str | Path] | str, models: str | Path) -> pd.DataFrame:
    """Gathered tables of several ensembles, converted to the paper's units.

    Added columns: `family` ("IPL" or "POLY", or the name of a model that is not the paper's), `length` (L in a_0),
    `phonon_frequency` (first phonon band, 2 pi c_T / L, in omega_0), `fine` (all stages succeeded and both nonlinear
    modes converged), `block` (the Monte Carlo walker: samples of one block are not independent), and those of
    `COMBINATIONS`.
    """
    known = read_models(models)
    tables = [_in_paper_units(pd.read_parquet(path), known) for path in as_list(paths)]
    tables = [table for table in tables if len(table)]
    if not tables:
        raise InputError(
            "no samples to show: the campaign's sheet has no ensemble of the models needed, or none is made"
        )
    samples = pd.concat(tables, ignore_index=True)
    fine = samples["failure"].fillna("").eq("")
    for column in MODE_FAILURES:
        if column in samples:
            fine &= samples[column].fillna(False).astype(bool)
    return samples.assign(fine=fine, block=_blocks(samples), **COMBINATIONS)


def _blocks(samples: pd.DataFrame) -> pd.Series:
    """A number for each walker; where a table does not say which walker made a sample, each sample has its own."""
    maker = samples["walker"] if "walker" in samples else samples["sample"]
    maker = maker.fillna(-1 - samples["sample"])
    seed = samples.get("root_seed", "")
    return samples.assign(maker=maker, seed=seed).groupby(["ensemble", "seed", "maker"], dropna=False).ngroup()


def as_list(paths) -> list[str]:
    """A single path as a list of one (Snakemake gives either)."""
    if paths is None:
        return []
    return [str(paths)] if isinstance(paths, (str, Path)) else [str(path) for path in paths]


def _in_paper_units(table: pd.DataFrame, models: dict[str, Model]) -> pd.DataFrame:
    names = table["model"].unique()
    if len(names) > 1:
        return pd.concat([_in_paper_units(part, models) for _, part in table.groupby("model")], ignore_index=True)
    if len(names) == 0:
        return table
    if names[0] not in models:
        raise InputError(f"the tables hold model {names[0]!r}, which is not in the models' file")
    model, converted = models[names[0]], table.copy()
    units = Units.of(model)
    for column in table.columns:
        for quantity in DIMENSIONAL:
            if column.endswith(quantity):
                converted[column] = table[column] / getattr(units, quantity)
                break
    length = table["n_particles"].astype(float) ** (1.0 / model.dimension)  # L / a_0, as a_0 = (V/N)^(1/d)
    return converted.assign(
        family=FAMILIES.get(model.name, model.name),
        dimension=model.dimension,
        length=length,
        phonon_frequency=2.0 * np.pi / length,  # c_T = 1 in these units
    )


def choose(samples: pd.DataFrame, what: str, family: str | None = None, dimensions: Iterable[int] = ()) -> pd.DataFrame:
    """Fine samples of one family of models (and of some dimensions), of IPL those of one parent temperature.

    `InputError` when there are none.

    Parameters
    ----------
    what : str
        What needs them, for the message ("figure 2").
    """
    chosen = samples[samples["fine"]]
    if family:
        chosen = chosen[chosen["family"] == family]
    if dimensions:
        chosen = chosen[chosen["dimension"].isin(list(dimensions))]
    if family == "IPL" and len(chosen):
        chosen = pd.concat([_of_one_temperature(part) for _, part in chosen.groupby("model")]).sort_index()
    if chosen.empty:
        wanted = " or ".join(f"{d}D" for d in dimensions) + (" " if dimensions else "") + (family or "any model")
        there = ", ".join(f"{name} ({int(part.fine.sum())} of {len(part)} fine)" for name, part in ensembles(samples))
        raise InputError(f"{what} needs finished samples of {wanted}; the tables hold: {there}")
    return chosen


def ensembles(samples: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The ensembles' parts of a table, ordered by family, dimension, size and falling temperature."""
    order = samples.drop_duplicates("ensemble").sort_values(
        ["family", "dimension", "n_particles", "parent_temperature"], ascending=[True, True, True, False]
    )
    return [(name, samples[samples["ensemble"] == name]) for name in order["ensemble"]]


def thinned(part: pd.DataFrame, most: int, frequency: str = "quartic_frequency") -> pd.DataFrame:
    """At most `most` samples for a scatter plot: all of the softest ones, and of stiffer ones ever fewer.

    Ranks of the latter lie at equal distances on a logarithmic axis, the first of them at a distance of one: where the
    density of points changed at once, it would look as if that of the samples did.
    """
    if len(part) <= most:
        return part
    every = float(most)
    for _ in range(100):
        every = most / (1 + math.log(len(part) / every))
    ranks = np.unique(np.geomspace(every, len(part), most - int(every)).astype(int))
    ranks = np.union1d(np.arange(1, int(every) + 1), ranks)
    return part.sort_values(frequency, kind="stable").iloc[ranks - 1].sort_values("sample", kind="stable")


def temperature_note(part: pd.DataFrame, mathematical: bool = False) -> str:
    """ ", T_p = 0.5" behind the name of an ensemble; nothing for IPL glasses of the paper's parent temperature."""
    row = part.iloc[0]
    if row["family"] == "IPL" and math.isclose(row["parent_temperature"], PAPER_TEMPERATURE):
        return ""
    return f", {'$T_p$' if mathematical else 'T_p'} = {row['parent_temperature']:g}"


def label(part: pd.DataFrame, mathematical: bool = False) -> str:
    """Name of an ensemble in a caption: "3D IPL, N = 2048"; or, with symbols in mathematical type, in a figure."""
    row = part.iloc[0]
    n = "$N$" if mathematical else "N"
    name = f"{model_name(row['model'], row['dimension'])}, {n} = {row['n_particles']:.0f}"
    return name + temperature_note(part, mathematical)


def counts(samples: pd.DataFrame, used: pd.DataFrame) -> str:
    """How many samples a figure shows of each ensemble and how many were left out as failed, as one sentence."""
    shown = set(used["ensemble"])
    parts = []
    for name, part in ensembles(samples):
        if name in shown:
            left_out = len(part) - int(part["fine"].sum())
            remarks = [f"{left_out} failed, left out"] if left_out else []
            if (burn_in := _short_burn_ins.get().get(name)) is not None:
                length = f"burn-in of {burn_in:g} relaxation times" if burn_in else "relaxes too slowly to be measured"
                remarks.append(f"{length}: {NOT_IN_EQUILIBRIUM}")
            text = f"{label(part)}: n = {(used['ensemble'] == name).sum()}"
            parts.append(text + (f" ({'; '.join(remarks)})" if remarks else ""))
    return "Samples: " + "; ".join(parts) + "."
