"""Lowest normal modes against dense linear algebra, in every dimension and by every method."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.sparse import linalg as sparse_linalg

from nqe_core import Interactions, harmonic, hessian, lowest_modes
from nqe_core.hessian_matrix import block_jacobi, without_translation
from nqe_core.kernels.chebyshev import subtract_mean
from nqe_core.kernels.lbfgs import apply_block_diagonal

SOLVERS = ("chebyshev", "factorised", "arpack")


@pytest.fixture(scope="module")
def spectrum(glasses):
    """`spectrum(name)`: eigenvalues and eigenvectors without the translations, by numpy."""
    known = {}

    def get(name):
        if name not in known:
            bonds = glasses(name).interactions
            values, vectors = np.linalg.eigh(hessian(bonds).toarray())
            known[name] = values[bonds.dimension :], vectors[:, bonds.dimension :]
        return known[name]

    return get


@pytest.mark.parametrize("n_modes", [1, 4, 10])
@pytest.mark.parametrize("method", SOLVERS)
def test_agrees_with_dense_diagonalisation(glass, spectrum, method, n_modes):
    values, vectors = spectrum(glass.model.name)
    found = lowest_modes(glass.interactions, n_modes, method)
    assert found.method == method
    assert found.converged
    # dense eigh itself is good to 1e-15 lambda_max / lambda_1 ~ 1e-12
    np.testing.assert_allclose(found.eigenvalues, values[:n_modes], rtol=1e-9)
    overlaps = np.abs(found.modes.reshape(n_modes, -1) @ vectors[:, :n_modes])
    assert 1.0 - np.diag(overlaps).min() < 1e-8


@pytest.mark.parametrize("method", SOLVERS)
def test_no_mode_is_missed_in_other_samples(glasses, method):
    """Degenerate translations and narrow filter windows have hidden modes before; 4D has most translations."""
    for name, seeds in (("ipl4d", range(4)), ("ipl3d", range(3)), ("poly3d", range(3))):
        for seed in seeds:
            bonds = glasses(name, seed).interactions
            lowest = np.linalg.eigvalsh(hessian(bonds).toarray())[bonds.dimension]
            assert lowest_modes(bonds, 1, method).eigenvalues[0] == pytest.approx(lowest, rel=1e-9)


@pytest.mark.parametrize("softest", [1e-2, 1e-3, 1e-4])
@pytest.mark.parametrize("method", SOLVERS)
def test_the_softest_samples_converge_too(glasses, method, softest):
    """Of many thousand samples the softest are a thousand times softer than usual, and must not be lost for that."""
    bonds = glasses("ipl3d").interactions

    def pressed(prestress):
        """More prestress lowers the whole spectrum, as on the way to an instability."""
        return replace(bonds, g1=bonds.g1 - prestress)

    n = bonds.n_particles
    translations = 1e3 * np.kron(np.full((n, n), 1.0 / n), np.eye(bonds.dimension))

    def excess(prestress):
        return np.linalg.eigvalsh(hessian(pressed(prestress)).toarray() + translations)[0] - softest

    found = lowest_modes(pressed(brentq(excess, 0.0, 1.0, xtol=1e-14)), 1, method)
    assert found.converged
    assert found.eigenvalues[0] == pytest.approx(softest, rel=1e-6)


@pytest.mark.parametrize("method", SOLVERS)
def test_many_modes_of_a_small_system(glasses, method):
    """Far more modes than the filter's first window holds."""
    bonds = glasses("ipl2d", n_particles=64).interactions
    values = np.linalg.eigvalsh(hessian(bonds).toarray())[2:]
    for n_modes in (20, 40):
        np.testing.assert_allclose(lowest_modes(bonds, n_modes, method).eigenvalues, values[:n_modes], rtol=1e-9)


def without_zeros(bonds) -> np.ndarray:
    """Eigenvalues by numpy, of a matrix that may have negative ones: the translations are those nearest to zero."""
    values = np.linalg.eigvalsh(hessian(bonds).toarray())
    translations = np.argsort(np.abs(values))[: bonds.dimension]
    assert np.abs(values[translations]).max() < 1e-10 * values[-1]
    return np.delete(values, translations)


@pytest.mark.parametrize(("name", "n"), [("ipl2d", 16), ("ipl2d", 64), ("ipl2d", 256), ("ipl3d", 64)])
@pytest.mark.parametrize("method", ["auto", *SOLVERS])
def test_what_is_not_a_minimum_has_its_negative_eigenvalues_found(glasses, name, n, method):
    """The lowest, not those nearest to zero: a positive one says that all are."""
    glass = glasses(name, n_particles=n)
    liquid = Interactions.of(glass.liquid, glass.model)
    values = without_zeros(liquid)
    assert values[0] < 0.0
    for n_modes in (1, 3):
        found = lowest_modes(liquid, n_modes, method)
        assert found.converged
        np.testing.assert_allclose(found.eigenvalues, values[:n_modes], rtol=1e-9)
        if method in ("factorised", "arpack"):  # factors cannot order eigenvalues of both signs
            assert found.method == "arpack"


@pytest.mark.parametrize("method", ["auto", *SOLVERS])
def test_one_far_negative_eigenvalue_is_not_overlooked(glasses, method):
    """A single bond under pressure makes one direction of a glass very unstable, and leaves its soft modes alone."""
    bonds = glasses("ipl2d", n_particles=100).interactions
    g2 = bonds.g2.copy()
    g2[np.argmax(g2 * (bonds.vectors**2).sum(axis=1))] *= -3.0
    saddle = replace(bonds, g2=g2)
    values = without_zeros(saddle)
    assert (values < 0.0).sum() == 1
    # hidden behind several softer ones: by magnitude it is not among the lowest
    assert (np.abs(values) < -values[0]).sum() > 3
    found = lowest_modes(saddle, 1, method)
    assert found.converged
    assert found.eigenvalues[0] == pytest.approx(values[0], rel=1e-9)


