"""Contractions of the second, third and fourth derivative of U with a displacement field z, bond by bond.

Displace a bond x along z_ij: s(t) = r^2 + 2 b t + c t^2 with b = x.z_ij, c = z_ij.z_ij. With u = 2b and v = 2c the
derivatives of g(s(t)) at t = 0 are

    M:zz    = sum g2 u^2 + g1 v
    U3:zzz  = sum g3 u^3 + 3 g2 u v
    U4:zzzz = sum g4 u^4 + 6 g3 u^2 v + 3 g2 v^2

and the fields, per bond (added to the first particle, subtracted from the second),

    M.z     = 2 g2 u x + 2 g1 z_ij
    U3:zz   = 2 (g3 u^2 + g2 v) x + 4 g2 u z_ij
    U4:zzz  = 2 u (g4 u^2 + 3 g3 v) x + 6 (g3 u^2 + g2 v) z_ij

the last equal to Eq. C2 of the paper. Every kernel takes bonds as flat arrays and the box as a tuple only to know d.
"""

import numpy as np

from nqe_core.kernels.disk_cache import njit
from nqe_core.kernels.pair_potential import phi1, phi2, phi3, phi4


@njit(inline="always")
def _bond(k, first, second, vectors, z, box):
    """Components' places of both particles of bond k, u = 2 x.z_ij and v = 2 z_ij.z_ij."""
    d = np.uint64(len(box))
    i, j = np.uint64(first[k]) * d, np.uint64(second[k]) * d
    b, c = 0.0, 0.0
    for a in range(d):
        w = z[i + a] - z[j + a]
        b += vectors[k * d + a] * w
        c += w * w
    return i, j, 2.0 * b, 2.0 * c


@njit(cache=True, fastmath=True, error_model="numpy", inline="always")
def hessian_product(first, second, vectors, g1, g2, z, out, box):
    """out = M.z"""
    d = np.uint64(len(box))
    out[:] = 0.0
    for k in range(np.uint64(first.size)):
        i, j, u, _ = _bond(k, first, second, vectors, z, box)
        p, q = 2.0 * g2[k] * u, 2.0 * g1[k]
        for a in range(d):
            t = p * vectors[k * d + a] + q * (z[i + a] - z[j + a])
            out[i + a] += t
            out[j + a] -= t


@njit(cache=True, fastmath=True, error_model="numpy")
def affine_derivatives(first, second, vectors, g1, g2, generator, square, out, box):
    """d2U/dgamma2 of x -> exp(gamma E) x, and out = d2U/dgamma dx, from E and E^2, flat (d*d,)."""
    d = np.uint64(len(box))
    out[:] = 0.0
    curvature = 0.0
    for k in range(np.uint64(first.size)):
        i, j = np.uint64(first[k]) * d, np.uint64(second[k]) * d
        along, spread = 0.0, 0.0
        for a in range(d):
            moved, bent = 0.0, 0.0
            for b in range(d):
                moved += generator[a * d + b] * vectors[k * d + b]
                bent += square[a * d + b] * vectors[k * d + b]
            along += vectors[k * d + a] * moved
            spread += moved * moved + vectors[k * d + a] * bent
        curvature += 4.0 * g2[k] * along * along + 2.0 * g1[k] * spread
        for a in range(d):
            moved = 0.0
            for b in range(d):
                moved += generator[a * d + b] * vectors[k * d + b]
            t = 4.0 * g2[k] * along * vectors[k * d + a] + 2.0 * g1[k] * moved
            out[i + a] += t
            out[j + a] -= t
    return curvature


@njit(cache=True, fastmath=True, error_model="numpy")
def cubic_scalars(first, second, vectors, g1, g2, g3, z, box):
    """M:zz and U3:zzz, not normalised."""
    m, t = 0.0, 0.0
    for k in range(np.uint64(first.size)):
        _, _, u, v = _bond(k, first, second, vectors, z, box)
        m += g2[k] * u * u + g1[k] * v
        t += u * (g3[k] * u * u + 3.0 * g2[k] * v)
    return m, t


