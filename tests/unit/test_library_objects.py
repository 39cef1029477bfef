"""What the library gives and takes: arrays stay as they were checked, and objects can be compared and kept in sets."""

import copy
import pickle
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

import nqe_core
from nqe_core import MODELS, Configuration, Interactions, Model, analyse, quench
from nqe_core.correlations import Decay
from nqe_core.energy import PairList
from nqe_core.export import Exported
from nqe_core.jobs import Checkpoint
from nqe_core.models import OTHER_MODELS, most_modes
from nqe_core.picture import draw_modes
from nqe_core.relaxation import Relaxation


def triangle() -> Configuration:
    positions = np.array([[0.5, 0.5], [1.5, 0.6], [0.9, 1.4]])
    return Configuration(positions, np.array([1.0, 1.0, 1.4]), 6.0)


def test_a_configuration_keeps_what_was_checked():
    positions, diameters = np.ones((4, 3)) * np.arange(4)[:, None], np.ones(4)
    made = Configuration(positions, diameters, 9.0)
    positions[0, 0], diameters[1] = np.nan, -1.0
    assert np.isfinite(made.positions).all()
    assert (made.diameters == 1.0).all()
    for array in (made.positions, made.diameters):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = np.nan


def test_a_configuration_can_be_copied_and_sent():
    made = triangle()
    for other in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        np.testing.assert_array_equal(other.positions, made.positions)


@pytest.mark.parametrize(
    ("modes", "name", "says"),
    [
        ({}, "modes.png", "no modes to draw"),
        (
            {"psi": np.ones((3, 2)), "pi4": np.ones((2, 3))},
            "modes.png",
            r"mode 'pi4' has shape \(2, 3\), must be \(3, 2\)",
        ),
        ({"psi": np.ones((3, 2))}, "modes.bmp", r"modes.bmp: the ending .* must be one of .*\.pdf, .*\.png"),
        ({"psi": np.ones((3, 2))}, "modes", r"modes: the ending .* must be one of .*\.pdf, .*\.png"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path, modes, name, says):
    pytest.importorskip("matplotlib")
    with pytest.raises(nqe_core.InputError, match=says):
        draw_modes(tmp_path / name, triangle(), modes)
    assert list(tmp_path.iterdir()) == []
    draw_modes(tmp_path / "modes.svg", triangle(), {"psi": np.ones((3, 2))})
    assert (tmp_path / "modes.svg").read_text().startswith("<?xml")


def test_objects_with_arrays_are_equal_to_themselves_alone():
    model = MODELS["ipl2d"]
    for make in (triangle, lambda: PairList.of(triangle(), model), lambda: Interactions.of(triangle(), model),
                 lambda: quench(triangle(), model)):  # fmt: skip
        one, other = make(), make()
        assert one == one
        assert one != other
        assert len({one, other, one}) == 2


def test_no_public_class_compares_arrays():
    """The truth value of arrays' equality is ambiguous: `==` would raise."""
    for name in nqe_core.__all__:
        public = getattr(nqe_core, name)
        if is_dataclass(public) and any("ndarray" in str(field.type) for field in fields(public)):
            assert public.__eq__ is object.__eq__, name
    for inner in (nqe_core.Analysis, nqe_core.QuenchResult, Checkpoint, Decay, Exported, Relaxation):
        assert inner.__eq__ is object.__eq__, inner
    assert MODELS["ipl2d"] != MODELS["ipl3d"]


@pytest.mark.parametrize("model", [*MODELS.values(), *OTHER_MODELS.values()], ids=lambda model: model.name)
def test_parameters_are_all_but_the_name(model):
    assert "name" not in model.parameters()
    assert Model.from_parameters(model.name, model.parameters()) == model
    assert Model.from_parameters("mine", model.parameters()).name == "mine"


def test_most_modes_is_what_the_solver_finds():
    start = nqe_core.initial_configuration(MODELS["ipl2d"], 24, 5)
    glass = quench(start, MODELS["ipl2d"]).configuration
    most = most_modes(24, 2)
    assert most == 45
    assert analyse(glass, MODELS["ipl2d"], n_modes=most).harmonic.eigenvalues.shape == (most,)
    with pytest.raises(nqe_core.InputError, match="between 1 and 45"):
        nqe_core.lowest_modes(Interactions.of(glass, MODELS["ipl2d"]), most + 1)
