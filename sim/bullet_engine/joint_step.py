"""One time step of joints with motors, for engines that know neither armature nor dry friction.

Written for B worlds of J joints. The time step is semi-implicit: forces that depend on velocity are
taken at its end, so that strong damping and back-EMF cannot blow up.
"""

import numpy as np

from robot_mbrl.contract.arrays import FloatArray

SWEEPS = 60


def next_velocity(
    velocity: FloatArray,
    mass: FloatArray,
    torque: FloatArray,
    *,
    armature: FloatArray,
    damping: FloatArray,
    friction: FloatArray,
    dt: float,
) -> FloatArray:
    """Solve (M + J) (v' - v) / dt = torque - D v' + f for v' (B, J).

    Args:
        velocity: v (B, J), rad/s.
        mass: inertia M of the bodies (B, J, J), kg m^2.
        torque: all that does not depend on v': drive less gravity and Coriolis (B, J), N m.
        armature: rotor inertia seen at the joint, diagonal J (B, J), kg m^2.
        damping: viscous friction and back-EMF, diagonal D (B, J), N m s/rad.
        friction: Coulomb friction (B, J), N m. Its torque f opposes v' with this size where v' is
            not zero, and is whatever holds, up to this size, where it is.
        dt: time step, s.
    """
    diagonal = np.eye(velocity.shape[1])
    inertia = mass + armature[:, :, None] * diagonal
    system = inertia + dt * damping[:, :, None] * diagonal
    inverse = np.linalg.inv(system).astype(np.float64, copy=False)
    free = multiply(inverse, multiply(inertia, velocity) + dt * torque)
    return apply_friction(free, inverse, dt * friction)


def apply_friction(velocity: FloatArray, inverse: FloatArray, bound: FloatArray) -> FloatArray:
    """Apply the friction impulses, at most `bound` (B, J), that bring velocity nearest to zero.

    Projected Gauss-Seidel: joint after joint, the impulse that would stop it, as far as the bound
    allows. For one joint this is exact at once; several converge, as M is positive definite.
    """
    velocity, impulse = velocity.copy(), np.zeros_like(velocity)
    for _ in range(SWEEPS):
        before = impulse.copy()
        for j in range(velocity.shape[1]):
            wanted = impulse[:, j] - velocity[:, j] / inverse[:, j, j]
            clipped = np.minimum(np.maximum(wanted, -bound[:, j]), bound[:, j])
            velocity += inverse[:, :, j] * (clipped - impulse[:, j])[:, None]
            impulse[:, j] = clipped
        # to the last bit: a world must not depend on how long its neighbours take
        if (impulse == before).all():
            break
    return velocity


def multiply(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """Matrices (B, J, J) times vectors (B, J); the same bits for any B, which BLAS may not give."""
    product: FloatArray = (matrix * vector[:, None, :]).sum(-1)
    return product
