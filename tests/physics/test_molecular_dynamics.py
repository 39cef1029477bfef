"""Velocity Verlet, its thermostat and its neighbour lists; cooling at a constant rate."""

from itertools import pairwise

import numpy as np
import pytest

from nqe_core import Configuration, InputError, cool, potential_energy, quench
from nqe_core.kernels.dynamics import verlet_block
from nqe_core.molecular_dynamics import THERMOSTAT_INTERVAL, TIME_STEP, UPDATES_PER_BLOCK, LangevinDynamics, _ramp


class Trajectory:
    """Newton's equations through the kernel, without a thermostat."""

    def __init__(self, configuration, model, temperature=2.0, seed=0, skin=0.45):
        self.initial, self.model, self.skin = configuration, model, skin
        self.x = configuration.positions.ravel().copy()
        self.v = np.sqrt(temperature) * np.random.default_rng(seed).standard_normal(self.x.size)
        self.v -= np.tile(self.v.reshape(-1, model.dimension).mean(axis=0), configuration.n_particles)
        self.diameters = configuration.diameters.copy()
        self.identity = np.arange(configuration.n_particles, dtype=np.uint32)

    def run(self, steps, dt):
        none = np.empty(0)
        return verlet_block(
            self.x, self.v, self.diameters, self.identity, self.initial.box, self.model.potential,
            self.model.nonadditivity, self.skin, steps, dt, THERMOSTAT_INTERVAL, none, none, none,
        )  # fmt: skip

    def sorted_back(self, flat):
        out = np.empty_like(self.initial.positions)
        out[self.identity] = flat.reshape(out.shape)
        return out

    @property
    def configuration(self):
        return Configuration(self.sorted_back(self.x), self.initial.diameters, self.initial.box_length)

    @property
    def energy(self):
        return potential_energy(self.configuration, self.model) + 0.5 * float(self.v @ self.v)


def test_energy_is_conserved_to_second_order_in_the_time_step(glass):
    """Half the step, a quarter of the error: the mark of Verlet's scheme."""
    errors = []
    for dt in (4e-3, 2e-3, 1e-3):
        run = Trajectory(glass.liquid, glass.model)
        before, drift = run.energy, []
        for _ in range(20):
            run.run(round(0.02 / dt), dt)
            drift.append(run.energy - before)
        errors.append(np.sqrt(np.mean(np.square(drift))))
    # the error at 1e-3 is that of the shadow Hamiltonian, far above rounding
    for coarse, fine in pairwise(errors):
        assert coarse / fine == pytest.approx(4.0, rel=0.35)
    assert errors[0] / glass.liquid.n_particles < 0.02


def test_momentum_is_conserved(glass):
    run = Trajectory(glass.liquid, glass.model)
    run.run(200, TIME_STEP)
    assert np.abs(run.sorted_back(run.v).sum(axis=0)).max() < 1e-10


def test_trajectory_runs_backwards(glasses):
    """Velocities reversed, the particles go back to where they came from: the scheme is symmetric in time."""
    glass = glasses("ipl3d")
    run = Trajectory(glass.liquid, glass.model)
    run.run(100, TIME_STEP)
    run.v *= -1.0
    run.run(100, TIME_STEP)
    start = run.initial.wrapped().positions
    moved = run.configuration.wrapped().positions - start
    moved -= run.initial.box_length * np.rint(moved / run.initial.box_length)
    # rounding grows exponentially in a liquid: 1e-16 is 1e-9 at most after these 0.8 time units
    assert np.abs(moved).max() < 1e-9


def test_skin_of_the_neighbour_list_is_a_matter_of_speed(glass):
    """The same trajectory with a list that is rebuilt often and with one that hardly ever is."""
    narrow, wide = (Trajectory(glass.liquid, glass.model, skin=skin) for skin in (0.05, 0.8))
    rebuilt = [run.run(60, TIME_STEP) for run in (narrow, wide)]
    assert rebuilt[0] > rebuilt[1]
    difference = narrow.configuration.positions - wide.configuration.positions
    difference -= glass.liquid.box_length * np.rint(difference / glass.liquid.box_length)
    # forces are added up in another order, and the liquid's chaos has 0.24 time units to amplify that
    assert np.abs(difference).max() < 1e-9
    np.testing.assert_allclose(narrow.sorted_back(narrow.v), wide.sorted_back(wide.v), atol=1e-8)


@pytest.mark.parametrize("name", ["ipl2d", "ipl3d", "ipl4d"])
def test_thermostat_holds_its_temperature(glasses, name):
    glass = glasses(name)
    dynamics = LangevinDynamics(glass.liquid, glass.model, 0.5, np.random.default_rng(3))
    dynamics.run(2000, 2.0)  # 8 relaxation times of the thermostat: it forgets the cold start
    measured = []
    for _ in range(150):
        dynamics.run(50, 2.0)
        measured.append(dynamics.kinetic_temperature)
    # one measurement scatters by T sqrt(2 / Nd) ~ 0.1, and about a third of them are independent: 0.02 for the mean.
    # Verlet's full-step velocities are cooler by about T (omega dt)^2 / 4, below one per cent
    assert np.mean(measured) == pytest.approx(2.0, abs=0.07)


