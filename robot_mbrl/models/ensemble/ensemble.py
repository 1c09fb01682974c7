"""Probabilistic ensemble of E independent networks with batched weights (PETS, Chua et al. 2018).

Each member predicts a Gaussian (or only its mean, see `kind`) over the residual r = dq - v dt: how
far the position increment dq over one tick departs from constant velocity. Everything else of the
next observation follows from dq exactly (`ObservationLayout.advance`), so every predicted
observation is consistent.
"""

import copy
import itertools
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.networks.batched_linear import BatchedLinear
from robot_mbrl.networks.normalizer import Normalizer, Whitener

ModelKind = Literal["gaussian", "deterministic"]
ActivationName = Literal["silu", "relu"]
ACTIVATIONS: dict[ActivationName, Callable[[Tensor], Tensor]] = {"silu": F.silu, "relu": F.relu}

LOG_STD_MIN, LOG_STD_MAX = -6.0, 0.5  # of the normalized residual
FRICTION_START = -3.0  # of an untrained model, next to nothing: softplus(-3) = 0.05 spreads
FRICTION_ADDED = 1.0  # softplus(1 - 3) = 0.13 residual spreads: gradients find that
SLIP = 0.05  # share of a held increment that is left, so that gradients pass


def bounded(log_std: Tensor) -> Tensor:
    """A log standard deviation within softly set limits (Chua et al. 2018, A.1)."""
    log_std = LOG_STD_MAX - F.softplus(LOG_STD_MAX - log_std)
    return LOG_STD_MIN + F.softplus(log_std - LOG_STD_MIN)


