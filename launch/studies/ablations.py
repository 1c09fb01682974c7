"""What each part of MBPO is worth: its settings with one thing changed at a time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from launch.studies.learn_settings import NEVER, Setting

Change = Callable[[Setting], Setting]


def _mbpo(setting: Setting, **changes: Any) -> Setting:
    return replace(setting, agent=replace(setting.agent, **changes))


def _imagination(setting: Setting, **changes: Any) -> Setting:
    agent: Any = setting.agent
    return _mbpo(setting, imagination=replace(agent.imagination, **changes))


def _single_model(setting: Setting) -> Setting:
    agent: Any = setting.agent
    one = _mbpo(setting, ensemble=replace(agent.ensemble, members=1))
    return replace(one, online=replace(one.online, fit=replace(one.online.fit, elites=1)))


def _retrain(setting: Setting, every: int, steps: int | None = None) -> Setting:
    online = replace(setting.online, fit_every=every)
    if steps:
        online = replace(online, fit=replace(online.fit, steps=steps, check_every=steps))
    return replace(setting, online=online)


def _retrain_every_step(setting: Setting) -> Setting:
    """As many gradient steps in all as with the setting's own interval."""
    online = setting.online
    return _retrain(setting, 1, online.fit.steps // online.fit_every)


ABLATIONS: dict[str, Change] = {
    "as it is": lambda s: s,
    "single model": _single_model,
    "no early stop": lambda s: _imagination(s, stop_quantile=None),
    "k = 1": lambda s: _imagination(s, horizon=1),
    "k = 5": lambda s: _imagination(s, horizon=5),
    "k = 20": lambda s: _imagination(s, horizon=20),
    "k = 20, no early stop": lambda s: _imagination(s, horizon=20, stop_quantile=None),
    "k = 50": lambda s: _imagination(s, horizon=50),
    "k = 50, no early stop": lambda s: _imagination(s, horizon=50, stop_quantile=None),
    "95 % imagined": lambda s: _mbpo(s, real_share=0.05),
    "100 % imagined": lambda s: _mbpo(s, real_share=0.0),
    "nothing imagined": lambda s: _mbpo(s, real_share=1.0),
    "1 update a step": lambda s: replace(s, online=replace(s.online, updates_per_step=1)),
    "1 update a step, nothing imagined": lambda s: _mbpo(
        replace(s, online=replace(s.online, updates_per_step=1)), real_share=1.0
    ),
    "model fitted every step": _retrain_every_step,
    "model fitted once": lambda s: _retrain(s, NEVER),
}
