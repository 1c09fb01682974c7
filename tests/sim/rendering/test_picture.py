"""Pictures without a screen; skipped where no OpenGL is installed."""

from pathlib import Path

import numpy as np
import pytest

import sim
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SettingsError, SpecError
from sim.rendering.gl import offscreen_context
from sim.rendering.picture import Picture
from sim.rendering.picture_model import picture_model
from tests.support.robots import FURUTA_URDF, furuta_toml, write_robot

SHAPE = '<cylinder radius="0.004" length="0.085"/>'


def mesh_robot(folder: Path, mesh: str) -> RobotSpec:
    urdf = FURUTA_URDF.replace(SHAPE, f'<mesh filename="{mesh}" scale="0.1 0.1 0.1"/>')
    return load_robot(write_robot(folder, furuta_toml(), urdf))


def test_a_moved_joint_changes_the_picture(furuta: RobotSpec, gl: None) -> None:
    picture = Picture(furuta, 96, 64)
    hanging, again, upright = (picture.draw(np.array([0, q])) for q in (0.0, 0.0, np.pi))
    picture.close()
    assert hanging.shape == (64, 96, 3)
    assert hanging.dtype == np.uint8
    np.testing.assert_array_equal(hanging, again)
    moved = (np.abs(hanging.astype(int) - upright).max(-1) > 40).mean()
    assert 0.002 < moved < 0.2  # the pendulum; ground and sky stay


def test_the_environment_renders_as_gymnasium_says(furuta: RobotSpec, gl: None) -> None:
    picture = Picture(furuta, 96, 64)
    env = sim.make_env(furuta, render_mode="rgb_array", draw=picture.draw)
    env.reset(seed=0)
    assert env.render_mode in env.metadata["render_modes"]
    assert env.metadata["render_fps"] == 50
    frame = env.render()
    assert isinstance(frame, np.ndarray)
    assert frame.shape == (64, 96, 3)
    picture.close()
    silent = sim.make_env(furuta)
    silent.reset(seed=0)
    assert silent.render() is None
    expected = "render_mode: expected None, 'rgb_array' or 'human', got 'ascii'"
    with pytest.raises(SettingsError, match=expected):
        sim.make_env(furuta, render_mode="ascii")


def test_a_goal_is_marked_where_it_is(gl: None) -> None:
    """A ball of its colour; farther to the left of the picture where it is."""
    spec = load_robot("arm")
    picture, q = Picture(spec, 96, 64, plain=True), np.array([j.home_rad for j in spec.joints])
    bare = picture.draw(q).astype(int)
    columns = []
    for y in (-0.2, 0.2):
        marked = picture.draw(q, np.array([0.15, y, 0.2])).astype(int)
        red = (marked[..., 0] - marked[..., 1] > 80) & (np.abs(marked - bare).max(-1) > 40)
        assert 3 < red.sum() < 60
        columns.append(np.nonzero(red)[1].mean())
    assert abs(columns[0] - columns[1]) > 5
    env = sim.make_env(spec, render_mode="rgb_array", draw=picture.draw, randomize=False)
    frames = []
    for goal in ([0.15, -0.2, 0.2], [0.15, 0.2, 0.2]):
        env.reset(seed=0, options={"goal": goal})
        frames.append(env.render())
    assert (frames[0] != frames[1]).any()
    picture.close()


def test_a_plain_picture_has_hard_edges_and_shows_the_same(furuta: RobotSpec, gl: None) -> None:
    q = np.array([0.0, np.pi])
    rich, plain = (Picture(furuta, 160, 120, plain=p).draw(q).astype(int) for p in (False, True))
    differing = (np.abs(rich - plain).max(-1) > 30).mean()
    assert 0 < differing < 0.03


def test_a_missing_mesh_is_named_with_its_link_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"link 'arm': mesh 'arm.obj' is not there; put the file at"
    ):
        picture_model(mesh_robot(tmp_path, "arm.obj"))


def test_a_broken_mesh_is_named(tmp_path: Path) -> None:
    (tmp_path / "arm.obj").write_text("no mesh")
    with pytest.raises(SpecError, match="MuJoCo cannot draw this robot"):
        picture_model(mesh_robot(tmp_path, "arm.obj"))


def test_a_mesh_of_several_parts_is_drawn_whole(tmp_path: Path) -> None:
    """MuJoCo alone reads the first object of an .obj only."""
    part = "v {x} 0 0\nv {x} 1 0\nv {x} 0 1\nv 1 {x} 1\n"
    first, second = part.format(x=0), part.format(x=3)
    faces = "f 1//1 2//1 3//1\nf 1//1 2//1 4//1\n", "f 5/1/1 6/1/1 7/1/1\nf 5/1/1 6/1/1 8/1/1\n"
    text = f"o a\n{first}vn 0 0 1\n{faces[0]}o b\n{second}vt 0 0\n{faces[1]}"
    (tmp_path / "arm.obj").write_text(text)
    model = picture_model(mesh_robot(tmp_path, "package://any/arm.obj"))
    assert model.nmeshface == 4


def test_a_format_that_cannot_be_drawn_gives_way_to_the_collision_shape(tmp_path: Path) -> None:
    collision = "<collision><geometry><box size='0.1 0.1 0.1'/></geometry></collision>"
    urdf = FURUTA_URDF.replace(SHAPE, '<mesh filename="arm.dae"/>')
    urdf = urdf.replace('<link name="arm">', f'<link name="arm">{collision}')
    model = picture_model(load_robot(write_robot(tmp_path, furuta_toml(), urdf)))
    boxes = model.geom_size[model.geom_type == 6]
    np.testing.assert_allclose(boxes, [[0.05, 0.05, 0.05]])


def test_a_robot_without_shapes_is_drawn_by_sticks(tmp_path: Path) -> None:
    urdf = "".join(FURUTA_URDF.split("<visual>")[:1])
    for rest in FURUTA_URDF.split("<visual>")[1:]:
        urdf += rest.split("</visual>")[1]
    model = picture_model(load_robot(write_robot(tmp_path, furuta_toml(), urdf)))
    drawn = model.geom_bodyid[model.geom_type != 0]
    assert {model.body(b).name for b in drawn} >= {"arm", "pendulum"}


def test_no_opengl_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "nothing")
    with pytest.raises(SettingsError, match="set it to egl or osmesa"):
        offscreen_context(16, 16)

    def fails(name: str) -> None:
        raise ImportError("libEGL.so.1: cannot open shared object file")

    monkeypatch.setenv("MUJOCO_GL", "egl")
    monkeypatch.setattr("sim.rendering.gl.importlib.import_module", fails)
    with pytest.raises(SettingsError, match=r"libEGL.so.1.*apt install libegl1"):
        offscreen_context(16, 16)