class DynamicsEnsemble(nn.Module):
    """p_e(dq | obs, action) for e in 1..E.

    Args:
        layout: of the observation.
        members: E.
        hidden: width of the hidden layers.
        rng: makes the initial weights.
        dry_friction: dry friction is part of the model, see `apply_friction`.
        kind: "gaussian" predicts mean and noise; "deterministic" the mean alone, fitted by squared
            error: its noise is one number per coordinate, the error on held-out rows, and what it
            imagines has none.
        depth: number of hidden layers.
        activation: of the hidden layers.

    Raises SettingsError for an unknown kind or activation, or no hidden layer.
    """

    elites: Tensor
    std_scale: Tensor
    spread_scale: Tensor
    log_error: Tensor

    def __init__(
        self,
        layout: Layout,
        members: int,
        hidden: int,
        rng: torch.Generator,
        *,
        dry_friction: bool = False,
        kind: ModelKind = "gaussian",
        depth: int = 2,
        activation: ActivationName = "silu",
    ) -> None:
        super().__init__()
        if kind not in ("gaussian", "deterministic"):
            raise SettingsError(f"model kind {kind!r}: expected 'gaussian' or 'deterministic'")
        if activation not in ACTIVATIONS:
            raise SettingsError(f"activation {activation!r}: expected {' or '.join(ACTIVATIONS)}")
        if depth < 1:
            raise SettingsError(f"layers: expected at least 1 hidden layer, got {depth}")
        self.kind: ModelKind = kind
        self.layout, self.members, self.hidden = layout, members, hidden
        self.dry_friction = dry_friction
        self.depth, self.activation = depth, activation
        joints = len(layout.joints)
        # a goal, the last columns, moves nothing
        self.moves = layout.size - len(getattr(layout, "goal", ()))
        self.inputs = Whitener(self.moves + layout.action_size, floor=0.02)
        self.outputs = Normalizer(joints)
        widths = [self.moves + layout.action_size, *[hidden] * depth]
        widths.append(self._outputs_per_joint * joints)
        self.layers = nn.ModuleList(
            BatchedLinear(members, a, b, rng) for a, b in itertools.pairwise(widths)
        )
        self.register_buffer("elites", torch.arange(members))
        # Multiplies predicted standard deviations so that they cover held-out data; see fit.py.
        self.register_buffer("std_scale", torch.ones(joints))
        # Multiplies the members' spread where that alone covers too much; see calibration.py.
        self.register_buffer("spread_scale", torch.ones(joints))
        if kind == "deterministic":
            # Log of the held-out error of the normalized residual; see fit.py.
            self.register_buffer("log_error", torch.zeros(joints))

    @property
    def _outputs_per_joint(self) -> int:
        """Mean, log-std of a Gaussian, friction."""
        return 1 + (self.kind == "gaussian") + self.dry_friction

    def residual(self, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Normalized residual's mean and log standard deviation, (E, B, J) each.

        obs (E, B, O) and action (E, B, A).
        """
        x = torch.cat([obs[..., : self.moves], action], -1)
        x = self.inputs(x)
        for layer in self.layers[:-1]:
            x = ACTIVATIONS[self.activation](layer(x))
        mean, *rest = self.layers[-1](x).chunk(self._outputs_per_joint, -1)
        mean = self.apply_friction(obs, mean, rest[-1]) if self.dry_friction else mean
        if self.kind == "deterministic":
            return mean, self.log_error.expand_as(mean)
        return mean, bounded(rest[0])

    def apply_friction(self, obs: Tensor, mean: Tensor, raw: Tensor) -> Tensor:
        """Dry friction: what is left of the normalized residual's mean (E, B, J).

        One tick of Coulomb friction takes up to a fixed step from the increment and holds still
        what is slower: dq -> sign(dq) max(|dq| - g, 0), g = softplus(raw) residual spreads. Smooth
        layers blur this step, tiny against the range of speeds, and then creep at rest.
        """
        coast = self.layout.velocities(obs) * self.layout.dt + self.outputs.mean
        free, most = coast / self.outputs.std + mean, F.softplus(raw + FRICTION_START)
        held: Tensor = torch.maximum(torch.minimum(free, most), -most)
        return mean - (1 - SLIP) * held

    def with_dry_friction(self) -> "DynamicsEnsemble":
        """A copy that has dry friction, a little at first where this model has none.

        In simulation noise hides what friction does in one tick, so that a network learns it
        blurred; a real joint that is stiffer than any simulated one needs the sharp form.
        """
        if self.dry_friction:
            return copy.deepcopy(self)
        model = self._another(self.members, dry_friction=True)
        state, joints, last = self.state_dict(), len(self.layout.joints), f"layers.{self.depth}"
        state[f"{last}.weight"] = F.pad(state[f"{last}.weight"], (0, joints))
        state[f"{last}.bias"] = F.pad(state[f"{last}.bias"], (0, joints), value=FRICTION_ADDED)
        model.elites = self.elites.clone()  # of the same number as those to load
        model.load_state_dict(state)
        return model

    def increments(self, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of dq in rad, (E, B, J) each, of every member."""
        mean, log_std = self.residual(obs, action)
        drift = self.layout.velocities(obs) * self.layout.dt
        mean = drift + self.outputs.mean + mean * self.outputs.std
        return mean, log_std.exp() * self.outputs.std * self.std_scale

    def target(self, obs: Tensor, dq: Tensor) -> Tensor:
        """The normalized residual (..., J) that `residual` should predict."""
        normalized: Tensor = self.outputs(dq - self.layout.velocities(obs) * self.layout.dt)
        return normalized

    def advance(self, obs: Tensor, action: Tensor) -> Tensor:
        """Mean next observation (E, B, O) of every member."""
        dq, _ = self.increments(obs, action)
        next_obs: Tensor = self.layout.advance(obs, dq, action, xp=torch)
        return next_obs

    def sample(self, obs: Tensor, action: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """One draw of the next observation by a random elite for each row (TS1); a deterministic
        model draws no noise.

        Args:
            obs: (B, O).
            action: (B, A).
            rng: generator.

        Returns:
            next observation (B, O), disagreement (B,), see `disagreement`.
        """
        mean, std = self.increments(self.spread(obs), self.spread(action))
        pick = self.elites[torch.randint(len(self.elites), (len(obs),), generator=rng)]
        rows = torch.arange(len(obs))
        dq = mean[pick, rows]
        if self.kind == "gaussian":
            dq = dq + std[pick, rows] * torch.randn(mean.shape[1:], generator=rng)
        return self.layout.advance(obs, dq, action, xp=torch), self.disagreement(mean)

    def elite_model(self) -> "DynamicsEnsemble":
        """A copy that holds only the elites."""
        return self.subset(self.elites)

    def subset(self, members: Tensor) -> "DynamicsEnsemble":
        """A copy with members of these numbers (N,), all of them elites."""
        few = self._another(len(members), dry_friction=self.dry_friction)
        state = self.state_dict()
        for name in state:
            if name.startswith("layers"):
                state[name] = state[name][members]
        state["elites"] = torch.arange(len(members))
        few.load_state_dict(state)
        return few

    def _another(self, members: int, *, dry_friction: bool) -> "DynamicsEnsemble":
        """An untrained model of the same kind and depth, to load weights into."""
        return DynamicsEnsemble(
            self.layout,
            members,
            self.hidden,
            torch.Generator(),
            dry_friction=dry_friction,
            kind=self.kind,
            depth=self.depth,
            activation=self.activation,
        )

    def spread(self, x: Tensor) -> Tensor:
        """(B, n) -> (E, B, n), the same rows for every member."""
        return x.expand(self.members, *x.shape)

    def disagreement(self, mean: Tensor) -> Tensor:
        """Epistemic spread (..., B): root mean square over joints of the elites' standard deviation
        of dq (E, ..., B, J), in units of the data's residual spread."""
        chosen = mean if len(self.elites) == self.members else mean[self.elites]
        scaled = chosen / self.outputs.std
        variance = ((scaled - scaled.mean(0)) ** 2).mean(0)
        return torch.sqrt(variance.mean(-1) + 1e-12)
