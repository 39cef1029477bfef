"""Replica exchange: walkers of one liquid at neighbouring temperatures, which they exchange.

K. Hukushima and K. Nemoto, J. Phys. Soc. Jpn. 65, 1604 (1996). What the walkers sample together is the product of their
canonical distributions; exchanging the temperatures T_i < T_j of two states is a move in it, accepted with

    min(1, exp[(1/T_i - 1/T_j) (U_i - U_j)]).

A state that is stuck at low temperature climbs to where it relaxes quickly, and comes back as another one. Neighbours are
tried in alternation, even and odd pairs: a fixed order of moves that each obey detailed balance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nqe_core.errors import InputError
from nqe_core.kernels.monte_carlo import ENERGY, STEP
from nqe_core.swap_monte_carlo.walker import Walker


class Ladder:
    """Walkers at ascending temperatures.

    Parameters
    ----------
    walkers : sequence of Walker
        Two or more, of one model and one set of sizes, each with the step that fits its temperature. They are changed.
    rng : numpy.random.Generator
        Decides exchanges.

    Attributes
    ----------
    temperatures : ndarray, shape=(n,)
        Of the rungs.
    replica : ndarray, shape=(n,)
        Which of `walkers` stands on each rung.
    attempts, accepted : ndarray, shape=(n - 1,)
        Of exchanges between each rung and the next.

    Raises
    ------
    InputError
        Fewer than two walkers, temperatures that do not ascend, or sizes that differ: states of different sizes have
        different free energies, and the rungs would no longer weigh them alike.
    """

    def __init__(self, walkers: Sequence[Walker], rng: np.random.Generator) -> None:
        self.walkers, self.rng = tuple(walkers), rng
        self.temperatures = np.array([walker.temperature for walker in self.walkers])
        if len(self.walkers) < 2 or not (np.diff(self.temperatures) > 0).all():
            raise InputError(f"temperatures are {self.temperatures.tolist()}, must be two or more, ascending")
        sizes = np.sort([walker.arrays.diameters for walker in self.walkers], axis=1)
        if not (sizes == sizes[0]).all():
            raise InputError("replicas must have one set of sizes")
        self._steps = [walker.progress[STEP] for walker in self.walkers]
        self.replica = np.arange(len(self.walkers))
        self.attempts, self.accepted = np.zeros((2, len(self.walkers) - 1), int)
        self._first = 0  # of the pairs that are tried next

    def run(self, rounds: int, cycles: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Rounds of `cycles` cycles of every walker and an exchange.

        Returns
        -------
        energies : ndarray, shape=(rounds, n)
            U on every rung after each round.
        replicas : ndarray, shape=(rounds, n)
            Which walker stood on it.
        """
        energies, replicas = np.empty((rounds, self.replica.size)), np.empty((rounds, self.replica.size), int)
        for done in range(rounds):
            for walker in self.walkers:
                walker.run(walker.sweeps_per_cycle, np.zeros(cycles))
            self._exchange()
            replicas[done] = self.replica
            energies[done] = [self.walkers[index].progress[ENERGY] for index in self.replica]
        return energies, replicas

    def _exchange(self) -> None:
        """Try every second pair of neighbours; every cycle ends with the energy of the state, free of past overlaps."""
        for low in range(self._first, self.replica.size - 1, 2):
            pair = slice(low, low + 2)
            cold, hot = (self.walkers[index] for index in self.replica[pair])
            gained = (1.0 / cold.temperature - 1.0 / hot.temperature) * (cold.progress[ENERGY] - hot.progress[ENERGY])
            self.attempts[low] += 1
            if np.log1p(-self.rng.random()) < gained:
                self.accepted[low] += 1
                self.replica[pair] = self.replica[pair][::-1]
                for rung in (low, low + 1):
                    walker = self.walkers[self.replica[rung]]
                    walker.temperature, walker.progress[STEP] = float(self.temperatures[rung]), self._steps[rung]
        self._first = 1 - self._first
