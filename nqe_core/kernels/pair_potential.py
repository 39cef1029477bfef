"""The pair potential as a function of y = r^2 / lambda^2, and its derivatives in y.

phi is a polynomial in y plus y^-5, so no square root is ever taken. Derivatives in s = r^2 follow by the chain rule,
g^(k)(s) = phi_k(y) / lambda^(2k). `potential` is `Model.potential` = [x_c^2, c_0, c_2, c_4, c_6]; none of these
functions looks at the cutoff, callers do.
"""

from numba import njit


@njit(inline="always")
def inverse_lambda_squared(diameter_i, diameter_j, nonadditivity):
    """1 / lambda_ij^2 of a pair with non-additive sizes."""
    lam = 0.5 * (diameter_i + diameter_j) * (1.0 - nonadditivity * abs(diameter_i - diameter_j))
    return 1.0 / (lam * lam)


@njit(inline="always")
def phi(y, potential):
    """Pair energy."""
    u = 1.0 / y
    u2 = u * u
    return u2 * u2 * u + potential[1] + y * (potential[2] + y * (potential[3] + y * potential[4]))


@njit(inline="always")
def phi1(y, potential):
    """d phi / dy."""
    u = 1.0 / y
    u3 = u * u * u
    return -5.0 * u3 * u3 + potential[2] + y * (2.0 * potential[3] + y * 3.0 * potential[4])


@njit(inline="always")
def phi2(y, potential):
    """d^2 phi / dy^2."""
    u = 1.0 / y
    u3 = u * u * u
    return 30.0 * u3 * u3 * u + 2.0 * potential[3] + y * 6.0 * potential[4]


@njit(inline="always")
def phi3(y, potential):
    """d^3 phi / dy^3."""
    u = 1.0 / y
    u4 = u * u * u * u
    return -210.0 * u4 * u4 + 6.0 * potential[4]


@njit(inline="always")
def phi4(y, potential):
    """d^4 phi / dy^4; it jumps at the cutoff, where the lower derivatives vanish."""
    u = 1.0 / y
    u3 = u * u * u
    return 1680.0 * u3 * u3 * u3
