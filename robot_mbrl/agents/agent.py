"""What every learning agent is, so that loops, run folders and exports need not know which it is.

    begin_episode -> explore -> observe -> improve, step by step; `policy` is what is evaluated

Randomness comes from a seed given at construction. Whatever else an agent remembers (networks,
moments, generators, recurrent states, plans, transitions) is in `get_state` and comes back by
`set_state`: a killed run goes on to the same numbers. A new agent is one file: its settings, an
`AgentConfig` that names the class, and the class.

Three protocols, each a step further: any Agent; a ModelAgent, whose dynamics ensemble the loop
fits; a RefinableAgent, whose policy can also be improved in a model alone, as finetuning does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from torch import Tensor

from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.interface import Policy
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.data.replay import ReplayBuffer, Rows
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.networks.actor import Actor
from robot_mbrl.networks.critics import Critics

Worlds = npt.NDArray[np.bool_]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class AgentConfig:
    """Settings of an agent, the base of each agent's own."""

    agent_name: ClassVar[str]
    """in `registry.AGENTS`, or "module:Class" for one that is not built in"""


@dataclass(frozen=True)
class Recorded:
    """Transitions as a ReplayBuffer holds them.

    Attributes:
        rows: (N, 2 O + A + 2), in the buffer's own order.
        added: how many it was given so far, at least N.
    """

    rows: Rows
    added: int


@dataclass(frozen=True)
class AgentState:
    """All that an agent is beyond its settings; what it holds may be the agent's own memory, so
    write it down or copy it before the agent goes on.

    Attributes:
        weights: what acting and exporting needs, by name; every one of them must be there again.
        learning: what going on learning needs besides: optimizers' moments, plans. A finished run
            keeps none of it.
        transitions: by name; a finished run keeps some of those called "real".
        plain: JSON-able values: generators, counters.
    """

    weights: dict[str, Tensor]
    learning: dict[str, Tensor] = field(default_factory=dict)
    transitions: dict[str, Recorded] = field(default_factory=dict)
    plain: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ControllerParts:
    """What a controller file is made of.

    Attributes:
        model: predicts; planners plan on it.
        actor: proposes plans; None for an agent without a policy.
        critics: value the end of a plan; None for an agent without.
        gamma: discount per tick.
    """

    model: DynamicsEnsemble
    actor: Actor | None
    critics: Critics | None
    gamma: float


@runtime_checkable
class Agent(Protocol):
    """What learns. B environments are stepped side by side, one on a robot.

    A class of agents is called with (layout, task, config, capacity, seed): the observation's
    layout, what gives reward and termination, its own settings, how many real transitions there
    will be at most, and the seed of every generator inside.

    Attributes:
        config_type: of its settings.
        layout: of the observation.
        task: what the layout's observations are rewarded by.
        config: its settings, of `config_type`.
    """

    config_type: ClassVar[type[AgentConfig]]
    layout: Layout
    task: Any
    config: Any

    def begin_episode(self, worlds: Worlds | None = None) -> None:
        """Forget what belongs to an episode that ended in these environments (B,), or in all."""

    def explore(self, obs: np.ndarray) -> np.ndarray:
        """Actions (B, A) in [-1, 1] that collect data, for observations (B, O)."""

    def observe(self, transitions: Transitions, truncated: Worlds | None = None) -> None:
        """Take one step of B environments, in their order.

        Args:
            transitions: (B,) of them, with the true next observation at an episode's end.
            truncated: (B,), whether a time limit or a stop ended the episode; none by default.
        """

    def warmed_up(self) -> None:
        """Take the random steps as what observations look like; learning begins."""

    def set_progress(self, done: float) -> None:
        """Follow schedules (learning rate, exploration) to this share of learning, 0 to 1."""

    def improve(self, step: int, updates: int) -> None:
        """Learn after step `step` since the random ones: about so many gradient steps."""

    def policy(self) -> Policy:
        """What is evaluated, for one episode of B environments."""

    def metrics(self) -> dict[str, float]:
        """Numbers worth a line in the log."""

    def get_state(self) -> AgentState:
        """All that `set_state` needs to go on to the same numbers."""

    def set_state(self, state: AgentState) -> None:
        """Put a state back into an agent of the same settings.

        `learning`, `transitions` and `plain` may lack entries, as those of a finished run do; what
        they lack stays as it is. Raises DataError for a state of other settings.
        """

    def exportable(self) -> ControllerParts | None:
        """What a controller file is made of, or None if there is no such file of this agent."""


@runtime_checkable
class ModelAgent(Agent, Protocol):
    """An agent with an ensemble, which others fit to its real transitions.

    Attributes:
        model: the ensemble.
        real: what was observed.
    """

    model: DynamicsEnsemble
    real: ReplayBuffer

    @property
    def evaluated_ticks(self) -> int:
        """Least length of held-out segments that `model_fitted` needs; 0 for none."""

    def model_fitted(self, data: Transitions, held: Sequence[Segment] = ()) -> None:
        """The model was fitted anew, and learning goes on.

        Args:
            data: all real transitions.
            held: segments of them that the model was not fitted to.
        """

    def measure_disagreement(self, transitions: Transitions) -> None:
        """Learn from real transitions how much members disagree where the model is right."""


@runtime_checkable
class RefinableAgent(ModelAgent, Protocol):
    """An agent whose policy can be improved in its model, without new real data."""

    def set_model(self, model: DynamicsEnsemble) -> None:
        """Go on with another model; the settings say what it is made of."""

    def blend(
        self, real_share: float, simulated: Transitions | None = None, share: float = 0.0
    ) -> None:
        """Set the shares of real and simulated rows in a batch; the rest is imagined."""

    def refine(
        self,
        updates: int,
        starts: Transitions,
        lr: float | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Gradient steps on rollouts from `starts`, from a learning rate on, by default its own."""

    def restart_optimizers(self, lr: float) -> None:
        """Forget moments; for a new phase of learning."""


def with_model(agent: Agent) -> ModelAgent:
    """The agent, if it has an ensemble. Raises SettingsError."""
    if not isinstance(agent, ModelAgent):
        raise SettingsError(f"{_kind(agent)} has no dynamics ensemble; choose another agent")
    return agent


def refinable(agent: Agent) -> RefinableAgent:
    """The agent, if it can be refined in its model. Raises SettingsError."""
    if not isinstance(agent, RefinableAgent):
        raise SettingsError(
            f"{_kind(agent)} cannot be improved in its model alone; choose another agent"
        )
    return agent


def _kind(agent: Agent) -> str:
    return f"agent {agent.config_type.agent_name!r}"
