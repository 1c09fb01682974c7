"""An ensemble's elites as planners ask them: nothing left to learn, rows along the last axis.

A planner evaluates thousands of rows in every tick of control, most of the time in one thread of a
small computer. So here

- a state is (E, O, B): columns are contiguous, where a slice of (E, B, O) gathers single numbers;
- whitening is part of the first layer, the residual's scale part of the last one;
- widths are padded to multiples of BLOCK, and an exported layer is a convolution with kernel 1 and
  a group for each member: onnxruntime keeps its operands in blocks of that width, packs nothing
  from call to call, and adds the bias where a MatMul leaves it to another pass over memory.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robot_mbrl.models.ensemble.ensemble import (
    ACTIVATIONS,
    FRICTION_START,
    SLIP,
    DynamicsEnsemble,
    bounded,
)
from robot_mbrl.networks.batched_linear import BatchedLinear

BLOCK = 8  # float32 numbers in a register of AVX2


class PlanningModel(nn.Module):
    """Increments of the elites and their disagreement; a copy that training does not touch.

    Args:
        model: the ensemble; of its members the elites are taken.

    Attributes:
        layout: of the observation.
        members: E, the number of elites.
    """

    log_std: Tensor
    scale: Tensor
    spread_scale: Tensor
    share: Tensor
    nothing: Tensor

    def __init__(self, model: DynamicsEnsemble) -> None:
        super().__init__()
        self.layout, self.members = model.layout, len(model.elites)
        self.kind, self.dry_friction, self.moves = model.kind, model.dry_friction, model.moves
        self.activation = model.activation
        self._joints = len(model.layout.joints)
        self._coasts = bool(model.layout.velocities(torch.ones(1, model.layout.size)).any())
        weights, biases = _folded(model)
        self._layers = len(weights)
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            # (E, n_in, n_out) -> (E n_out, n_in, 1, 1), what a convolution with groups takes
            kernel = weight.transpose(1, 2).flatten(0, 1)[..., None, None]
            self.register_buffer(f"weight_{i}", kernel)
            self.register_buffer(f"bias_{i}", bias.flatten())
        rest = weights[0].shape[1] - self.moves - self.layout.action_size
        self.register_buffer("nothing", torch.zeros(self.members, rest, 1))
        unit, error = model.outputs.std, getattr(model, "log_error", torch.zeros(self._joints))
        self.register_buffer("scale", unit[:, None].clone())
        self.register_buffer("spread_scale", model.spread_scale[:, None].clone())
        self.register_buffer("log_std", (error + (unit * model.std_scale).log())[:, None])
        # Of each member's and joint's squared deviation in the disagreement.
        share = (unit**-2 / (self._joints * self.members)).expand(self.members, -1)
        self.register_buffer("share", share.flatten())

    @property
    def elites(self) -> Tensor:
        """All of them."""
        return torch.arange(self.members)

    def increments(self, x: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of dq in rad, (E, J, B) each, of every member.

        States (E, O, B) and actions (E, A, B).
        """
        joints, rest = self._joints, self.nothing.expand(-1, -1, x.shape[2])
        moving = x if self.moves == self.layout.size else x[:, : self.moves]
        raw = self._network(torch.cat([moving, action, rest], 1))
        mean = raw[:, :joints]
        if self._coasts:
            mean = mean + self.layout.velocities(x, axis=-2) * self.layout.dt
        if self.dry_friction:  # as in DynamicsEnsemble.apply_friction, in rad
            at = joints * (1 + (self.kind == "gaussian"))
            most = F.softplus(raw[:, at : at + joints]) * self.scale
            mean = mean - (1 - SLIP) * torch.maximum(torch.minimum(mean, most), -most)
        if self.kind == "gaussian":
            return mean, (bounded(raw[:, joints : 2 * joints]) + self.log_std).exp()
        return mean, self.log_std.exp().expand_as(mean)

    def disagreement(self, mean: Tensor) -> Tensor:
        """Epistemic spread (B,) of the members' mean dq (E, J, B), as in DynamicsEnsemble."""
        apart = mean - mean.mean(0)
        return torch.sqrt(self.share @ (apart * apart).flatten(0, 1) + 1e-12)

    def _network(self, x: Tensor) -> Tensor:
        """(E, n_in, B) -> (E, n_out, B) through all layers."""
        (members, _, rows), activation = x.shape, ACTIVATIONS[self.activation]
        exported = torch.onnx.is_in_onnx_export()
        x = x.reshape(1, -1, rows, 1) if exported else x
        for i in range(self._layers):
            weight, bias = getattr(self, f"weight_{i}"), getattr(self, f"bias_{i}")
            x = activation(x) if i else x
            if exported:
                x = F.conv2d(x, weight, bias, groups=members)
            else:  # the same, without the copies that torch's convolution makes
                matrix = weight.view(members, -1, weight.shape[1])
                x = torch.baddbmm(bias.view(members, -1, 1), matrix, x)
        return x.reshape(members, -1, rows)


def planning_model(model: DynamicsEnsemble | PlanningModel) -> PlanningModel:
    """The elites of an ensemble, or what is one already."""
    return model if isinstance(model, PlanningModel) else PlanningModel(model)


@torch.no_grad()
def _folded(model: DynamicsEnsemble) -> tuple[list[Tensor], list[Tensor]]:
    """Weights (E, n_in, n_out) and biases (E, n_out) of the elites, padded with zeros.

    Whitening: (x - m) M W + b = x (M W) + (b - m M W). The residual: s (h W + b) + m.
    """
    layers = [cast(BatchedLinear, layer) for layer in model.layers]
    weights = [layer.weight[model.elites].double() for layer in layers]
    biases = [layer.bias[model.elites, 0].double() for layer in layers]
    weights[0] = model.inputs.matrix.double() @ weights[0]
    biases[0] -= model.inputs.mean.double() @ weights[0]
    joints = len(model.layout.joints)
    weights[-1][..., :joints] *= model.outputs.std
    biases[-1][:, :joints] = biases[-1][:, :joints] * model.outputs.std + model.outputs.mean
    if model.dry_friction:
        biases[-1][:, -joints:] += FRICTION_START
    padded = [F.pad(w, (0, -w.shape[2] % BLOCK, 0, -w.shape[1] % BLOCK)) for w in weights]
    return [w.float() for w in padded], [F.pad(b, (0, -b.shape[1] % BLOCK)).float() for b in biases]
