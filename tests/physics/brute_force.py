"""The physics once more, slowly and differently: numpy only, all pairs and all images, distances instead of squares.

Nothing here imports the package's kernels. The constants are typed in from the potential's published table.
"""

import numpy as np

# c_0, c_2, c_4, c_6 at x_c = 1.48 and 1.40
TABLE = {
    1.48: (-1.1106337662511796, 1.2676152372297065, -0.49604060728492116, 0.06605118264157324),
    1.40: (-1.9360103298820364, 2.4694009309719855, -1.079912943573755, 0.1607013308889516),
}


def pair_lambda(diameter_i, diameter_j, nonadditivity):
    """lambda_ij of a pair of sizes."""
    return 0.5 * (diameter_i + diameter_j) * (1.0 - nonadditivity * np.abs(diameter_i - diameter_j))


def pair_energy(x, cutoff, order=0):
    """phi or one of its derivatives in x = r / lambda, zero beyond the cutoff."""
    falling = np.prod([-(10.0 + m) for m in range(order)])  # of x^-10
    value = falling * x ** (-10.0 - order)
    for k, coefficient in enumerate(TABLE[cutoff]):
        power = 2 * k
        if power >= order:
            value = value + np.prod([power - m for m in range(order)]) * coefficient * x ** (power - order)
    return np.where(x < cutoff, value, 0.0)


class Pairs:
    """Every pair of particles that could interact in a (possibly sheared) periodic cell, with its image.

    Parameters
    ----------
    positions : ndarray, shape=(N, d)
    diameters : ndarray, shape=(N,)
    box_length : float
    model
        Only its cutoff and nonadditivity are used.
    slack : float
        How much further than the cutoff to look, as a share of it.
    """

    def __init__(self, positions, diameters, box_length, model, slack=0.0):
        d = positions.shape[1]
        inside = positions - box_length * np.floor(positions / box_length)
        i, j = np.triu_indices(len(positions), 1)
        reach = (1.0 + slack) * model.cutoff * pair_lambda(diameters[i], diameters[j], model.nonadditivity)
        image = np.zeros((i.size, d), int)
        # one component after the other: three images of each pair, and only those still near enough go on
        for a in range(d):
            i, j, reach, image = (np.concatenate([values] * 3) for values in (i, j, reach, image))
            image[:, a] = np.repeat([-1, 0, 1], i.size // 3)
            near = np.abs(inside[i, a] - inside[j, a] + box_length * image[:, a]) < reach
            i, j, reach, image = i[near], j[near], reach[near], image[near]
        near = np.linalg.norm(inside[i] - inside[j] + box_length * image, axis=1) < reach
        self.i, self.j, self.image = i[near], j[near], image[near]
        self.inside, self.box_length, self.cutoff = inside, box_length, model.cutoff
        self.lam = pair_lambda(diameters[self.i], diameters[self.j], model.nonadditivity)
        self.n = len(positions)

    def vectors(self, positions=None, deformation=None):
        """x_i - x_j of every pair, with the cell and the positions deformed by a matrix."""
        positions = self.inside if positions is None else positions
        x = positions[self.i] - positions[self.j] + self.box_length * self.image
        return x if deformation is None else x @ deformation.T

    def energy(self, positions=None, deformation=None):
        """U. `positions` are those before the deformation."""
        r = np.linalg.norm(self.vectors(positions, deformation), axis=1)
        return pair_energy(r / self.lam, self.cutoff).sum()

    def gradient(self, positions=None, deformation=None):
        """dU / d(deformed positions), shape=(N, d)."""
        x = self.vectors(positions, deformation)
        r = np.linalg.norm(x, axis=1)
        pull = (pair_energy(r / self.lam, self.cutoff, 1) / self.lam / r)[:, None] * x
        out = np.zeros((self.n, x.shape[1]))
        np.add.at(out, self.i, pull)
        np.add.at(out, self.j, -pull)
        return out

    def hessian(self, positions=None, deformation=None):
        """Dense d2U, shape=(N*d, N*d), from phi'' and phi' in r."""
        x = self.vectors(positions, deformation)
        r = np.linalg.norm(x, axis=1)
        n, d = self.n, x.shape[1]
        normal = x / r[:, None]
        stiff = pair_energy(r / self.lam, self.cutoff, 2) / self.lam**2
        tension = pair_energy(r / self.lam, self.cutoff, 1) / self.lam / r
        along = normal[:, :, None] * normal[:, None, :]
        blocks = stiff[:, None, None] * along + tension[:, None, None] * (np.eye(d) - along)
        out = np.zeros((n, n, d, d))
        for a, b, sign in ((self.i, self.i, 1), (self.j, self.j, 1), (self.i, self.j, -1), (self.j, self.i, -1)):
            np.add.at(out, (a, b), sign * blocks)
        return out.transpose(0, 2, 1, 3).reshape(n * d, n * d)

    def pair_virial(self):
        """sum over pairs of x_ij . f_ij."""
        r = np.linalg.norm(self.vectors(), axis=1)
        return -(pair_energy(r / self.lam, self.cutoff, 1) / self.lam * r).sum()


def relaxed(pairs, deformation, tolerance=1e-10):
    """Positions (before the deformation) of the deformed cell's energy minimum nearby, by Newton's method."""
    positions = pairs.inside.copy()
    d = positions.shape[1]
    back = np.linalg.inv(deformation)
    for _ in range(12):
        gradient = pairs.gradient(positions, deformation)
        if np.abs(gradient).max() < tolerance:
            return positions
        step = np.zeros(positions.size)
        step[d:] = np.linalg.solve(pairs.hessian(positions, deformation)[d:, d:], -gradient.ravel()[d:])
        positions = positions + step.reshape(positions.shape) @ back.T
    raise AssertionError(f"Newton's method did not relax the strained cell: {np.abs(gradient).max()}")
