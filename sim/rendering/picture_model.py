"""A MuJoCo model for pictures of a robot: its geometry, a ground, a light, and what is missing."""

import warnings

import mujoco
import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import SpecError
from sim.mujoco_engine.urdf_xml import picture_xml

PALETTE = ((0.75, 0.77, 0.8), (0.93, 0.45, 0.2), (0.25, 0.5, 0.8), (0.35, 0.65, 0.4))
UNPAINTED = (0.5, 0.5, 0.5, 1.0)  # what MuJoCo gives a geometry without a colour


def picture_model(spec: RobotSpec, width: int = 640, height: int = 480) -> mujoco.MjModel:
    """Compile a robot with its geometry, on a ground, under a light: for kinematics and pictures.

    `width` and `height` in pixels are those of the largest picture. Raises SpecError for a mesh
    that is missing or cannot be read.
    """
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
