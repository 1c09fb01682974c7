"""Pictures of a robot: its visual geometry, a ground, a light, and a camera that frames it."""

import warnings
from typing import Any

import mujoco
import numpy as np
import numpy.typing as npt

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, check_shape
from robot_mbrl.contract.errors import SpecError
from sim.mujoco_engine.urdf_xml import picture_xml
from sim.rendering.gl import offscreen_context

Image = npt.NDArray[np.uint8]
PALETTE = ((0.75, 0.77, 0.8), (0.93, 0.45, 0.2), (0.25, 0.5, 0.8), (0.35, 0.65, 0.4))
UNPAINTED = (0.5, 0.5, 0.5, 1.0)  # what MuJoCo gives a geometry without a colour
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
        self.spec, self.width, self.height = spec, width, height
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


def picture_model(spec: RobotSpec, width: int = 640, height: int = 480) -> mujoco.MjModel:
    """The robot with its geometry, on a ground, under a light; for kinematics and pictures only."""
    try:
        xml, meshes = picture_xml(spec.urdf)
        mjs = mujoco.MjSpec.from_string(xml, assets=meshes)
        for mesh in mjs.meshes:  # flat ones have no volume; weight is none of a picture's business
            mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
        _add_what_is_missing(mjs)
        _add_surroundings(mjs, width, height)
        model = _compile(mjs)
    except ValueError as error:
        raise SpecError(
            f"{spec.urdf}: MuJoCo cannot draw this robot: {error}; it reads .obj, binary .stl and "
            ".msh meshes: convert others, or remove the <visual>"
        ) from error
    for g in range(model.ngeom):
        if np.allclose(model.geom_rgba[g], UNPAINTED) and model.geom_matid[g] < 0:
            model.geom_rgba[g, :3] = PALETTE[model.geom_bodyid[g] % len(PALETTE)]
    return model


def _compile(mjs: mujoco.MjSpec) -> mujoco.MjModel:
    with warnings.catch_warnings():  # faulty textures: nothing here is textured
        warnings.simplefilter("ignore", UserWarning)
        return mjs.compile()


def _add_what_is_missing(mjs: mujoco.MjSpec) -> None:
    bare = _compile(mjs.copy())
    if bare.ngeom == 0:
        _add_sticks(mjs, bare)
    elif not (bare.geom_bodyid == 0).any():
        _add_posts(mjs, bare)


def _add_sticks(mjs: mujoco.MjSpec, bare: mujoco.MjModel) -> None:
    """A robot without geometry: a stick from each joint to the next ones or the centre of mass."""
    reach = max(float(np.linalg.norm(bare.body_pos, axis=1).max()), 1e-2)
    for b in range(bare.nbody):
        body = mjs.body(bare.body(b).name)
        ends = [bare.body_pos[c] for c in range(1, bare.nbody) if bare.body_parentid[c] == b]
        for end in ends or [bare.body_ipos[b]]:
            if np.linalg.norm(end) > 1e-6:
                body.add_geom(
                    type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                    fromto=[0, 0, 0, *end],
                    size=[0.04 * reach, 0, 0],
                )
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[0.06 * reach, 0, 0])


def _add_posts(mjs: mujoco.MjSpec, bare: mujoco.MjModel) -> None:
    """A base without geometry: a post up to each of its joints, so that nothing floats."""
    for b in range(1, bare.nbody):
        x, y, z = bare.body_pos[b]
        if bare.body_parentid[b] == 0 and z > 0:
            mjs.worldbody.add_geom(
                type=mujoco.mjtGeom.mjGEOM_CYLINDER,
                fromto=[x, y, 0, x, y, z],
                size=[0.02 * z, 0, 0],
            )


def _add_surroundings(mjs: mujoco.MjSpec, width: int, height: int) -> None:
    view = mjs.visual
    view.global_.offwidth, view.global_.offheight = width, height
    view.quality.shadowsize = 1024  # without a graphics card every sample costs
    view.headlight.ambient, view.headlight.diffuse = [0.5] * 3, [0.4] * 3
    view.headlight.specular = [0.1] * 3
    mjs.add_texture(
        type=mujoco.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.85, 0.9, 0.95],
        rgb2=[0.6, 0.68, 0.76],
        width=64,
        height=64,
    )
    mjs.add_texture(
        name="ground",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[0.8, 0.8, 0.78],
        rgb2=[0.72, 0.72, 0.7],
        width=256,
        height=256,
    )
    material = mjs.add_material(name="ground", texuniform=True, texrepeat=[5, 5])
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "ground"
    mjs.worldbody.add_geom(
        name="ground",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 0.05],
        pos=[0, 0, -1e-3],  # at 0 MuJoCo would take the world's place for it, wherever it is moved
        material="ground",
    )
    mjs.worldbody.add_light(
        pos=[0, 0, 4],
        dir=[0.3, 0.4, -1],
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        diffuse=[0.5] * 3,
        castshadow=True,
    )