def test_factors_that_cannot_tell_are_not_relied_on(glasses, monkeypatch):
    def cannot_tell(inverse):
        raise ArithmeticError("pivoted off the diagonal")

    bonds = glasses("ipl2d", n_particles=64).interactions
    wanted = lowest_modes(bonds, 3).eigenvalues
    monkeypatch.setattr(harmonic.Factorised, "negative_eigenvalues", property(cannot_tell))
    found = lowest_modes(bonds, 3)
    assert found.converged
    np.testing.assert_allclose(found.eigenvalues, wanted, rtol=1e-9)


@pytest.mark.parametrize(
    "error",
    [
        sparse_linalg.ArpackError(-9, {-9: "Starting vector is zero."}),
        sparse_linalg.ArpackNoConvergence("No convergence", np.zeros(0), np.zeros((128, 0))),
    ],
)
@pytest.mark.parametrize("method", SOLVERS)
def test_complaints_of_arpack_are_arithmetic(glasses, monkeypatch, method, error):
    def complains(*args, **options):
        raise error

    bonds = glasses("ipl2d", n_particles=64).interactions
    monkeypatch.setattr(sparse_linalg, "eigsh", complains)
    with pytest.raises(ArithmeticError, match=r"Starting vector is zero|No convergence|found 0 of 2 modes"):
        lowest_modes(bonds, 2, method)


def test_modes_are_orthonormal_eigenvectors_without_translation(glass):
    bonds = glass.interactions
    found = lowest_modes(bonds, 4)
    flat = found.modes.reshape(4, -1)
    assert found.modes.shape == (4, bonds.n_particles, bonds.dimension)
    np.testing.assert_allclose(flat @ flat.T, np.eye(4), atol=1e-12)
    assert np.abs(found.modes.mean(axis=1)).max() < 1e-15
    matrix = hessian(bonds)
    for value, mode, residual in zip(found.eigenvalues, flat, found.residuals, strict=True):
        off = np.linalg.norm(matrix @ mode - value * mode) / value
        assert off < 1e-8
        # the stored residual is the true one, down to the rounding of M.psi, 1e-16 lambda_max / lambda
        assert off == pytest.approx(residual, abs=1e-12)
        assert mode[np.argmax(np.abs(mode))] > 0
    assert (np.diff(found.eigenvalues) > 0).all()


def test_auto_takes_the_method_of_the_dimension(glass):
    found = lowest_modes(glass.interactions)
    assert found.method == ("factorised" if glass.model.dimension == 2 else "chebyshev")


def test_same_call_same_bits(glass):
    for method in SOLVERS:
        one, other = (lowest_modes(glass.interactions, 2, method) for _ in range(2))
        np.testing.assert_array_equal(one.modes, other.modes)


def test_methods_agree_at_the_edge_of_what_can_be_asked(glasses):
    bonds = glasses("ipl2d", n_particles=24).interactions
    values = np.linalg.eigvalsh(hessian(bonds).toarray())[2:]
    for method in SOLVERS:
        found = lowest_modes(bonds, 45, method)
        np.testing.assert_allclose(found.eigenvalues, values[:45], rtol=1e-9)
        # all modes are more than any window of the filter holds
        assert found.method == ("factorised" if method == "chebyshev" else method)


@pytest.mark.parametrize("name", ["ipl2d", "ipl3d"])
def test_pseudo_inverse_is_numpys(glasses, name):
    bonds = glasses(name, n_particles=100).interactions
    dense = np.linalg.pinv(hessian(bonds).toarray(), rcond=1e-10, hermitian=True)
    inverse = harmonic.Factorised(bonds)
    f = np.random.default_rng(0).standard_normal((bonds.n_particles, bonds.dimension))
    wanted = (dense @ f.ravel()).reshape(f.shape)
    # both lose lambda_max / lambda_1 ~ 1e3 over the rounding of M
    np.testing.assert_allclose(inverse(f), wanted, rtol=0, atol=1e-10 * np.abs(wanted).max())
    assert inverse(f.ravel()).shape == (f.size,)
    uniform = np.full(f.shape, 0.3)
    assert np.abs(inverse(uniform)).max() < 1e-14


def test_block_jacobi_inverts_the_diagonal_blocks(glass):
    bonds = glass.interactions
    n, d = bonds.n_particles, bonds.dimension
    blocks = block_jacobi(bonds)
    np.testing.assert_allclose(
        blocks.reshape(n, d, d) @ bonds.diagonal_blocks()[bonds.order], np.tile(np.eye(d), (n, 1, 1)), atol=1e-11
    )
    g = np.random.default_rng(1).standard_normal(n * d)
    out = np.empty_like(g)
    apply_block_diagonal(blocks, g, out, bonds.box)
    np.testing.assert_allclose(out, np.einsum("nab,nb->na", blocks.reshape(n, d, d), g.reshape(n, d)).ravel())


def test_mean_subtraction_in_python_and_compiled(glass):
    d = glass.model.dimension
    z = np.random.default_rng(2).standard_normal(glass.interactions.size) + 5.0
    wanted = without_translation(z, d)
    subtract_mean(z, glass.interactions.box)
    np.testing.assert_allclose(z, wanted, atol=1e-13)
