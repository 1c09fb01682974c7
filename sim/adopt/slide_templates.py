"""The parts of a robot.toml for a joint that slides, to be filled in by `robot_toml`."""

SLIDE_JOINT = """
[[joint]]
name = {name}                   # slides: m where others have rad
encoder_counts_per_m = 20000    # MEASURE: data sheet of the encoder, over pitch or pulley
{limit}velocity_limit_m_s = {velocity}    # {velocity_comment}beyond it the supervisor stops{home}
velocity_filter_hz = 20
"""

SLIDE_POSITION = """
[[actuator]]
name = {name}
joint = {name}
command = "position"
limit_m = {limit}    # what action 1 asks for; cut to the joint's soft limits
# How fast the command itself moves, so that no jump of it makes the robot jump: at most 0.25 m/s
# and half the no-load speed (the rest carries and accelerates).
command_speed_m_s = {command_speed}
latency_ms = 10    # MEASURE: time from a step of the command to the first motion

[actuator.servo]
# force = clip(stiffness (command - q) - damping qd, +-limit), less limit qd / no-load speed
force_limit_n = {effort}    # {effort_comment}
no_load_speed_m_s = {speed}    # {speed_comment}
stiffness_n_m = {stiffness}    # MEASURE: push with a known weight, divide by the way it gives
damping_n_s_m = {damping}    # MEASURE: overshoot of a step; a guess, damping ratio 0.7
added_mass_kg = {rotor}    # MEASURE: rotor inertia times (rad per m) squared
"""

SLIDE_FORCE = """
[[actuator]]
name = {name}
joint = {name}
command = "force"
limit_N = {effort}    # {effort_comment}
latency_ms = 5    # MEASURE: time from a step of the command to the first motion

[actuator.direct]
added_mass_kg = {rotor}    # MEASURE: rotor inertia times (rad per m) squared
"""
