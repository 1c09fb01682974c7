"""Pictures of a robot, by a camera that frames all that it reaches."""

from functools import partial
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, check_shape
from sim.rendering.gl import offscreen_context
from sim.rendering.picture_model import picture_model

Image = npt.NDArray[np.uint8]
GOAL_RGBA = np.array([0.85, 0.1, 0.15, 0.8], dtype=np.float32)
POSES = 64  # drawn to find out how far the robot reaches


class Picture:
    """Draws joint positions. OpenGL is opened by the first picture.

    Args:
        spec: the robot.
        width, height: in pixels.
        plain: without shadows and smooth edges: ten times as fast without a graphics card.

    Raises:
        SpecError: a mesh is missing or cannot be read.
    """

    def __init__(
        self, spec: RobotSpec, width: int = 640, height: int = 480, *, plain: bool = False
    ) -> None:
        self.spec, self.width, self.height, self.plain = spec, width, height, plain
        self.model = picture_model(spec, width, height)
        self._data = mujoco.MjData(self.model)
        self._qpos = np.array([self.model.joint(j.name).qposadr[0] for j in spec.joints])
        self._camera = self._framing_camera()
        self._scene = mujoco.MjvScene(self.model, maxgeom=2000)
        self._size = self._camera.distance / 60  # of a goal's mark
        if plain:
            self.model.vis.quality.offsamples = 0
            for flag in (mujoco.mjtRndFlag.mjRND_SHADOW, mujoco.mjtRndFlag.mjRND_REFLECTION):
                self._scene.flags[flag] = 0
        self._context: mujoco.MjrContext | None = None
        self._gl: Any = None

    def draw(self, q: FloatArray, goal: FloatArray | None = None) -> Image:
        """The robot at joint positions q (J,) in rad, and where it is to go, (3,) in m; returns
        (height, width, 3).

        Raises SettingsError where no OpenGL is installed.
        """
        check_shape("q", q, (len(self.spec.joints),))
        if self._context is None:
            self._gl = offscreen_context(self.width, self.height)
            self._context = mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
            mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._gl.make_current()
        self._place(q)
        mujoco.mjv_updateScene(
            self.model,
            self._data,
            mujoco.MjvOption(),
            None,
            self._camera,
            mujoco.mjtCatBit.mjCAT_ALL.value,
            self._scene,
        )
        if goal is not None:
            mark_goal(self._scene, goal, self._size)
        image = np.empty((self.height, self.width, 3), dtype=np.uint8)
        window = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_render(window, self._scene, self._context)
        mujoco.mjr_readPixels(image, None, window, self._context)
        return image[::-1].copy()

    def close(self) -> None:
        """Release OpenGL; may be called twice."""
        if self._context is not None:
            self._gl.make_current()
            self._context.free()
            self._gl.free()
            self._context = self._gl = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy opens OpenGL for itself."""
        return partial(Picture, plain=self.plain), (self.spec, self.width, self.height)

    def _place(self, q: FloatArray) -> None:
        self._data.qpos[self._qpos] = q
        mujoco.mj_kinematics(self.model, self._data)

    def _framing_camera(self) -> mujoco.MjvCamera:
        """Looks at the box of all that is reached in random poses."""
        rng = np.random.default_rng(0)
        robot = self.model.geom_type != mujoco.mjtGeom.mjGEOM_PLANE
        size = self.model.geom_rbound[robot, None]
        low, high = np.full(3, np.inf), np.full(3, -np.inf)
        home = np.array([j.home_rad for j in self.spec.joints])
        for k in range(POSES):
            self._place(home + (k > 0) * self._random_pose(rng, home))
            centre = self._data.geom_xpos[robot]
            low = np.minimum(low, (centre - size).min(0))
            high = np.maximum(high, (centre + size).max(0))
        camera = mujoco.MjvCamera()
        camera.lookat[:] = (low + high) / 2
        half = np.deg2rad(self.model.vis.global_.fovy / 2)
        camera.distance = 0.4 * np.linalg.norm(high - low) / np.sin(half)
        camera.azimuth, camera.elevation = 130, -18
        self.model.geom("ground").pos[2] = min(0.0, low[2])
        return camera

    def _random_pose(self, rng: np.random.Generator, home: FloatArray) -> FloatArray:
        limits = np.array([j.position_limit_rad for j in self.spec.joints])
        low = np.maximum(limits[:, 0], home - np.pi)
        high = np.minimum(limits[:, 1], home + np.pi)
        pose: FloatArray = rng.uniform(low, high) - home
        return pose


def mark_goal(scene: mujoco.MjvScene, goal: FloatArray, size: float) -> None:
    """Add a ball at a place (3,) in m."""
    check_shape("goal", goal, (3,))
    mark = scene.geoms[scene.ngeom]
    ball = mujoco.mjtGeom.mjGEOM_SPHERE.value
    mujoco.mjv_initGeom(
        mark, ball, np.full(3, size), goal.astype(np.float64), np.eye(3).ravel(), GOAL_RGBA
    )
    scene.ngeom += 1
