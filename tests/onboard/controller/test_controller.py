import json
from dataclasses import asdict, replace

import numpy as np
import onnx
import pytest

from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.contract.errors import (
    ContractMismatchError,
    DataError,
    NotFiniteError,
    ShapeError,
)
from robot_mbrl.onboard import ControllerMetadata, load_controller
from tests.support.onboard_graphs import CANDIDATES, HORIZON, ITERATIONS, write_controller

NOISE = (ITERATIONS, CANDIDATES, HORIZON, 1)


@pytest.fixture
def path(tmp_path, spec):
    return write_controller(tmp_path / "controller.onnx", spec)


@pytest.fixture
def observation(spec):
    return np.linspace(-1, 1, ObservationLayout.from_spec(spec).size)


def test_outputs_are_those_of_the_graph(path, spec, observation):
    controller = load_controller(path, spec)
    plan = np.array([[0.5], [0.25], [0.125]], dtype=np.float32)
    noise = np.full(NOISE, 0.125, dtype=np.float32)
    output = controller.act_with(observation, plan, noise)
    assert output.action.tolist() == [0.625]
    assert output.plan.tolist() == [[0.25], [0.125], [0.25]]
    assert output.predicted_mean == pytest.approx(observation)
    assert output.predicted_std.tolist() == [0.5] * len(observation)
    assert output.disagreement == pytest.approx([0.1, 0.2, 0.3])
    assert output.value == pytest.approx(observation.sum(), abs=1e-5)
    assert output.plan_time_s > 0


def test_act_with_is_pure(path, observation):
    controller = load_controller(path)
    noise = np.random.default_rng(1).standard_normal(NOISE, dtype=np.float32)
    plan = controller.plan
    first = controller.act_with(observation, plan, noise)
    controller.act(observation)
    second = controller.act_with(observation, plan, noise)
    assert first.action.tolist() == second.action.tolist()
    assert not plan.any()


def test_act_carries_the_plan_until_reset(path, observation):
    controller = load_controller(path)
    assert not controller.plan.any()
    controller.act(observation)
    assert controller.plan[:, 0].tolist() == [0.0, 0.0, 0.25]
    controller.act(observation)
    assert controller.plan[:, 0].tolist() == [0.0, 0.25, 0.25]
    controller.reset()
    assert not controller.plan.any()


def test_the_seed_decides_the_noise(path, observation):
    def actions(seed):
        controller = load_controller(path, seed=seed)
        return [controller.act(observation).action[0] for _ in range(3)]

    assert actions(3) == actions(3)
    assert actions(3) != actions(4)
    assert len(set(actions(3))) == 3


def test_another_robot_is_refused_with_every_difference(tmp_path, spec):
    theirs = ControllerMetadata.from_spec(spec)
    limits = ({**theirs.actions[0], "limit": 12.0},)
    path = write_controller(
        tmp_path / "c.onnx", spec,
        metadata=replace(theirs, actions=limits, rate_hz=100.0, fingerprint="0" * 16),
    )  # fmt: skip
    with pytest.raises(ContractMismatchError) as caught:
        load_controller(path, spec)
    message = str(caught.value)
    assert "rate_hz: controller 100.0, robot 50.0" in message
    assert "limit of actuator 'motor': controller 12.0, robot 5.0" in message
    assert f"fingerprint: controller 0000000000000000, robot {spec.fingerprint}" in message
    load_controller(path)  # without a robot there is nothing to compare


def test_other_columns_are_named(path):
    other = load_robot("simple_pendulum")
    with pytest.raises(ContractMismatchError, match=r"only in the controller \['arm.position'"):
        load_controller(path, other)


def test_reordered_columns_are_refused(tmp_path, spec):
    theirs = ControllerMetadata.from_spec(spec)
    swapped = (theirs.columns[1], theirs.columns[0], *theirs.columns[2:])
    path = write_controller(tmp_path / "c.onnx", spec, metadata=replace(theirs, columns=swapped))
    with pytest.raises(ContractMismatchError, match="another order"):
        load_controller(path, spec)


