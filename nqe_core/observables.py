"""One row of numbers per sample: what the figures, tables and predictions are made of. Simulation units throughout."""

from __future__ import annotations

import numpy as np

from nqe_core.elasticity import mismatch_force, shear_moduli, shear_strains
from nqe_core.file_schema import Field
from nqe_core.interactions import Interactions
from nqe_core.nonlinear_modes import cubic_coefficient, participation_ratio, quartic_coefficient, stiffness

MODES = ("harmonic", "quartic", "cubic")

# A mode's stiffness, computed again from the configuration, must agree with the stored one: files of different runs
# were mixed otherwise. Solvers round differently, by far less than this.
SAME_STIFFNESS = 1e-6


# the column with a stage's CPU time
SECONDS_OF = {
    "liquid": "seconds_equilibrate",
    "inherent_state": "seconds_quench",
    "harmonic": "seconds_harmonic",
    "quartic": "seconds_quartic",
    "cubic": "seconds_cubic",
}

# columns that only samples with a liquid of their own have
OF_LIQUIDS = ("liquid_energy", SECONDS_OF["liquid"])


def table_fields(
    dimension: int, n_modes: int = 1, of_liquids: bool = True, of_temperature: bool = True
) -> tuple[Field, ...]:
    """Columns of the table of observables, in order; `seconds` is this stage's own CPU time.

    Parameters
    ----------
    dimension : int
        d.
    n_modes : int
        Harmonic modes per sample.
    of_liquids : bool
        Whether the samples have liquids; those that were read from files have not.
    of_temperature : bool
        Whether their parent temperature is known.

    Returns
    -------
    tuple of Field
    """
    columns = [Field("ensemble", "text"), Field("model", "text"), Field("dimension", "int")]
    columns += [Field("n_particles", "int"), Field("parent_temperature"), Field("sample", "int")]
    columns += [Field("walker", "int"), Field("box_length"), Field("failure", "text")]
    columns += [
        Field("liquid_energy"),
        Field("energy"),
        Field("pressure"),
        Field("force_ratio"),
        Field("structure_peak"),
    ]
    columns += [Field("quench_converged", "bool"), Field("quench_iterations", "int")]
    columns += [Field(name) for name in _eigenvalue_names(n_modes)] + [Field("harmonic_residual")]
    quantities = ("frequency", "stiffness", "cubic_coefficient", "quartic_coefficient", "participation_ratio")
    for mode in MODES:
        columns += [Field(f"{mode}_{name}") for name in (*quantities, "shear_strain_coupling")]
    for mode in ("quartic", "cubic"):
        columns += [Field(f"{mode}_residual"), Field(f"{mode}_iterations", "int"), Field(f"{mode}_converged", "bool")]
    columns += [Field("cubic_start", "int"), Field("harmonic_quartic_mismatch"), Field("quartic_cubic_mismatch")]
    columns += [Field("quartic_force_magnitude"), Field("shear_modulus")]
    columns += [Field(f"shear_modulus_{strain}") for strain in shear_strains(dimension)]
    columns += [Field(name) for name in SECONDS_OF.values()]
    left_out = () if of_liquids else OF_LIQUIDS
    left_out += () if of_temperature else ("parent_temperature",)
    return (*(column for column in columns if column.name not in left_out), Field("seconds"))


def _eigenvalue_names(n_modes: int) -> list[str]:
    return ["harmonic_eigenvalue"] + [f"harmonic_eigenvalue_{index}" for index in range(2, n_modes + 1)]


def mismatch(first: np.ndarray, second: np.ndarray) -> float:
    """1 - |a.b| of two unit fields, as |Delta|^2/2 (Eq. 19): exact where the overlap itself would round to one.

    Parameters
    ----------
    first, second : ndarray, shape=(N, d)
        Fields of unit norm; their signs do not matter.
    """
    sign = np.copysign(1.0, np.vdot(first, second))
    difference = first - sign * second
    return 0.5 * float(np.vdot(difference, difference))


