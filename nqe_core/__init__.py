"""Nonlinear quasilocalized excitations of computer glasses.

Five lines from a liquid to a soft spot::

    from nqe_core import MODELS, Interactions, find_quartic_mode, lowest_modes, quench
    glass = quench(liquid, MODELS["ipl3d"]).configuration
    interactions = Interactions.of(glass, MODELS["ipl3d"])
    psi = lowest_modes(interactions).modes[0]
    soft_spot = find_quartic_mode(interactions, psi)
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

# Names are loaded on first use, so that the command line answers at once.
_HOME = {
    "models": ("MODELS", "Model", "get_model"),
    "configuration": ("Configuration",),
    "errors": ("InputError",),
    "units": ("Units",),
    "energy": ("potential_energy", "forces", "pressure", "force_ratio"),
    "fire": ("quench", "QuenchResult"),
    "molecular_dynamics": ("cool",),
    "swap_monte_carlo": ("equilibrate", "initial_configuration", "MonteCarloResult"),
    "interactions": ("Interactions",),
    "hessian_matrix": ("hessian",),
    "rattlers": ("find_rattlers", "without_rattlers"),
    "harmonic": ("lowest_modes", "HarmonicModes"),
    "nonlinear_modes": (
        "stiffness", "cubic_coefficient", "quartic_coefficient", "participation_ratio", "find_quartic_mode",
        "find_cubic_mode", "find_cubic_mode_from", "find_pseudoharmonic_mode", "NonlinearMode", "preconditioner",
    ),
    "double_wells": ("QuarticExpansion", "find_saddle", "find_second_minimum", "Neighbour"),
    "foreign_glasses": ("read_configurations",),
    "analysis": ("analyse", "Analysis"),
    "elasticity": (
        "shear_strains", "mismatch_force", "shear_strain_coupling", "shear_moduli", "shear_modulus",
        "nonaffine_velocities",
    ),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE_OF)  # noqa: PLE0605 - computed, so that the table above is the only list


def __getattr__(name: str):
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'nqe_core' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"nqe_core.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return ["__version__", *__all__]