def test_a_changed_description_is_noticed_by_its_fingerprint_alone(path, spec):
    joints = tuple(replace(j, encoder_counts_per_rev=4096) for j in spec.joints)
    with pytest.raises(ContractMismatchError, match="fingerprint"):
        load_controller(path, replace(spec, joints=joints))


def test_files_that_are_no_controller(tmp_path, spec):
    with pytest.raises(DataError, match="no such file"):
        load_controller(tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(DataError, match="not a readable ONNX"):
        load_controller(tmp_path / "text.onnx")
    bare = write_controller(tmp_path / "bare.onnx", spec, with_metadata=False)
    with pytest.raises(DataError, match="without the metadata 'robot_mbrl'"):
        load_controller(bare)


def test_a_graph_without_an_output_is_refused(tmp_path, spec):
    path = write_controller(tmp_path / "c.onnx", spec, drop_output="disagreement")
    with pytest.raises(DataError, match="lacks the outputs disagreement"):
        load_controller(path)


def test_a_graph_of_another_size_than_its_metadata_is_refused(path):
    model = onnx.load(str(path))
    text = next(p for p in model.metadata_props if p.key == "robot_mbrl")
    values = json.loads(text.value)
    values["columns"] = values["columns"][:-1]
    text.value = json.dumps(values)
    onnx.save(model, str(path))
    with pytest.raises(DataError, match=r"its metadata names \d+ observation columns"):
        load_controller(path)


@pytest.mark.parametrize("change", ["{", '{"format": 1}', '{"format": 2}'])
def test_broken_metadata_is_refused(path, change):
    model = onnx.load(str(path))
    next(p for p in model.metadata_props if p.key == "robot_mbrl").value = change
    onnx.save(model, str(path))
    with pytest.raises(DataError):
        load_controller(path)


def test_a_newer_format_says_so(spec):
    text = json.dumps({**asdict(ControllerMetadata.from_spec(spec)), "format": 9})
    with pytest.raises(DataError, match="controller format 9, this version reads 1"):
        ControllerMetadata.from_json(text, "c.onnx")


def test_metadata_survives_the_file_at_full_precision(tmp_path, spec):
    metadata = ControllerMetadata.from_spec(
        spec,
        planner={"horizon": 3, "temperature": 1 / 3},
        thresholds={"slack": 0.1 + 0.2},
        lineage={"run": "a"},
        versions={"torch": "2"},
        tolerance={"action": 1e-7},
    )
    path = write_controller(tmp_path / "c.onnx", spec, metadata=metadata)
    assert load_controller(path, spec).metadata == metadata


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_observation_that_is_not_finite_is_named(path, observation, bad):
    controller = load_controller(path)
    observation[1] = bad
    with pytest.raises(NotFiniteError, match=r"observation: pendulum.sin"):
        controller.act(observation)


def test_shapes_are_checked(path, observation):
    controller = load_controller(path)
    with pytest.raises(ShapeError, match=r"observation: expected shape \(\d+,?\), got \(\d+,\)"):
        controller.act(observation[:-1])
    noise = np.zeros(NOISE, dtype=np.float32)
    with pytest.raises(ShapeError, match="plan"):
        controller.act_with(observation, np.zeros((2, 1), dtype=np.float32), noise)
    with pytest.raises(ShapeError, match="noise"):
        controller.act_with(observation, controller.plan, noise[:1])


def test_an_output_that_is_not_finite_is_named(tmp_path, spec, observation):
    path = write_controller(tmp_path / "c.onnx", spec, poison=True)
    controller = load_controller(path)
    with pytest.raises(NotFiniteError, match="'value' is not finite"):
        controller.act(observation)
    assert not controller.plan.any()  # a failed plan is not carried on
