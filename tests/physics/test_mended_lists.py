"""Lists that are mended for a few fast particles: never a pair missing, none twice, and a limit to mending."""

import numpy as np
import pytest

from nqe_core import Configuration, forces
from nqe_core.kernels import mended_lists
from nqe_core.kernels.forces import force_scratch, pair_forces

SKIN = 0.2
NAMES = ["ipl2d", "ipl3d", "ipl4d", "poly3d"]


class Walk:
    """Particles of a glass, of which some run off; positions are kept in the order of the list."""

    def __init__(self, glass) -> None:
        c, self.model = glass.configuration, glass.model
        self.box, self.side = c.box, c.box_length
        self.x, self.sizes = c.positions.ravel().copy(), c.diameters.copy()
        self.renew()

    def renew(self) -> None:
        identity, v = np.arange(self.sizes.size, dtype=np.uint32), np.zeros_like(self.x)
        self.pairs = mended_lists.build_mendable(
            self.x, v, self.sizes, identity, self.box, self.model.cutoff, self.model.nonadditivity, SKIN
        )

    def mend(self) -> bool:
        return mended_lists.mend(
            self.pairs, self.x, self.sizes, self.box, self.model.cutoff, self.model.nonadditivity, SKIN
        )

    def forces(self) -> np.ndarray:
        f = np.empty_like(self.x)
        pairs, potential = self.pairs, self.model.potential
        scratch = force_scratch(self.box, self.sizes.size)
        pair_forces(self.x, pairs.start, pairs.partner, pairs.inverse_lambda2, self.box, potential, f, scratch)
        mended_lists.add_mended_forces(pairs, self.x, self.box, potential, f)
        return f.reshape(-1, len(self.box))

    def configuration(self) -> Configuration:
        return Configuration(self.x.reshape(-1, len(self.box)).copy(), self.sizes, self.side)

    def listed(self) -> list[tuple[int, int]]:
        """All pairs, of both lists."""
        pairs = self.pairs
        first = np.repeat(np.arange(self.sizes.size), np.diff(pairs.start.astype(np.int64)))
        found = [(int(i), int(j)) for i, j in zip(first, pairs.partner, strict=True)]
        later = int(pairs.count[0])
        found += [(int(i), int(j)) for i, j in zip(pairs.first[:later], pairs.second[:later], strict=True)]
        return [tuple(sorted(pair)) for pair in found]


@pytest.mark.parametrize("name", NAMES)
def test_forces_stay_right_while_a_few_particles_run_through_the_box(glasses, name):
    walk, rng = Walk(glasses(name)), np.random.default_rng(7)
    d, n = len(walk.box), walk.sizes.size
    runners = rng.choice(n, 3, replace=False)
    heading = rng.normal(size=(3, d))
    heading /= np.linalg.norm(heading, axis=1)[:, None]
    mended, found = 0, 0
    for _ in range(40):
        # nobody may go farther than half the skin from where partners were looked for
        walk.x.reshape(-1, d)[runners] += 0.09 * heading
        if walk.mend():
            mended, found = mended + 1, max(found, int(walk.pairs.count[0]))
        else:
            walk.renew()  # others take the runners' places in the new order, and run on
            continue
        known = forces(walk.configuration(), walk.model)
        np.testing.assert_allclose(walk.forces(), known, rtol=1e-9, atol=1e-9 * np.abs(known).max())
        pairs = walk.listed()
        assert len(pairs) == len(set(pairs))
        assert all(i != j for i, j in pairs)
    assert mended >= 20 and found >= 3


def test_when_many_have_moved_a_new_list_is_due(glasses):
    walk, rng = Walk(glasses("ipl3d")), np.random.default_rng(1)
    assert walk.mend()  # nobody has
    assert walk.pairs.count.tolist() == [0, 0]
    walk.x += rng.normal(0.0, 0.1, walk.x.size)
    assert not walk.mend()


def test_a_particle_that_is_back_is_listed_once_more_but_not_twice(glasses):
    walk = Walk(glasses("ipl2d"))
    for step in (0.09, 0.09, -0.09, -0.09):
        walk.x[0] += step
        assert walk.mend()
        pairs = walk.listed()
        assert len(pairs) == len(set(pairs))
    assert walk.pairs.count[1] >= 3
