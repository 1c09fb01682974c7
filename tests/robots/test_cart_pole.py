"""The cart has the rail and the force to swing its pole up: shown by a script that knows it."""

import numpy as np
from scipy.linalg import expm, solve_discrete_are

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.urdf.tree import read_urdf
from sim.envs.vec_env import SimVecEnv

GRAVITY, WORLDS = 9.81, 16
PUMP, CENTRE, BRAKE = 5.0, 8.0, 1.0  # m/s^2, 1/s^2, 1/s: what the cart is accelerated by


class Script:
    """Pumps energy into the pole and catches it by LQR, both by accelerating the cart."""

    def __init__(self, spec: RobotSpec, dt: float) -> None:
        urdf, [actuator] = read_urdf(spec.urdf), spec.actuators
        cart, pole, motor = urdf.links["cart"], urdf.links["pole"], actuator.motor
        lever = float(np.linalg.norm(pole.centre_m))
        self.weight, self.moment = pole.mass_kg * lever * GRAVITY, pole.mass_kg * lever
        self.inertia = float(pole.inertia_kg_m2[1, 1]) + pole.mass_kg * lever**2
        emf = motor.torque_constant_nm_a * motor.gear_ratio
        self.newton_per_volt = emf / motor.resistance_ohm
        self.drag = urdf.joints[0].damping_nm_s_rad + emf**2 / motor.resistance_ohm
        self.mass = cart.mass_kg + pole.mass_kg + motor.rotor_inertia_kg_m2 * motor.gear_ratio**2
        self.limit = actuator.limit
        self.gains = self._balance(dt)

    def _balance(self, dt: float) -> np.ndarray:
        """LQR of (place, speed, angle from upright, its speed) by the cart's acceleration."""
        both = np.zeros((5, 5))
        both[0, 1] = both[1, 4] = both[2, 3] = 1.0
        both[3, 2], both[3, 4] = self.weight / self.inertia, -self.moment / self.inertia
        step = expm(both * dt)
        a, b = step[:4, :4], step[:4, 4:]
        cost = solve_discrete_are(a, b, np.diag([20.0, 1.0, 20.0, 1.0]), np.eye(1) * 0.1)
        found: np.ndarray = np.linalg.solve(0.1 * np.eye(1) + b.T @ cost @ b, b.T @ cost @ a)[0]
        return found

    def act(self, q: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Actions (B, 1) at true positions and velocities (B, 2)."""
        (x, angle), (speed, turning) = q.T, v.T
        ahead = angle + 0.02 * turning  # the command acts late
        missing = self.weight * (1.02 + np.cos(angle)) - 0.5 * self.inertia * turning**2
        pump = PUMP * np.clip(40 * missing / self.weight, -1, 1) * np.sign(turning * np.cos(ahead))
        off = (ahead % (2 * np.pi)) - np.pi
        caught = self.gains @ np.stack([x, speed, off, turning])
        near = (np.abs(off) < 0.5) & (np.abs(turning) < 6)
        wanted = np.where(near, -caught, pump - CENTRE * x - BRAKE * speed)
        volts = (self.mass * wanted + self.drag * speed) / self.newton_per_volt
        action: np.ndarray = np.clip(volts / self.limit, -0.8, 0.8)[:, None]
        return action


def test_a_script_swings_up_and_balances_within_the_rail() -> None:
    spec = load_robot("cart_pole")
    env = SimVecEnv(spec, WORLDS, variations={}, threads=1)
    script, rng = Script(spec, spec.control.dt), np.random.default_rng(0)
    env.reset(seed=0)
    start = np.stack([rng.uniform(-0.05, 0.05, WORLDS), rng.uniform(-0.2, 0.2, WORLDS)], 1)
    env.worlds.set_true_state(start, np.zeros((WORLDS, 2)), np.arange(WORLDS))
    held, ended = np.zeros(WORLDS), np.zeros(WORLDS, dtype=bool)
    for _ in range(env.max_steps - 1):  # the last one would start anew
        obs, _, terminated, _, _ = env.step(script.act(*env.worlds.true_state()))
        ended |= terminated
        held = np.where(env.task.at_goal(obs), held + spec.control.dt, 0.0)
    env.close()
    assert ((held >= env.task.hold_s) & ~ended).mean() >= 0.75
