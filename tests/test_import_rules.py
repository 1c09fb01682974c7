"""Who may import whom: the table of docs/architecture.md, held by every import of every file.

Imports inside functions and under TYPE_CHECKING count like any other: a circle is a circle whenever
it closes.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = ("robot_mbrl", "hardware", "sim", "calibration", "launch")
ON_BOARD_DATA = ("contract", "tasks", "data")
BELOW_AGENTS = ("contract", "data", "networks", "models", "planners")
BELOW_LEARNING = (*BELOW_AGENTS, "tasks", "agents", "runs", "onboard", "envs")
REFERENCES = ("stable_baselines3", "pytorch_mppi")  # what benches compare with

# room: (rooms of ours it may import besides itself, third party); short names are of robot_mbrl
RULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "contract": ((), ("numpy",)),
    "tasks": (("contract",), ("numpy",)),
    "data": (("contract",), ("numpy", "mcap", "lz4", "zstandard")),
    "onboard": (ON_BOARD_DATA, ("numpy", "onnxruntime")),
    "envs": ((*ON_BOARD_DATA, "onboard"), ("numpy", "gymnasium")),
    "hardware": (("contract", "envs"), ("numpy", "serial", "cobs", "gymnasium")),
    "sim": (
        ("contract", "tasks", "envs"),
        (
            *["numpy", "mujoco", "pybullet", "pybullet_utils", "gymnasium", "PIL"],
            *["imageio_ffmpeg", "xacro"],
        ),
    ),
    "calibration": (("contract", "data", "envs", "sim"), ("numpy", "scipy", "mujoco")),
    "networks": (("contract",), ("numpy", "torch")),
    "models": (("contract", "data", "networks"), ("numpy", "torch")),
    "planners": (("contract", "networks", "models"), ("numpy", "torch")),
    "agents": (BELOW_AGENTS, ("numpy", "torch")),
    "runs": ((*BELOW_AGENTS, "tasks", "agents"), ("numpy", "torch", "safetensors", "tensorboard")),
    "export": (
        (*BELOW_AGENTS, "agents", "runs", "onboard"),
        ("numpy", "torch", "onnx", "onnxscript", "onnxruntime"),
    ),
    "learning": (BELOW_LEARNING, ("numpy", "torch")),
    "analysis": ((*BELOW_LEARNING, "learning"), ("numpy", "torch")),
    "report": ((*BELOW_LEARNING, "learning", "analysis"), ("numpy", "matplotlib")),
    "launch": (
        (
            *BELOW_LEARNING,
            *["learning", "analysis", "report", "export", "calibration", "sim", "hardware"],
        ),
        (
            "numpy",
            "tyro",
            "rich",
            "torch",
            "onnx",
            "mujoco",
            "gymnasium",
            "matplotlib",
            *REFERENCES,
        ),
    ),
}
# The order in which a room's own folders and files rest on each other, lowest first. What is not
# named is judged by the tests against circles alone.
FLOORS: dict[str, tuple[tuple[str, ...], ...]] = {
    "robot_mbrl.contract": (
        ("files",),
        ("parameters", "urdf"),
        ("description",),
        ("observation",),
    ),
    "sim": (
        ("laws",),
        ("mujoco_engine", "bullet_engine"),
        ("worlds", "rendering", "plant"),
        ("envs",),
        ("adopt",),
    ),
}
ROOM_FOR = 12  # files of a folder that a person takes in at a glance
LARGER = {"hardware": 13, "sim/laws": 13, "launch/verbs": 14, "robot_mbrl": 15}
PROTOCOLS = ("mcu", "dynamixel", "feetech", "odrive")


def room_of(module: str) -> str:
    """The room of the table: `robot_mbrl.data.tick` is in "data", `sim.laws.play` in "sim"."""
    parts = module.split(".")
    return parts[1] if parts[0] == "robot_mbrl" and len(parts) > 1 else parts[0]


@cache
def sources() -> dict[str, Path]:
    """Every file of ours by its module name; a package is named by its folder."""
    files = sorted(p for room in OURS for p in (ROOT / room).rglob("*.py"))
    return {module_name(p): p for p in files}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports(path: Path) -> frozenset[str]:
    """Absolute names of all modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            # `from package import module` is an import of the module, not of the package
            inside = {f"{module}.{a.name}" for a in node.names} & sources().keys()
            found |= inside
            if len(inside) < len(node.names):
                found.add(module)
    return frozenset(found)


def violation(module: str, imported: str) -> str | None:
    """What is wrong with `module` importing `imported`; None when nothing is."""
    top = imported.split(".")[0]
    if top in sys.stdlib_module_names or imported in ("robot_mbrl", "robot_mbrl.__version__"):
        return None
    rooms, libraries = RULES[room_of(module)]
    if top not in OURS:
        return None if top in libraries else f"third party {top}"
    target = room_of(imported)
    return None if target in (room_of(module), *rooms) else f"room {target}"


