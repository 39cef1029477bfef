"""The pair potential as a function of y = r^2 / lambda^2, and its derivatives in y; which one is chosen by type.

Kernels call phi(y, w, potential), with w = 1 / lambda^2 of the pair. The compiler picks the functions by the type of
`potential`, so that every potential is compiled into the kernels as if it were the only one. `potential[0]` is the square
of the cutoff, in units of lambda, for all of them; none of these functions looks at it, callers do. Derivatives in
s = r^2 follow by the chain rule, g^(k)(s) = phi_k(y) / lambda^(2k).

The paper's potential is an array or a plain tuple [x_c^2, c_0, c_2, c_4, c_6]: a polynomial in y plus y^-5, so no square
root is ever taken. Others are named tuples that `parameter_types.register` has made known (`nqe_core.potentials`).
"""

from numba import types
from numba.extending import overload

from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.parameter_types import REGISTERED


@njit(inline="always")
def inverse_lambda_squared(diameter_i, diameter_j, nonadditivity):
    """1 / lambda_ij^2 of a pair with non-additive sizes."""
    lam = 0.5 * (diameter_i + diameter_j) * (1.0 - nonadditivity * abs(diameter_i - diameter_j))
    return 1.0 / (lam * lam)


def _power(y, w, potential):
    u = 1.0 / y
    u2 = u * u
    return u2 * u2 * u + potential[1] + y * (potential[2] + y * (potential[3] + y * potential[4]))


def _power1(y, w, potential):
    u = 1.0 / y
    u3 = u * u * u
    return -5.0 * u3 * u3 + potential[2] + y * (2.0 * potential[3] + y * 3.0 * potential[4])


def _power2(y, w, potential):
    u = 1.0 / y
    u3 = u * u * u
    return 30.0 * u3 * u3 * u + 2.0 * potential[3] + y * 6.0 * potential[4]


def _power3(y, w, potential):
    u = 1.0 / y
    u4 = u * u * u * u
    return -210.0 * u4 * u4 + 6.0 * potential[4]


def _power4(y, w, potential):
    # jumps at the cutoff, where the lower derivatives vanish
    u = 1.0 / y
    u3 = u * u * u
    return 1680.0 * u3 * u3 * u3


_INVERSE_POWER = (_power, _power1, _power2, _power3, _power4)


def _of_type(potential, order):
    """The function for the compiler's type of `potential`; None, which is an error there, for an unknown one."""
    if isinstance(potential, types.BaseNamedTuple):
        return REGISTERED.get(potential.instance_class, (None,) * 5)[order]
    return _INVERSE_POWER[order]


def phi(y, w, potential):
    """Pair energy."""
    return REGISTERED.get(type(potential), _INVERSE_POWER)[0](y, w, potential)


def phi1(y, w, potential):
    """d phi / dy."""
    return REGISTERED.get(type(potential), _INVERSE_POWER)[1](y, w, potential)


def phi2(y, w, potential):
    """d^2 phi / dy^2."""
    return REGISTERED.get(type(potential), _INVERSE_POWER)[2](y, w, potential)


def phi3(y, w, potential):
    """d^3 phi / dy^3."""
    return REGISTERED.get(type(potential), _INVERSE_POWER)[3](y, w, potential)


def phi4(y, w, potential):
    """d^4 phi / dy^4."""
    return REGISTERED.get(type(potential), _INVERSE_POWER)[4](y, w, potential)


# the compiler's view of the five functions above


@overload(phi, inline="always")
def _overload(y, w, potential):
    return _of_type(potential, 0)


@overload(phi1, inline="always")
def _overload1(y, w, potential):
    return _of_type(potential, 1)


@overload(phi2, inline="always")
def _overload2(y, w, potential):
    return _of_type(potential, 2)


@overload(phi3, inline="always")
def _overload3(y, w, potential):
    return _of_type(potential, 3)


@overload(phi4, inline="always")
def _overload4(y, w, potential):
    return _of_type(potential, 4)
