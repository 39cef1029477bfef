"""Glass formers: the paper's, with one pair potential and two distributions of particle sizes, and some others.

The potential is the inverse power law phi(r) = (lambda/r)^n + sum_{l=0..3} c_2l (r/lambda)^(2l), cut off at
x_c lambda, where the coefficients make phi and its first three derivatives vanish (Lerner, J. Non-Cryst. Solids 522,
119570 (2019), the paper's reference [40]). Two particles of diameters a and b interact with

    lambda_ab = (a + b)/2 (1 - n_a |a - b|).

The binary IPL mixture is the same form: diameters 1.0 and 1.4 with n_a = 1/24 give lambda_SL = 1.2 (1 - 0.4/24) = 1.18.
Everything is in simulation units: lengths in the smallest diameter, energies in the potential's prefactor, unit mass.
Models of another `form` have their potential from `nqe_core.potentials`, which says in what units they are, or write it
down as a `formula`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from nqe_core.errors import InputError
from nqe_core.potentials import POTENTIALS, Formula, energies, of_formula

SMOOTHNESS = 3  # q: derivatives of the potential that vanish at the cutoff, beside its value

SIZE_DISTRIBUTIONS = ("binary", "binary_80_20", "power_law")
PAPER_FORM, FORMULA_FORM = "inverse_power", "formula"


def most_modes(n_particles: int, dimension: int) -> int:
    """How many harmonic modes can be asked for: one less than there are beside the d translations, as solvers need it.

    Parameters
    ----------
    n_particles, dimension : int
        N and d.

    Returns
    -------
    int
        (N - 1) d - 1.
    """
    return (n_particles - 1) * dimension - 1


def _double_factorial(n: int) -> int:
    return math.prod(range(n, 0, -2))


def smoothing_coefficients(exponent: int, cutoff: float) -> np.ndarray:
    """Coefficients c_0, c_2, c_4, c_6 that make the potential vanish smoothly at the cutoff.

    Parameters
    ----------
    exponent : int
        n of the inverse power law.
    cutoff : float
        x_c, in units of lambda.

    Returns
    -------
    ndarray, shape=(4,)
        c_2l = (-1)^(l+1) / [(2q-2l)!! (2l)!!] (n+2q)!! / [(n-2)!! (n+2l)] x_c^-(n+2l), q = 3.
    """
    n, q = exponent, SMOOTHNESS
    return np.array(
        [
            (-1) ** (k + 1)
            / (_double_factorial(2 * q - 2 * k) * _double_factorial(2 * k))
            * (_double_factorial(n + 2 * q) / (_double_factorial(n - 2) * (n + 2 * k)))
            * cutoff ** -(n + 2 * k)
            for k in range(q + 1)
        ]
    )


@dataclass(frozen=True)
class Model:
    """Constants of one glass former.

    Parameters
    ----------
    name : str
        Key in `MODELS`.
    dimension : int
        d, one of 2, 3, 4.
    number_density : float
        N/V.
    exponent : int
        n of the inverse power law; the paper's form is compiled for n = 10.
    cutoff : float
        x_c: the range of a pair in units of its lambda.
    nonadditivity : float
        n_a, see the module's head.
    size_distribution : {"binary", "binary_80_20", "power_law"}
        Mixture of the two diameters, half of each or 80 % large, or p(lambda) ~ lambda^-3 between them.
    smallest_diameter, largest_diameter : float
        Ends of the size distribution.
    shear_modulus_infinity : float
        G of glasses quenched from high parent temperature, Table II; it sets the unit of frequency.
    table_density : float
        The density that Table II prints.
    form : str
        "inverse_power", the paper's potential, a key in `nqe_core.potentials.POTENTIALS`, or "formula".
    formula : Formula, optional
        The potential of that form.
    """

    name: str
    dimension: int
    number_density: float
    exponent: int
    cutoff: float
    nonadditivity: float
    size_distribution: str
    smallest_diameter: float
    largest_diameter: float
    shear_modulus_infinity: float
    table_density: float
    form: str = PAPER_FORM
    formula: Formula | None = None

    def __post_init__(self) -> None:
        where = f"model {self.name!r}"
        if self.dimension not in (2, 3, 4):
            raise InputError(f"{where}: dimension is {self.dimension!r}, must be 2, 3 or 4")
        if self.form not in (known := (PAPER_FORM, FORMULA_FORM, *POTENTIALS)):
            raise InputError(f"{where}: form {self.form!r} is not one of {known}")
        if (self.form == FORMULA_FORM) != (self.formula is not None):
            raise InputError(
                f"{where}: form is {self.form!r}, but {'no' if self.formula is None else 'a'} formula is given"
            )
        if self.form == PAPER_FORM and self.exponent != 10:
            raise InputError(f"{where}: exponent is {self.exponent!r}, the kernels are compiled for 10")
        if self.size_distribution not in SIZE_DISTRIBUTIONS:
            raise InputError(
                f"{where}: size_distribution {self.size_distribution!r} is not one of {SIZE_DISTRIBUTIONS}"
            )
        for name in ("number_density", "cutoff", "smallest_diameter", "shear_modulus_infinity", "table_density"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise InputError(f"{where}: {name} is {value!r}, must be positive and finite")
        if not (math.isfinite(self.largest_diameter) and self.largest_diameter >= self.smallest_diameter):
            raise InputError(f"{where}: largest_diameter is {self.largest_diameter!r}, below the smallest")
        spread = self.largest_diameter - self.smallest_diameter
        if not 0 <= self.nonadditivity * spread < 1:
            raise InputError(f"{where}: nonadditivity {self.nonadditivity!r} must keep every pair's lambda positive")
        if self.formula is not None:
            self._check_formula(where)

    def _check_formula(self, where: str) -> None:
        """Refuse a formula that cannot be a potential, for pairs of every size."""
        try:
            self.potential  # noqa: B018 - compiles and checks it
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if not np.isfinite(self._pair_energies()).all():
            raise InputError(f"{where}: formula: its energy is not finite for pairs of every size")

    @classmethod
    def from_parameters(cls, name: str, parameters: dict) -> Model:
        """Build a model from a mapping of its constants, as stored in files and in config/models.yaml."""
        known = {field.name for field in fields(cls)} - {"name", "formula"}
        formula = parameters.get("formula")
        if formula is not None and not isinstance(formula, Formula):
            try:
                formula = Formula.from_record(formula)
            except InputError as error:
                raise InputError(f"model {name!r}: {error}") from None
        default = {"form": PAPER_FORM if formula is None else FORMULA_FORM}
        parameters = {key: value for key, value in {**default, **parameters}.items() if key not in ("name", "formula")}
        if unknown := sorted(set(parameters) - known):
            every = ", ".join(sorted({*known, "formula"}))
            raise InputError(f"model {name!r}: unknown parameter {unknown[0]!r} (known: {every})")
        if missing := sorted(known - set(parameters)):
            raise InputError(f"model {name!r}: parameter {missing[0]!r} is missing")
        for key, value in parameters.items():
            wanted = (
                str
                if key in ("size_distribution", "form")
                else int
                if key in ("dimension", "exponent")
                else (int, float)
            )
            if isinstance(value, bool) or not isinstance(value, wanted):
                raise InputError(f"model {name!r}: {key} is {value!r}, which has the wrong type")
        return cls(name=name, formula=formula, **parameters)

    def parameters(self) -> dict:
        """The constants but the name as a plain dict, for `from_parameters`; the paper's form goes without saying."""
        constants = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}
        constants["formula"] = self.formula.record() if self.formula is not None else None
        default = {"form": PAPER_FORM, "formula": None}
        return {key: value for key, value in constants.items() if key not in default or value != default[key]}

    @property
    def potential(self) -> np.ndarray | tuple:
        """Parameters of the pair potential for the kernels: [x_c^2, c_0, c_2, c_4, c_6], or those of the form."""
        if self.formula is not None:
            return of_formula(self.formula, self.cutoff)
        if self.form != PAPER_FORM:
            return POTENTIALS[self.form](self.cutoff)
        return np.concatenate([[self.cutoff**2], smoothing_coefficients(self.exponent, self.cutoff)])

    @property
    def repulsive(self) -> bool:
        """Whether all pair energies are positive, which the swap moves' early end relies on."""
        if self.form == PAPER_FORM:
            return True
        found = self._pair_energies()
        # what vanishes at the cutoff does so up to rounding
        return bool(found.min() >= -1e-12 * np.median(np.abs(found)))

    def _pair_energies(self) -> np.ndarray:
        """Energies at many distances up to the cutoff, for pairs of many sizes; shape=(sizes, distances)."""
        sizes = np.linspace(self.smallest_diameter, self.largest_diameter, 2 if self.two_sizes else 5)
        a, b = (sizes[k] for k in np.triu_indices(len(sizes)))
        lam = 0.5 * (a + b) * (1.0 - self.nonadditivity * np.abs(a - b))
        potential = self.potential
        return np.array([energies(potential, w, potential[0] * np.linspace(0.04, 1.0, 400)) for w in lam**-2])

    @property
    def two_sizes(self) -> bool:
        """Whether every particle has the smallest or the largest diameter."""
        return self.size_distribution != "power_law"

    @property
    def largest_range(self) -> float:
        """Distance beyond which no pair of this model interacts."""
        # lambda_ab is not always largest for two large particles; a bound is enough here and tight for both models
        return self.cutoff * self.largest_diameter

    def box_length(self, n_particles: int) -> float:
        """L = (N / number_density)^(1/d)."""
        return (n_particles / self.number_density) ** (1.0 / self.dimension)

    def minimum_particles(self) -> int:
        """Fewest particles for which the minimum image is unique: L >= 2 x_c lambda_max."""
        return math.ceil(self.number_density * (2.0 * self.largest_range) ** self.dimension)

    def check_particles(self, n_particles: int) -> None:
        """Raise `InputError` when a box of `n_particles` is narrower than twice the potential's range."""
        least = self.minimum_particles()
        if n_particles != int(n_particles):
            raise InputError(f"n_particles is {n_particles}, must be a whole number")
        if n_particles < least:
            raise InputError(
                f"model {self.name!r}: n_particles is {n_particles}, too small for the cutoff: the box must be at "
                f"least {2 * self.largest_range:.3f} wide, which takes {least} particles"
            )

    def draw_diameters(self, n_particles: int, rng: np.random.Generator) -> np.ndarray:
        """Particle sizes, in random order.

        All are sampled without noise in their shape: exactly half of the binary particles are large (one more small
        one when N is odd), or the number nearest to 80 %, and the power law is stratified, one size from each of N
        slices of equal probability. So samples differ in their structure, not in their composition.

        Returns
        -------
        ndarray, shape=(N,)
        """
        small, large = self.smallest_diameter, self.largest_diameter
        if self.two_sizes:
            n_large = n_particles // 2 if self.size_distribution == "binary" else round(0.8 * n_particles)
            diameters = np.full(n_particles, small)
            diameters[:n_large] = large
        else:
            quantile = (np.arange(n_particles) + rng.random(n_particles)) / n_particles
            # p(s) ~ s^-3 on [a, b]: F(s) = (a^-2 - s^-2) / (a^-2 - b^-2)
            diameters = (small**-2 - quantile * (small**-2 - large**-2)) ** -0.5
        return rng.permutation(diameters)


