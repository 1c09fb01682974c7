"""Which joint of a robot plays which part in a task: `[task.joints]`, part = joint name.

A task with parts names them in its class attribute `ROLES`, each with whether the joint must wrap,
and takes a field `joints`. A part that is not given is played by the joint of its own name.
"""

from collections.abc import Mapping

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.contract.errors import SpecError


def check_roles(
    roles: Mapping[str, bool], joints: Mapping[str, str], layout: ObservationLayout
) -> None:
    """Raise SpecError unless every part is played by a joint that the robot has and that suits.

    Args:
        roles: the parts of a task, each with whether its joint must wrap.
        joints: part -> joint name, as far as given.
        layout: of the robot's observation.
    """
    has = ", ".join(layout.joints)
    unknown = [role for role in joints if role not in roles]
    if unknown:
        raise SpecError(f"no part {unknown[0]!r}; the task has the parts {', '.join(roles)}")
    missing = [role for role in roles if joints.get(role, role) not in layout.joints]
    if missing:
        example = ", ".join(f'{role} = "{layout.joints[0]}"' for role in missing[:1])
        wanted = ", ".join(repr(joints.get(role, role)) for role in missing)
        raise SpecError(
            f"the task needs the joints {', '.join(roles)}; no joint {wanted}, the robot has: "
            f"{has}. Say which one plays which part in [task.joints], for example {example}; or "
            "choose another task"
        )
    played = [joints.get(role, role) for role in roles]
    if len(set(played)) < len(played):
        raise SpecError(f"one joint plays two parts: {', '.join(played)}")
    for (role, wraps), name in zip(roles.items(), played, strict=True):
        if layout.wraps[layout.joints.index(name)] != wraps:
            raise SpecError(
                f"part {role!r}, joint {name!r}: expected a joint with wraps = "
                + ("true, as it turns for ever" if wraps else "false, as it has limits")
            )
