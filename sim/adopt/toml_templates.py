"""The fixed parts of a robot.toml for a URDF, to be filled in by `robot_toml`."""

HEADER = """\
# Written by `robot-mbrl new-robot` from {source}.
# It pretrains as it is: robot-mbrl pretrain --robot {folder} --out runs/{name}
#
# MEASURE marks what no URDF knows. Until it is measured, simulation only resembles the robot; what
# stands under [randomization] covers the difference as well as a guess can.
#
# The root link {root!r} is fixed to the world, and nothing collides.{notes}

[robot]
name = {name_text}
urdf = {urdf}
description = {description}

[control]
rate_hz = 50               # MEASURE: what the bus carries, reading and writing in each tick
physics_rate_hz = 500
action_history = 3         # past commands in the observation: latency / period, rounded up, + 1
observation_history = 2    # earlier measurements: what makes friction and load inferable
"""

JOINT = """
[[joint]]
name = {name}
wraps = {wraps}
encoder_counts_per_rev = 4096   # MEASURE: data sheet of the encoder, after the gear
{limit}velocity_limit_rad_s = {velocity}    # {velocity_comment}beyond it the supervisor stops{home}
velocity_filter_hz = 20
"""

POSITION = """
[[actuator]]
name = {name}
joint = {name}
command = "position"
limit_rad = {limit}    # what action 1 asks for; cut to the joint's soft limits
# How fast the command itself moves, so that no jump of it makes the robot jump: at most 2 rad/s,
# half the no-load speed (the rest carries and accelerates) and 1 m/s at the reach of the joint.
command_speed_rad_s = {command_speed}
latency_ms = 10    # MEASURE: time from a step of the command to the first motion

[actuator.servo]
# torque = clip(stiffness (command - q) - damping qd, +-limit), less limit qd / no-load speed
torque_limit_nm = {effort}    # {effort_comment}
no_load_speed_rad_s = {speed}    # {speed_comment}
stiffness_nm_rad = {stiffness}    # MEASURE: hang a known weight on, divide its torque by the sag
damping_nm_s_rad = {damping}    # MEASURE: overshoot of a step; a guess, damping ratio 0.7
rotor_inertia_kg_m2 = {rotor}    # MEASURE: at the joint, rotor times gear squared
"""

TORQUE = """
[[actuator]]
name = {name}
joint = {name}
command = "torque"
limit_Nm = {effort}    # {effort_comment}
latency_ms = 5    # MEASURE: time from a step of the command to the first motion

[actuator.direct]
rotor_inertia_kg_m2 = {rotor}    # MEASURE: at the joint, rotor times gear squared
"""

REST = """
[sensor]
latency_ms = 2               # MEASURE: age of a reading when it arrives
noise_counts = 0.3           # MEASURE: standard deviation of a reading at rest

[link]                       # MEASURE: how the real robot is wired; simulation does not use it
protocol = "mcu"
baudrate = 921600
reply_timeout_ms = 4

[safety]
{margins}
coast_ticks = 3
hold_ticks = 0
ramp_s = {ramp}
watchdog_ms = 80
deadline_ms = 5
deadline_misses = 2
max_temperature_c = 70       # MEASURE: data sheet of the motors
false_stops_per_hour = 0.5

[home]
{near}
timeout_s = 60
{home}
[task]
name = "reach_pose"          # reward and success: robot_mbrl/tasks/reach_pose.py

[task.parameters]
{tolerances}
hold_s = 2

{targets}
"""

HOME_POSITION = """\
# Position commands go home by themselves, at their command speed; these gains are not used.
"""

HOME_TORQUE = """\
# Springs and dampers by inertia, pulled by a set point that moves slowly: weak and slow. MEASURE:
# raise a position_gain where a joint stops before it is home, lower both where it shakes.
"""

RANDOM = """
# Masses by CAD are within some 20 %; friction is never known; both are per link and joint.
{parts}
[randomization.sensors]
latency_ms = {{ range = [0, 10] }}
noise_counts = {{ range = [0, 1] }}
{initial}"""

WHY = {
    "position": (
        "\n#\n# Motors take positions, as most arms and hobby servos do: a servo carries the"
        "\n# weight, so that training starts from a robot that stands. `new-robot --command torque`"
        "\n# is for drives that take torques; many joints then need longer training."
    ),
    "torque": (
        "\n#\n# Motors take torques, up to the effort in the URDF: nothing holds the weight but the"
        "\n# controller. `new-robot --command position` is for servos."
    ),
}