def _ipl(name: str, dimension: int, density: float, shear_modulus: float) -> Model:
    return Model(
        name=name, dimension=dimension, number_density=density, exponent=10, cutoff=1.48, nonadditivity=1.0 / 24.0,
        size_distribution="binary", smallest_diameter=1.0, largest_diameter=1.4,
        shear_modulus_infinity=shear_modulus, table_density=density,
    )  # fmt: skip


MODELS: dict[str, Model] = {
    "ipl2d": _ipl("ipl2d", 2, 0.86, 15.8),
    "ipl3d": _ipl("ipl3d", 3, 0.82, 12.4),
    "ipl4d": _ipl("ipl4d", 4, 0.80, 10.9),
    # ASSUME: N/V = 0.58. Table II prints 0.65, but with the published potential that density gives G = 14.5-15.1 at
    # T = 1.3, not Table II's 9.22; at 0.58, the density of the one public configuration of this model, G saturates at
    # 9.2 above T = 0.9, as Table II says.
    "poly3d": Model(
        name="poly3d", dimension=3, number_density=0.58, exponent=10, cutoff=1.4, nonadditivity=0.1,
        size_distribution="power_law", smallest_diameter=1.0, largest_diameter=2.22,
        shear_modulus_infinity=9.22, table_density=0.65,
    ),
}  # fmt: skip


