"""The solvers' kernels, over sorted particles and short vectors, against the plain loops of `contractions`."""

import numpy as np
from numba import njit

from nqe_core.kernels import bond_rows


@njit
def contractions(rows, z, weight2, weight, box):
    """M.z, a quartic and a cubic field, and both pairs of scalars."""
    work = bond_rows.work_space(rows, box)
    product, quartic, cubic = np.empty(z.size), np.empty(z.size), np.empty(z.size)
    bond_rows.product(rows, z, product, work, box)
    kappa_chi = bond_rows.quartic_scalars(rows, z, work, box)
    bond_rows.quartic_field(rows, weight2, weight, quartic, work, box)
    kappa_tau = bond_rows.cubic_scalars(rows, z, work, box)
    bond_rows.cubic_field(rows, weight2, weight, cubic, work, box)
    return product, quartic, cubic, kappa_chi, kappa_tau


def test_rows_hold_every_bond_once(glass):
    bonds, rows = glass.interactions, glass.interactions.rows
    first = bonds.order[np.repeat(np.arange(bonds.n_particles), np.diff(rows.start.astype(int)))]
    second = bonds.order[rows.partner]
    listed = sorted(zip(first.tolist(), second.tolist(), rows.g1.tolist(), strict=True))
    assert listed == sorted(zip(bonds.i.tolist(), bonds.j.tolist(), bonds.g1.tolist(), strict=True))
    np.testing.assert_array_equal(np.sort(bonds.order), np.arange(bonds.n_particles))


def test_rows_give_what_the_plain_loops_give(glass, unit_field):
    bonds = glass.interactions
    z = unit_field(bonds.n_particles, bonds.dimension, seed=3).ravel()
    np.testing.assert_array_equal(bonds.from_rows(bonds.to_rows(z)), z)
    found = contractions(bonds.rows, bonds.to_rows(z), 0.7, -0.3, bonds.box)
    expected = bonds.hessian_product(z), bonds.quartic_field(z, 0.7, -0.3), bonds.cubic_field(z, 0.7, -0.3)
    for ours, plain in zip(found[:3], expected, strict=True):
        np.testing.assert_allclose(bonds.from_rows(ours), plain, rtol=0, atol=1e-13 * np.abs(plain).max())
    np.testing.assert_allclose(found[3], bonds.quartic_scalars(z), rtol=1e-12)
    np.testing.assert_allclose(found[4], bonds.cubic_scalars(z), rtol=1e-12)
