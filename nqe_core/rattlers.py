"""Rattlers: particles that nothing holds, in packings of spheres that only push when they touch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.errors import InputError
from nqe_core.interactions import Interactions
from nqe_core.models import Model


def find_rattlers(interactions: Interactions) -> np.ndarray:
    """Particles with fewer than d + 1 neighbours, none of which attracts them.

    So few pushes cannot hold a particle: it moves at no cost, and its d zero modes are no soft spot. A neighbour that is
    a rattler holds nothing either, so they are looked for until no more are found (Goodrich, Liu and Nagel, Phys. Rev.
    Lett. 109, 095704 (2012)).

    Parameters
    ----------
    interactions : Interactions

    Returns
    -------
    ndarray of bool, shape=(N,)
    """
    ends = np.concatenate([interactions.i, interactions.j])
    n = interactions.n_particles
    attracted = np.bincount(ends, weights=np.tile(interactions.g1 > 0, 2), minlength=n) > 0
    loose = np.zeros(n, dtype=bool)
    while True:
        holds = ~(loose[interactions.i] | loose[interactions.j])
        neighbours = np.bincount(ends[np.tile(holds, 2)], minlength=n)
        found = (neighbours <= interactions.dimension) & ~attracted
        if np.array_equal(found, loose):
            return loose
        loose = found


def without_rattlers(configuration: Configuration, model: Model) -> tuple[Configuration, np.ndarray]:
    """The backbone of a packing: what is left when rattlers are taken out.

    Parameters
    ----------
    configuration : Configuration
        An inherent state.
    model : Model

    Returns
    -------
    backbone : Configuration
        In the same box, with the order of the particles kept.
    kept : ndarray of int
        Their places in `configuration`.

    Raises
    ------
    InputError
        When fewer than two particles are left (the packing is not jammed), or the configuration does not fit the model.
    """
    kept = np.flatnonzero(~find_rattlers(Interactions.of(configuration, model)))
    if kept.size < 2:
        raise InputError(
            f"all but {kept.size} of {configuration.n_particles} particles are rattlers: nothing is jammed"
        )
    backbone = Configuration(configuration.positions[kept], configuration.diameters[kept], configuration.box_length)
    return backbone, kept


def backbone_of(interactions: Interactions) -> tuple[Interactions, np.ndarray]:
    """The bonds between particles that are held, in the same box; what rattlers touch bears no stress.

    Parameters
    ----------
    interactions : Interactions
        Of an inherent state.

    Returns
    -------
    backbone : Interactions
        The same object, where there are no rattlers.
    kept : ndarray of int
        Places of its particles in `interactions`.

    Raises
    ------
    ArithmeticError
        When nothing is jammed.
    """
    loose = find_rattlers(interactions)
    kept = np.flatnonzero(~loose)
    if kept.size == loose.size:
        return interactions, kept
    if kept.size < 2:
        raise ArithmeticError(f"all but {kept.size} of {loose.size} particles are rattlers: nothing is jammed")
    place = np.cumsum(~loose, dtype=np.uint32) - np.uint32(1)
    held = ~(loose[interactions.i] | loose[interactions.j])
    derivatives = {name: getattr(interactions, name)[held] for name in ("g1", "g2", "g3", "g4")}
    backbone = replace(
        interactions, i=place[interactions.i[held]], j=place[interactions.j[held]], vectors=interactions.vectors[held],
        n_particles=kept.size, **derivatives,
    )  # fmt: skip
    return backbone, kept


def check_rattlers(interactions: Interactions) -> None:
    """Raise `ArithmeticError` when there are rattlers, whose zero modes would hide every other."""
    if count := int(find_rattlers(interactions).sum()):
        raise ArithmeticError(
            f"{count} of {interactions.n_particles} particles are rattlers (fewer than {interactions.dimension + 1} "
            f"neighbours): their zero modes hide the others; take them out with nqe_core.without_rattlers"
        )