def _other(name: str, density: float, form: str, cutoff: float, sizes: tuple[str, float, float], **rest: Any) -> Model:
    kind, small, large = sizes
    return Model(
        name=name, dimension=3, number_density=density, form=form, cutoff=cutoff, size_distribution=kind,
        smallest_diameter=small, largest_diameter=large, table_density=density, **rest,
    )  # fmt: skip


# Not the paper's. Lengths: sigma_AA; the mean diameter; the small diameter. The moduli are means of 20
# glasses each (docs/potentials.md).
OTHER_MODELS: dict[str, Model] = {
    # n_a makes sigma_AB = 0.94 (1 - 0.12 n_a) = 0.8 of sigma_AA = 1 and sigma_BB = 0.88
    "kob_andersen": _other(
        "kob_andersen", 1.2, "lennard_jones", 2.5, ("binary_80_20", 0.88, 1.0), exponent=12,
        nonadditivity=(1.0 - 0.8 / 0.94) / 0.12, shear_modulus_infinity=15.6,
    ),
    "ninarello3d": _other(
        "ninarello3d", 1.0, "twelfth_power", 1.25, ("power_law", 0.73, 1.62), exponent=12, nonadditivity=0.2,
        shear_modulus_infinity=3.34,
    ),
    # packing fraction 0.8: N/V = 0.8 / (pi/6 (1 + 1.4^3) / 2)
    "harmonic3d": _other(
        "harmonic3d", 0.8161, "harmonic", 1.0, ("binary", 1.0, 1.4), exponent=2, nonadditivity=0.0,
        shear_modulus_infinity=0.0772,
    ),
    "hertzian3d": _other(
        "hertzian3d", 0.8161, "hertzian", 1.0, ("binary", 1.0, 1.4), exponent=2, nonadditivity=0.0,
        shear_modulus_infinity=0.0219,
    ),
}  # fmt: skip


def check_is_model(model: object) -> None:
    """Refuse what is no model, but its name, say."""
    if not isinstance(model, Model):
        raise InputError(f"model is {model!r}, must be a Model, such as MODELS['ipl3d'] or get_model('ipl3d')")


def get_model(name: str) -> Model:
    """The shipped model of that name; `InputError` names the known ones otherwise."""
    known = {**MODELS, **OTHER_MODELS}
    if name not in known:
        raise InputError(f"unknown model {name!r} (known: {', '.join(known)})")
    return known[name]
