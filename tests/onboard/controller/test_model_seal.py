"""One wrong bit in a controller is found before its graph is built."""

import numpy as np
import onnx
import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import DataError
from robot_mbrl.onboard import load_controller
from robot_mbrl.onboard.controller.model_seal import KEY, check_seal, seal_model
from tests.support.onboard_graphs import write_controller


@pytest.fixture
def sealed(tmp_path):
    path = write_controller(tmp_path / "c.onnx", load_robot("furuta"))
    path.write_bytes(seal_model(path.read_bytes()))
    return path


def test_a_sealed_model_is_plain_onnx(sealed):
    model = onnx.load(str(sealed))
    onnx.checker.check_model(model)
    assert model.metadata_props[-1].key == KEY.decode()
    controller = load_controller(sealed)
    assert controller.act(np.zeros(len(controller.metadata.columns))).action.shape == (1,)


def test_a_flipped_bit_anywhere_before_the_seal_is_found(sealed):
    data = sealed.read_bytes()
    end = data.rindex(KEY) - 4
    for at in range(0, end, 7):
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        with pytest.raises(DataError, match=r"c\.onnx: its checksum does not fit"):
            check_seal(bytes(flipped), "c.onnx")
    check_seal(data, "c.onnx")
    sealed.write_bytes(bytes(flipped))
    with pytest.raises(DataError, match="its checksum does not fit"):
        load_controller(sealed)


def test_a_model_without_a_seal_is_read(tmp_path):
    load_controller(write_controller(tmp_path / "c.onnx", load_robot("furuta")))