def mode_observables(interactions: Interactions, mode: np.ndarray, force: np.ndarray) -> dict:
    """Numbers of one mode.

    Parameters
    ----------
    interactions : Interactions
        Bonds of the inherent state.
    mode : ndarray, shape=(N, d)
        Unit field z.
    force : ndarray, shape=(N, d)
        Xi = d2U/dgamma dx of simple shear in the xy plane, from `mismatch_force`.

    Returns
    -------
    dict
        stiffness kappa (Eq. 11), frequency sqrt(kappa), cubic_coefficient tau (Eq. 28), quartic_coefficient chi
        (Eq. 10), participation_ratio e (Eq. 14), shear_strain_coupling nu (after Eq. 29).
    """
    kappa = stiffness(interactions, mode)
    return {
        "frequency": float(np.sqrt(kappa)),
        "stiffness": kappa,
        "cubic_coefficient": cubic_coefficient(interactions, mode),
        "quartic_coefficient": quartic_coefficient(interactions, mode),
        "participation_ratio": participation_ratio(mode),
        "shear_strain_coupling": float(np.vdot(force, mode)),
    }


def observe(interactions: Interactions, modes: dict[str, np.ndarray], stored: dict[str, dict]) -> dict:
    """All columns of one sample that depend on its modes and on what earlier stages found.

    Parameters
    ----------
    interactions : Interactions
        Bonds of the inherent state.
    modes : dict
        "harmonic" (psi), "quartic" (pi4) and "cubic" (pi3): unit fields, shape=(N, d).
    stored : dict
        Stage -> numbers that its file holds for this sample.

    Returns
    -------
    dict
        Column name -> value.

    Raises
    ------
    ArithmeticError
        When a mode does not belong to this inherent state.
    """
    force = mismatch_force(interactions, "simple_xy")
    row = {}
    for name in MODES:
        numbers = mode_observables(interactions, modes[name], force)
        row.update({f"{name}_{key}": value for key, value in numbers.items()})
        known = stored[name]["eigenvalues"][0] if name == "harmonic" else stored[name]["stiffness"]
        if abs(numbers["stiffness"] - known) > SAME_STIFFNESS * abs(known):
            raise ArithmeticError(f"stiffness {numbers['stiffness']:.6g} of the {name} mode was stored as {known:.6g}")
    pi4, chi4 = modes["quartic"], row["quartic_quartic_coefficient"]
    row["quartic_force_magnitude"] = float(np.linalg.norm(interactions.quartic_field(pi4)) / abs(chi4))
    row["harmonic_quartic_mismatch"] = mismatch(modes["harmonic"], pi4)
    row["quartic_cubic_mismatch"] = mismatch(pi4, modes["cubic"])
    moduli = shear_moduli(interactions)
    row["shear_modulus"] = float(np.mean(moduli))
    for strain, modulus in zip(shear_strains(interactions.dimension), moduli, strict=True):
        row[f"shear_modulus_{strain}"] = float(modulus)
    return {**row, **_stored_columns(stored)}


def _stored_columns(stored: dict[str, dict]) -> dict:
    """Columns that earlier stages have already computed."""
    state, harmonic = stored["inherent_state"], stored["harmonic"]
    row = {
        "box_length": state["box_length"],
        "energy": state["energy"],
        "pressure": state["pressure"],
        "structure_peak": state["structure_peak"],
        "force_ratio": state["force_ratio"],
        "quench_converged": state["converged"],
        "quench_iterations": state["iterations"],
        "harmonic_residual": harmonic["residual"][0],
        "cubic_start": stored["cubic"]["start"],
    }
    row.update(zip(_eigenvalue_names(len(harmonic["eigenvalues"])), harmonic["eigenvalues"], strict=True))
    for mode in ("quartic", "cubic"):
        row.update({f"{mode}_{name}": stored[mode][name] for name in ("residual", "iterations", "converged")})
    if "liquid" in stored:
        row["liquid_energy"] = stored["liquid"]["energy"]
    return row
