"""Is it a glass? A crystal's Bragg peaks stand out of the structure factor in any dimension."""

from __future__ import annotations

import math

import numpy as np
from scipy import fft

from nqe_core.configuration import Configuration

# The first Bragg peaks of every close packing lie between these multiples of 2 pi / (mean spacing).
FIRST_WAVE_NUMBER, LAST_WAVE_NUMBER = 0.7, 1.6
POINTS_PER_WAVE = 3.0  # of the grid, for the shortest wave
AT_ONCE = 16  # waves whose values are taken from the particles together
# Waves with less than this share of the peak on the grid are not looked at. Of 1,070 random starts, whose S(k) is flat, two
# lost their highest wave by it, for one lower by 0.2 and 1.1 %; of 100 glasses of N = 400 to 32768 none.
GRID_ERROR = 0.45

# Glasses of all models reach 15 to 65 (4,452 of N = 400 to 6400; 64 in 2D at N = 6400): the largest of many exponentially
# distributed numbers with mean 4 at the first peak, growing slowly with N. A lattice disturbed by 3 % of the spacing
# reaches 0.7 N to 0.99 N, and one that holds a share x of the particles x^2 times that: a tenth of a large sample 0.01 N.
CRYSTAL_PEAK, CRYSTAL_SHARE = 100.0, 0.1
# Fewer particles are not judged: half of N, which lattices exceed, is then what glasses exceed too. Of 400 glasses each of
# 2D IPL 127 did at N = 16, 42 at 20, 14 at 25, 23 at 30, 3 at 36, 2 at 40, none at 45, 49, 56 and 64 (at most 0.47 N). No
# model of the paper has a box for so few in three or four dimensions.
FEWEST_TO_JUDGE = 45


def structure_peak(configuration: Configuration) -> float:
    """Largest S(k) over all wave vectors of the box around the first peak of the structure factor.

    Parameters
    ----------
    configuration : Configuration
        N particles in d dimensions, in a periodic cube.

    Returns
    -------
    float
        S(k) = |sum_j exp(i k.x_j)|^2 / N: N for a perfect lattice.
    """
    n, d = configuration.positions.shape
    per_side = n ** (1.0 / d)  # waves of one mean spacing along a side of the box
    points = fft.next_fast_len(math.ceil(POINTS_PER_WAVE * LAST_WAVE_NUMBER * per_side), real=True)
    cell = np.floor(configuration.positions / configuration.box_length * points).astype(np.int64) % points
    density = np.zeros((points,) * d)
    np.add.at(density, tuple(cell.T), 1.0)
    amplitude = fft.rfftn(density, workers=1)
    intensity = amplitude.real**2 + amplitude.imag**2
    numbers = [fft.fftfreq(points, 1.0 / points)] * (d - 1) + [np.arange(points // 2 + 1, dtype=float)]
    squared = np.zeros(intensity.shape)
    for axis, along in enumerate(numbers):
        shape = tuple(-1 if other == axis else 1 for other in range(d))
        squared += (along**2).reshape(shape)
        # the particles were moved to the centres of grid cells: undo the loss of contrast
        intensity /= (np.sinc(along / points) ** 2).reshape(shape)
    outside = (squared < (FIRST_WAVE_NUMBER * per_side) ** 2) | (squared > (LAST_WAVE_NUMBER * per_side) ** 2)
    intensity[outside] = 0.0
    # the grid finds the candidates, the particles themselves give their values
    likely = np.flatnonzero(intensity >= GRID_ERROR * intensity.max())
    likely = likely[np.argsort(-intensity.flat[likely], kind="stable")]
    peak = 0.0
    for first in range(0, likely.size, AT_ONCE):
        some = likely[first : first + AT_ONCE]
        if intensity.flat[some[0]] < GRID_ERROR * peak:
            break
        index = np.unravel_index(some, intensity.shape)
        waves = np.stack([along[k] for along, k in zip(numbers, index, strict=True)])
        phases = 2 * np.pi / configuration.box_length * (configuration.positions @ waves)
        values = np.cos(phases).sum(axis=0) ** 2 + np.sin(phases).sum(axis=0) ** 2
        peak = max(peak, float(values.max()))
    return peak / n


def is_crystalline(peak: float, n_particles: int) -> bool:
    """Whether a structure factor that reaches `peak` shows a crystal; in a small box a crystal's is not higher than N.

    Never of fewer than `FEWEST_TO_JUDGE` particles, whose glasses and crystals it does not tell apart.
    """
    if n_particles < FEWEST_TO_JUDGE:
        return False
    return peak > min(max(CRYSTAL_PEAK, CRYSTAL_SHARE**2 * n_particles), 0.5 * n_particles)
