"""Energy, forces and pressure of a configuration."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nqe_core.configuration import Configuration
from nqe_core.errors import InputError
from nqe_core.kernels import forces as kernel
from nqe_core.kernels import neighbors
from nqe_core.models import Model, check_is_model

# A row of the list holds the partners in half of space, and those in the rest of its row of cells: of all partners as much
# as 0.65 to 0.69, in two to four dimensions, for a particle at the far side of its cell
LARGEST_SHARE = 0.7
SWOLLEN = 1.25  # sizes may be so much beyond the model's, as of a particle that is made to swell


@dataclass(frozen=True, eq=False)
class PairList:
    """Half Verlet list of a configuration, over particles sorted by cell.

    `order[k]` is the particle at sorted place k; `start`, `partner` and the positions refer to sorted places.
    """

    order: np.ndarray
    positions: np.ndarray
    start: np.ndarray
    partner: np.ndarray
    inverse_lambda2: np.ndarray

    @classmethod
    def of(cls, configuration: Configuration, model: Model, skin: float = 0.0) -> PairList:
        """List every pair closer than its cutoff plus `skin`; errors as of `check_fits` and `neighbors.half_list`."""
        check_fits(configuration, model)
        x = configuration.positions.ravel().copy()
        diameters = configuration.diameters.copy()
        box = configuration.box
        reach = model.cutoff * float(diameters.max()) + skin
        n_cells = neighbors.cells_per_side(box, reach)
        order, cell_start = neighbors.sort_by_cell(x, box, n_cells)
        neighbors.permute(x, order, configuration.dimension)
        neighbors.permute(diameters, order, 1)
        start, partner, inverse_lambda2 = neighbors.half_list(
            x, diameters, box, cell_start, n_cells, model.cutoff, model.nonadditivity, skin
        )
        return cls(order, x, start, partner, inverse_lambda2)


def check_fits(configuration: Configuration, model: Model) -> None:
    """Raise `InputError` when the configuration cannot belong to the model, or its pairs are too many for a list."""
    check_is_model(model)
    if configuration.dimension != model.dimension:
        raise InputError(
            f"the configuration has {configuration.dimension} dimensions, model {model.name!r} has {model.dimension}"
        )
    smallest, largest = float(configuration.diameters.min()), float(configuration.diameters.max())
    if not model.smallest_diameter / SWOLLEN <= smallest <= largest <= SWOLLEN * model.largest_diameter:
        raise InputError(
            f"the diameters are {smallest:.4g} to {largest:.4g}, model {model.name!r} has {model.smallest_diameter:g} to "
            f"{model.largest_diameter:g}: are these radii, numbers of types, or in another unit of length?"
        )
    reach = model.cutoff * largest
    if configuration.box_length < 2.0 * reach:
        raise InputError(
            f"the box is {configuration.box_length:.4g} wide, too small for the cutoff: model {model.name!r} with a "
            f"largest diameter of {configuration.diameters.max():.4g} needs {2.0 * reach:.4g}"
        )
    row = _longest_row(configuration, model, reach)
    if row > neighbors.LONGEST_ROW:
        raise InputError(
            f"cutoff too wide: model {model.name!r} with a largest diameter of {configuration.diameters.max():.4g} gives "
            f"a particle some {row:.0f} partners in its row of the neighbour list, which has room for "
            f"{neighbors.LONGEST_ROW}"
        )


def _longest_row(configuration: Configuration, model: Model, reach: float) -> float:
    """Expected length of a largest particle's row of the half list, at most, where particles are spread evenly."""
    d, density = configuration.dimension, configuration.n_particles / configuration.volume
    sphere = math.pi ** (d / 2) / math.gamma(d / 2 + 1)
    row = sphere * reach**d * density
    if row > neighbors.LONGEST_ROW:  # hardly ever: smaller partners are within a shorter reach
        sizes, largest = configuration.diameters, float(configuration.diameters.max())
        lam = 0.5 * (largest + sizes) * (1.0 - model.nonadditivity * (largest - sizes))
        row = sphere * float(np.mean((model.cutoff * lam) ** d)) * density
    # without cells, a particle's row holds all that come after it: of the first, everyone
    return row if neighbors.cells_per_side(configuration.box, reach) == 1 else LARGEST_SHARE * row


def pair_sums(configuration: Configuration, model: Model) -> tuple[float, float, float]:
    """Potential energy, virial sum x_ij . f_ij, and sum of squared pair forces."""
    return _sums(PairList.of(configuration, model), configuration, model)


def _sums(pairs: PairList, configuration: Configuration, model: Model) -> tuple[float, float, float]:
    return kernel.pair_sums(
        pairs.positions, pairs.start, pairs.partner, pairs.inverse_lambda2, configuration.box, model.potential
    )


def potential_energy(configuration: Configuration, model: Model) -> float:
    """U, the sum of the pair energies.

    Parameters
    ----------
    configuration : Configuration
    model : Model

    Returns
    -------
    float
        Of all particles together, in the potential's unit of energy.

    Raises
    ------
    InputError
        The configuration does not fit the model.
    ArithmeticError
        So many particles are in one place that a particle has more partners than a list has room for.
    """
    return pair_sums(configuration, model)[0]


def pressure(configuration: Configuration, model: Model) -> float:
    """Virial part of the pressure, sum_pairs x_ij . f_ij / (d V).

    Parameters and errors as of `potential_energy`.

    Returns
    -------
    float
        In units of energy / length^d.
    """
    return pair_sums(configuration, model)[1] / (configuration.dimension * configuration.volume)


def forces(configuration: Configuration, model: Model) -> np.ndarray:
    """f_i = -dU/dx_i.

    Parameters and errors as of `potential_energy`.

    Returns
    -------
    ndarray, shape=(N, d)
        In units of energy / length, in the order of the particles.
    """
    return _forces(PairList.of(configuration, model), configuration, model)


def _forces(pairs: PairList, configuration: Configuration, model: Model) -> np.ndarray:
    sorted_forces = np.empty(configuration.positions.size)
    kernel.pair_forces(
        pairs.positions, pairs.start, pairs.partner, pairs.inverse_lambda2, configuration.box, model.potential,
        sorted_forces, kernel.force_scratch(configuration.box, configuration.n_particles),
    )  # fmt: skip
    result = np.empty_like(configuration.positions)
    result[pairs.order] = sorted_forces.reshape(result.shape)
    return result


def force_ratio(configuration: Configuration, model: Model) -> float:
    """Typical gradient over typical pair force, sqrt(sum f_i^2) / sqrt(sum f_ij^2).

    Parameters and errors as of `potential_energy`.

    Returns
    -------
    float
        Zero in mechanical equilibrium, and where nothing interacts; infinite where forces are, as of two particles at one
        place.
    """
    pairs = PairList.of(configuration, model)
    total = float(np.sqrt(np.sum(_forces(pairs, configuration, model) ** 2)))
    pair = np.sqrt(_sums(pairs, configuration, model)[2])
    if pair == 0:
        return 0.0
    ratio = float(total / pair)
    return ratio if math.isfinite(ratio) else math.inf  # two particles at one place