def test_thermostat_alone_makes_maxwells_distribution(glasses):
    """Strong friction: after one update the velocities have forgotten everything but the temperature."""
    glass = glasses("ipl3d")
    dynamics = LangevinDynamics(glass.liquid, glass.model, 0.0, np.random.default_rng(4), friction=1e6)
    dynamics.run(THERMOSTAT_INTERVAL, 1.7)
    # 900 numbers: the variance is known to 1.7 sqrt(2/900) = 0.08
    assert dynamics.kinetic_temperature == pytest.approx(1.7, abs=0.25)


def test_no_friction_no_thermostat(glasses):
    glass = glasses("ipl3d")
    free = Trajectory(glass.liquid, glass.model)
    dynamics = LangevinDynamics(glass.liquid, glass.model, 2.0, np.random.default_rng(0), friction=0.0)
    free.v = dynamics._v.copy()
    free.run(50, TIME_STEP)
    dynamics.run(50, 2.0)
    np.testing.assert_allclose(dynamics.configuration.positions, free.configuration.wrapped().positions, atol=1e-9)


def test_same_generator_same_bits(glasses):
    glass = glasses("ipl2d")
    ends = []
    for _ in range(2):
        dynamics = LangevinDynamics(glass.liquid, glass.model, 2.0, np.random.default_rng(9))
        dynamics.run(100, 2.0)
        ends.append(dynamics.configuration.positions)
    np.testing.assert_array_equal(*ends)


def test_cooling_finds_deeper_states_than_an_instantaneous_quench(glasses):
    """Slowly from T = 1 to 0, several samples: lower on average, by more than the samples' scatter of the mean."""
    gain = []
    for seed in range(16):
        glass = glasses("ipl2d", seed)
        cooled = cool(glass.liquid, glass.model, 1.0, 0.02, np.random.default_rng(seed))
        result = quench(cooled, glass.model)
        assert result.converged
        # at the end of the ramp the glass sits in its well: next to no energy above the inherent state
        above = potential_energy(cooled, glass.model) / cooled.n_particles - result.energy
        assert 0.0 <= above < 0.05
        gain.append(glass.quenched.energy - result.energy)
    assert np.mean(gain) > 3.0 * np.std(gain, ddof=1) / np.sqrt(len(gain))


def test_cooling_ends_cold(glasses, monkeypatch):
    """The kinetic temperature follows the ramp down: friction 1 against a rate of 0.02 leaves about that much."""
    glass = glasses("ipl2d")
    seen, taken = [], []
    run = LangevinDynamics.run

    def spy(self, steps, temperature):
        run(self, steps, temperature)
        taken.append(steps)
        seen.append((float(np.min(temperature)), self.kinetic_temperature))

    monkeypatch.setattr(LangevinDynamics, "run", spy)
    cool(glass.liquid, glass.model, 0.4, 0.02, np.random.default_rng(1))
    ramp, measured = np.array(seen).T
    assert (np.diff(ramp) < 0).all()
    assert ramp[-1] < 0.005
    assert measured[-1] < 0.05
    assert measured[0] > 0.2
    assert sum(taken) * TIME_STEP == pytest.approx(0.4 / 0.02)  # at the rate that was asked for


@pytest.mark.parametrize("updates", [1, 50, 51, 99, 100, 1234])
def test_blocks_of_a_ramp_are_those_of_the_whole_one(updates):
    """Liquids that were cooled before keep their random numbers and lists."""
    whole = 0.7 * (1.0 - (np.arange(updates) + 0.5) / updates)
    wanted = np.array_split(whole, -(-updates // UPDATES_PER_BLOCK))
    for found, expected in zip(_ramp(0.7, updates), wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_cooling_that_would_never_end_is_refused(glasses):
    glass = glasses("ipl2d")
    for rate in (1e-300, 1e-12, 5e-324):
        with pytest.raises(InputError, match=rf"^cooling rate is {rate:g}: .* time steps, more than 1e\+10$"):
            cool(glass.liquid, glass.model, 1.0, rate, 0)


def test_cooling_can_be_interrupted(glasses):
    glass = glasses("ipl2d")

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cool(glass.liquid, glass.model, 1.0, 0.1, np.random.default_rng(0), between_blocks=stop)


@pytest.mark.parametrize(
    "arguments", [{"rate": 0.0}, {"rate": np.nan}, {"start_temperature": -1.0}, {"time_step": 0.0}], ids=str
)
def test_impossible_ramps_are_refused(glasses, arguments):
    glass = glasses("ipl2d")
    options = {"start_temperature": 1.0, "rate": 0.1, **arguments}
    with pytest.raises(InputError) as refused:
        cool(glass.liquid, glass.model, rng=np.random.default_rng(0), **options)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("friction", [-1.0, np.nan, np.inf])
def test_impossible_friction_is_refused(glasses, friction):
    glass = glasses("ipl2d")
    with pytest.raises(InputError, match="friction is"):
        LangevinDynamics(glass.liquid, glass.model, 1.0, np.random.default_rng(0), friction=friction)


def test_a_trajectory_that_diverges_is_a_numerical_error(glasses):
    """Such as fails one sample, not a complaint about what the user gave."""
    glass = glasses("ipl2d")
    with pytest.raises(ArithmeticError):
        cool(glass.liquid, glass.model, 1.0, 0.1, np.random.default_rng(0), time_step=1e3)


def test_steps_must_fill_the_thermostats_interval(glasses):
    glass = glasses("ipl2d")
    dynamics = LangevinDynamics(glass.liquid, glass.model, 1.0, np.random.default_rng(0))
    with pytest.raises(InputError, match="multiple"):
        dynamics.run(THERMOSTAT_INTERVAL + 1, 1.0)