@njit(cache=True, fastmath=True, error_model="numpy")
def quartic_scalars(first, second, vectors, g1, g2, g3, g4, z, box):
    """M:zz and U4:zzzz, not normalised."""
    m, t = 0.0, 0.0
    for k in range(np.uint64(first.size)):
        _, _, u, v = _bond(k, first, second, vectors, z, box)
        u2 = u * u
        m += g2[k] * u2 + g1[k] * v
        t += g4[k] * u2 * u2 + 6.0 * g3[k] * u2 * v + 3.0 * g2[k] * v * v
    return m, t


@njit(cache=True, fastmath=True, error_model="numpy")
def cubic_field(first, second, vectors, g1, g2, g3, z, weight2, weight3, out, box):
    """out = weight2 M.z + weight3 U3:zz"""
    d = np.uint64(len(box))
    out[:] = 0.0
    for k in range(np.uint64(first.size)):
        i, j, u, v = _bond(k, first, second, vectors, z, box)
        p = 2.0 * weight2 * g2[k] * u + 2.0 * weight3 * (g3[k] * u * u + g2[k] * v)
        q = 2.0 * weight2 * g1[k] + 4.0 * weight3 * g2[k] * u
        for a in range(d):
            t = p * vectors[k * d + a] + q * (z[i + a] - z[j + a])
            out[i + a] += t
            out[j + a] -= t


@njit(cache=True, fastmath=True, error_model="numpy")
def quartic_field(first, second, vectors, g1, g2, g3, g4, z, weight2, weight4, out, box):
    """out = weight2 M.z + weight4 U4:zzz"""
    d = np.uint64(len(box))
    out[:] = 0.0
    for k in range(np.uint64(first.size)):
        i, j, u, v = _bond(k, first, second, vectors, z, box)
        u2 = u * u
        p = 2.0 * u * (weight2 * g2[k] + weight4 * (g4[k] * u2 + 3.0 * g3[k] * v))
        q = 2.0 * weight2 * g1[k] + 6.0 * weight4 * (g3[k] * u2 + g2[k] * v)
        for a in range(d):
            t = p * vectors[k * d + a] + q * (z[i + a] - z[j + a])
            out[i + a] += t
            out[j + a] -= t


@njit(cache=True, fastmath=False, error_model="numpy")
def bond_derivatives(distance2, inverse_lambda2, potential):
    """g1..g4 at s = r^2: derivatives of the pair energy in s.

    Returns
    -------
    g1, g2, g3, g4 : ndarray, shape=(B,)
        phi_k(y) / lambda^(2k).
    """
    n = distance2.size
    g1, g2, g3, g4 = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    for k in range(n):
        w = inverse_lambda2[k]
        y = distance2[k] * w
        g1[k] = phi1(y, w, potential) * w
        g2[k] = phi2(y, w, potential) * w * w
        g3[k] = phi3(y, w, potential) * w * w * w
        g4[k] = phi4(y, w, potential) * w * w * w * w
    return g1, g2, g3, g4


@njit(cache=True, fastmath=False, error_model="numpy")
def diagonal_blocks(first, second, vectors, g1, g2, n_particles, box):
    """The d x d blocks of M on its diagonal, flat (N*d*d,)."""
    d = np.uint64(len(box))
    blocks = np.zeros(np.uint64(n_particles) * d * d)
    for k in range(np.uint64(first.size)):
        i, j = np.uint64(first[k]), np.uint64(second[k])
        for a in range(d):
            for b in range(d):
                t = 4.0 * g2[k] * vectors[k * d + a] * vectors[k * d + b]
                if a == b:
                    t += 2.0 * g1[k]
                blocks[(i * d + a) * d + b] += t
                blocks[(j * d + a) * d + b] += t
    return blocks
