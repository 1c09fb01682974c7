"""Who may import whom: the table of the README's architecture, checked for every file."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("robot_mbrl", "hardware", "sim", "calibration", "launch")
EVERYTHING = OURS
MOVIES = ("PIL", "imageio_ffmpeg")  # the second only if somebody has installed it
PEERS = ("stable_baselines3", "pytorch_mppi")  # what benches compare with
PLOTTING = ("matplotlib", "tensorboard")
# Models, planners and agents may import each other downwards: see the test against cycles.
LEARNING = (
    "robot_mbrl.tasks",
    "robot_mbrl.data",
    "robot_mbrl.models",
    "robot_mbrl.planners",
    "robot_mbrl.agents",
)

# room: (rooms of ours it may import besides itself and the contract, third party)
RULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "robot_mbrl.contract": ((), ("numpy",)),
    "robot_mbrl.tasks": ((), ("numpy",)),
    "robot_mbrl.data": ((), ("numpy", "mcap")),
    "robot_mbrl.onboard": (("robot_mbrl.data",), ("numpy", "onnxruntime")),
    "robot_mbrl.envs.robot_env": (
        ("robot_mbrl.tasks", "robot_mbrl.onboard"),
        ("numpy", "gymnasium"),
    ),
    "robot_mbrl.models": (LEARNING, ("numpy", "torch", "safetensors")),
    "robot_mbrl.planners": (LEARNING, ("numpy", "torch")),
    "robot_mbrl.agents": (LEARNING, ("numpy", "torch", "safetensors")),
    "robot_mbrl": (
        ("robot_mbrl",),
        ("numpy", "torch", "safetensors", "onnx", "onnxscript", "onnxruntime", *PLOTTING),
    ),
    "hardware": (("robot_mbrl.envs.robot_env",), ("numpy", "serial", "cobs", "gymnasium")),
    "sim": (
        ("robot_mbrl.tasks", "robot_mbrl.envs.robot_env"),
        ("numpy", "mujoco", "pybullet", "pybullet_utils", "gymnasium"),
    ),
    "calibration": (("robot_mbrl.data", "sim"), ("numpy", "scipy", "mujoco")),
    "launch": (
        EVERYTHING,
        ("numpy", "tyro", "rich", "torch", "mujoco", "gymnasium", *PLOTTING, *MOVIES, *PEERS),
    ),
}
# hardware.make_env wraps a serial robot in the one environment, so it is the one door upwards.


def room_of(module: str) -> str:
    """The most special rule that a module name falls under."""
    fits = [room for room in RULES if module == room or module.startswith(room + ".")]
    return max(fits, key=len)


def sources() -> list[Path]:
    return sorted(p for room in OURS for p in (ROOT / room).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, *, inside: bool = True) -> set[str]:
    """Absolute names of what a file imports; `inside` functions and `if TYPE_CHECKING` as well."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if inside else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
            # `from robot_mbrl import data` imports a room by name
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module in OURS}
    return found


def violation(module: str, imported: str) -> str | None:
    """What is wrong with `module` importing `imported`."""
    room = room_of(module)
    rooms, libraries = RULES[room]
    top = imported.split(".")[0]
    if top in sys.stdlib_module_names or imported == "robot_mbrl.__version__":
        return None
    if top not in OURS:
        return None if top in libraries else f"third party {top}"
    target = room_of(imported)
    if target == "launch" and room != "launch":
        return "nobody imports launch"
    if imported == "robot_mbrl" and room != "robot_mbrl":
        return None  # the bare package holds the version only
    allowed = {room, "robot_mbrl.contract", *rooms}
    ok = target in allowed or any(target.startswith(a + ".") for a in rooms)
    return None if ok else f"room {target}"


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_every_file_keeps_the_rules(path):
    name = module_name(path)
    broken = {i: v for i in imports(path) if (v := violation(name, i))}
    assert not broken, f"{name} (room {room_of(name)}) may not import: {broken}"


def test_no_file_imports_itself_through_others_when_it_is_loaded():
    files = {module_name(p): p for p in sources()}
    # A package's __init__ lists its rooms; what matters is the files below.
    plain = {m for m, p in files.items() if p.name != "__init__.py"}
    graph = {m: imports(files[m], inside=False) & plain for m in plain}
    while leaves := [m for m, g in graph.items() if not g & graph.keys()]:
        for leaf in leaves:
            del graph[leaf]
    assert not graph, f"cycle among {sorted(graph)}"


@pytest.mark.parametrize(("module", "imported", "allowed"), [
    ("robot_mbrl.contract.description.spec", "robot_mbrl.data.episode", False),
    ("robot_mbrl.data.episode", "robot_mbrl.contract.description.spec", True),
    ("robot_mbrl.onboard.loop", "torch", False),
    ("robot_mbrl.onboard.loop", "robot_mbrl.tasks", False),
    ("hardware.mock.device", "sim.mujoco_engine.model", False),
    ("sim.mujoco_engine.model", "hardware.mcu.driver", False),
    ("robot_mbrl.envs.episodes", "launch.main", False),
    ("launch.verbs.mock", "sim.mujoco_engine.model", True),
    ("robot_mbrl.data.tick", "json", True),
    ("robot_mbrl.export.controller_file", "robot_mbrl.agents.sac", True),
])  # fmt: skip
def test_the_table_means_what_it_says(module, imported, allowed):
    assert (violation(module, imported) is None) is allowed