@pytest.mark.parametrize("name", [m for m in sources() if m != "robot_mbrl"])
def test_every_file_keeps_the_table(name: str) -> None:
    broken = {i: v for i in imports(sources()[name]) if (v := violation(name, i))}
    assert not broken, f"{name} (room {room_of(name)}) may not import: {broken}"


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """One circle of a graph, as a path; empty where there is none."""
    graph = {n: {m for m in edges if m in graph and m != n} for n, edges in graph.items()}
    while leaves := [n for n, edges in graph.items() if not edges & graph.keys()]:
        for leaf in leaves:
            del graph[leaf]
    if not graph:
        return []
    path = [min(graph)]
    while path.count(path[-1]) == 1:
        path.append(min(graph[path[-1]] & graph.keys()))
    return path[path.index(path[-1]) :]


def test_no_circle_of_files() -> None:
    graph = {name: set(imports(path)) for name, path in sources().items()}
    assert not cycle(graph)


def folder(module: str) -> str:
    """The folder that holds a module's file."""
    path = sources()[module]
    return str(path.parent.relative_to(ROOT))


def test_no_circle_of_folders() -> None:
    """Faces (`__init__`) hand on what lies below them, so only plain files are asked."""
    graph: dict[str, set[str]] = {}
    for name, path in sources().items():
        if path.name != "__init__.py":
            targets = {folder(i) for i in imports(path) if i in sources()}
            graph.setdefault(folder(name), set()).update(targets)
    assert not cycle(graph)


def test_a_circle_is_found() -> None:
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["b", "c", "b"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def floor_of(room: str, module: str) -> int | None:
    """The floor of a room on which a module stands, 0 the lowest."""
    if not module.startswith(room + "."):
        return None
    entry = module.removeprefix(room + ".").split(".")[0]
    return next((k for k, floor in enumerate(FLOORS[room]) if entry in floor), None)


def upward() -> Iterator[str]:
    """Imports within a room that go up, or sideways to another folder of the same floor."""
    for room in FLOORS:
        for name, path in sources().items():
            for imported in imports(path):
                here, there = floor_of(room, name), floor_of(room, imported)
                if here is None or there is None or folder(name) == folder(imported):
                    continue
                if there >= here:
                    yield f"{name} -> {imported}"


def test_within_a_room_imports_go_down() -> None:
    assert not list(upward())


def test_protocols_do_not_know_each_other() -> None:
    known = [f"hardware.{p}" for p in PROTOCOLS]
    for name, path in sources().items():
        own = next((p for p in known if name.startswith(p + ".") or name == p), None)
        others = [
            i for i in imports(path) for p in known if p != own and (i + ".").startswith(p + ".")
        ]
        if own is None and name in ("hardware", "hardware.protocols"):
            continue  # the list of protocols, and the room's face
        assert not others, f"{name} imports {others}"


def test_only_make_env_opens_the_door_from_hardware_to_environments() -> None:
    users = {
        name
        for name, path in sources().items()
        if room_of(name) == "hardware" and any(room_of(i) == "envs" for i in imports(path))
    }
    assert len(users) <= 1, users


def test_no_verb_imports_a_verb_but_demo() -> None:
    for name, path in sources().items():
        parent = name.rpartition(".")[0]
        if (
            parent in ("launch.verbs", "launch.bench", "launch.studies")
            and name != "launch.verbs.demo"
        ):
            others = {i for i in imports(path) if i.rpartition(".")[0] == "launch.verbs"}
            assert not others, f"{name} imports {others}"


def test_rooms_are_small() -> None:
    crowded = {}
    for place in {p.parent for p in sources().values()}:
        if "results" in place.parts:
            continue
        folders = [p for p in place.iterdir() if any(p.glob("*.py"))]
        entries = [p for p in place.glob("*.py") if p.name != "__init__.py"] + folders
        where = str(place.relative_to(ROOT))
        if len(entries) > LARGER.get(where, ROOM_FOR):
            crowded[where] = len(entries)
    assert not crowded


@pytest.mark.parametrize(("module", "imported", "allowed"), [
    ("robot_mbrl.contract.description.spec", "robot_mbrl.data.episode", False),
    ("robot_mbrl.data.episode", "robot_mbrl.contract.description.spec", True),
    ("robot_mbrl.onboard.loop", "torch", False),
    ("robot_mbrl.onboard.loop", "scipy", False),
    ("robot_mbrl.onboard.session", "robot_mbrl.tasks", True),
    ("robot_mbrl.onboard.session", "hardware", False),
    ("hardware.mcu.device", "sim.plant", False),
    ("sim.plant", "hardware.mcu.driver", False),
    ("sim.plant", "robot_mbrl.learning.online", False),
    ("robot_mbrl.learning.online", "launch.main", False),
    ("robot_mbrl.learning.online", "sim", False),
    ("robot_mbrl.learning.online", "robot_mbrl.export", False),
    ("robot_mbrl.runs.run_folder", "robot_mbrl.learning.online", False),
    ("calibration.posterior", "torch", False),
    ("launch.verbs.mock", "sim.plant", True),
    ("robot_mbrl.data.tick", "json", True),
    ("robot_mbrl.export.controller_file", "robot_mbrl.agents.sac", True),
])  # fmt: skip
def test_the_table_means_what_it_says(module: str, imported: str, allowed: bool) -> None:
    assert (violation(module, imported) is None) is allowed
