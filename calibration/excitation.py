"""Segments of simulated worlds under many kinds of motion, where no policy is wanted."""

import dataclasses

import numpy as np

import sim
from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.interface import Policy
from robot_mbrl.contract.noise import correlated_noise
from robot_mbrl.data.segment import Segment

IDEAL_COUNTS = 2**24
JUMP = 0.03  # per tick: a new level, noise and direction every 33 ticks
PUSHED_WORLDS, PUSH_START, PUSH_END, PUSH = 0.15, 0.015, 0.06, 0.6


class Excitation:
    """Actions (B, A) that hold levels, follow noise, or push with or against the motion.

    Held levels bring a joint with friction to rest, pumping brings it over the top: a model that
    has seen only noise knows neither.
    """

    def __init__(self, worlds: int, actions: int, rng: np.random.Generator) -> None:
        self._rng, self._shape = rng, (worlds, actions)
        self._level, self._noise = self._levels(), np.zeros(self._shape)
        self._amplitude, self._pump = self._amplitudes(), np.zeros(self._shape)

    def _levels(self) -> FloatArray:
        small = np.where(self._rng.random(self._shape) < 0.3, 1.0, 0.35)
        return small * self._rng.uniform(-1, 1, self._shape)

    def _amplitudes(self) -> FloatArray:
        loud = np.exp(self._rng.uniform(np.log(0.02), np.log(0.6), self._shape))
        return np.where(self._rng.random(self._shape) < 0.4, 0.0, loud)

    def next(self, speed: FloatArray) -> FloatArray:
        """Actions (B, A) at joint speeds (B, A) of the actuated joints, rad/s."""
        jump = self._rng.random(self._shape) < JUMP
        self._level = np.where(jump, self._levels(), self._level)
        self._amplitude = np.where(jump, self._amplitudes(), self._amplitude)
        pump = self._rng.choice([-1, 0, 0, 1], self._shape)
        self._pump = np.where(jump, pump, self._pump)
        self._noise = correlated_noise(self._noise, self._rng)
        pumped = self._pump * np.abs(self._level) * np.sign(speed)
        held = np.where(self._pump != 0, pumped, self._level)
        return np.clip(held + self._amplitude * self._noise, -1, 1).astype(np.float32)


def exciting(spec: RobotSpec, rng: np.random.Generator) -> Policy:
    """Excitation as a policy, observations (B, O) -> actions (B, A), for where there is none."""
    layout, sources = ObservationLayout.from_spec(spec), dict[int, Excitation]()

    def act(obs: FloatArray) -> FloatArray:
        worlds = len(obs)
        if worlds not in sources:
            sources[worlds] = Excitation(worlds, layout.action_size, rng)
        return sources[worlds].next(layout.velocities(obs)[:, list(spec.actuated)])

    return act


class Pushes:
    """Unrecorded disturbances (B, A), in units of the action: people touch real robots.

    A model that has met pushes sees in its history that something is pushing and expects it to
    last a little; one that has not predicts the free motion with full confidence.
    """

    def __init__(self, worlds: int, actions: int, rng: np.random.Generator) -> None:
        self._rng, self._shape = rng, (worlds, actions)
        self._touched = rng.random((worlds, 1)) < PUSHED_WORLDS
        self._push = np.zeros(self._shape)

    def next(self) -> FloatArray:
        """The push of the next tick: constant while it lasts, about 0.3 s, and 1.3 s apart."""
        draw = self._rng.random(self._shape)
        fresh = self._rng.uniform(-PUSH, PUSH, self._shape) * self._touched
        pushing = self._push != 0
        self._push = np.where(pushing & (draw < PUSH_END), 0.0, self._push)
        self._push = np.where(~pushing & (draw < PUSH_START), fresh, self._push)
        return self._push


def explore(
    spec: RobotSpec, worlds: int, ticks: int, seed: int, parameters: Parameters | None = None
) -> list[Segment]:
    """Let randomized worlds move for `ticks` ticks; one segment a world.

    `parameters` (n,) each: worlds draw from those n instead of from the whole of [randomization].
    """
    rng = np.random.default_rng(seed)
    given = {
        path: values[rng.integers(len(values), size=worlds)]
        for path, values in (parameters or {}).items()
        if not path.startswith("initial")
    }
    # an episode longer than the recording: nothing resets in between
    length_s = ticks * spec.control.dt + 1
    env = sim.make_vec_env(spec, worlds, seed=seed, anywhere=0.5, episode_s=length_s)
    excitation = Excitation(worlds, env.layout.action_size, rng)
    pushes = Pushes(worlds, env.layout.action_size, rng)
    obs = env.reset(seed=seed, options={"parameters": given})[0]
    path, actions = [obs], []
    for _ in range(ticks):
        action = excitation.next(env.layout.velocities(obs)[:, list(spec.actuated)])
        obs = env.step(np.clip(action + pushes.next(), -1, 1))[0]
        actions.append(action)
        path.append(with_history(env.layout, obs, actions))
    env.close()
    both = zip(np.stack(path, 1), np.stack(actions, 1), strict=True)
    return [Segment(rows, action) for rows, action in both]


def with_ideal_sensors(spec: RobotSpec) -> RobotSpec:
    """The same robot measured without noise and nearly without quantization.

    One tick of acceleration is hardly more than a count: one-step targets from real sensors are
    mostly noise. A model's own predictions are smooth, so smooth states are what most ticks of a
    prediction start from; only its first observation comes from real sensors.
    """
    joints = tuple(dataclasses.replace(j, encoder_counts_per_rev=IDEAL_COUNTS) for j in spec.joints)
    randomization = {p: v for p, v in spec.randomization.items() if p != "sensors.noise_counts"}
    sensor = dataclasses.replace(spec.sensor, noise_counts=0.0)
    return dataclasses.replace(spec, joints=joints, sensor=sensor, randomization=randomization)


def with_history(
    layout: ObservationLayout, obs: FloatArray, actions: list[FloatArray]
) -> FloatArray:
    """Observations (B, O) that remember `actions` instead of what was applied, pushes included."""
    obs = obs.copy()
    for back, action in enumerate(actions[: -layout.action_history - 1 : -1], start=1):
        columns = [layout.column(f"{a}.action[-{back}]") for a in layout.actuators]
        obs[:, columns] = action
    return obs
