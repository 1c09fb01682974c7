"""`robot-mbrl VERB ...`: finds the verb, parses its settings, prints its result or its error.

Verbs, and what `robot-mbrl bench NAME` measures, are imported by name when they are called, so that
deploy and collect start on a machine without torch and mujoco.
"""

import atexit
import difflib
import gc
import importlib
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import tyro

import robot_mbrl
from launch.check_settings import check_settings
from launch.lasting_streams import lasting_streams
from launch.stop_signals import Terminated, signals_interrupt
from launch.verb import BY_SIGNAL, ERROR, INTERRUPTED, OK, SAFETY_STOP, USAGE, Outcome, plain
from robot_mbrl.contract.errors import RobotMbrlError, how_to_install

VERBS = {
    "new-robot": "make a robot folder from any URDF",
    "sim": "watch a simulated episode, or what randomization draws",
    "pretrain": "learn model, policy and value in randomized simulation",
    "export": "write a run as one controller.onnx",
    "sim2sim": "evaluate a controller in the engine it was not trained in",
    "mock": "serve a mock robot on a pseudo-serial port",
    "deploy": "run a controller on a robot under the safety supervisor",
    "collect": "record episodes to learn from",
    "finetune": "correct a run with recorded episodes; keep it only if it predicts better",
    "import-log": "turn measured CSV logs into episodes",
    "replay": "play a recorded episode in simulation; its error against what was measured",
    "report": "draw a run and its episodes into one HTML file",
    "analyze": "measure how wrong a run's model is, and whether it knows",
    "bench": "measure this machine, or what learning reaches; see `robot-mbrl bench`",
    "demo": "the whole path on the mock robot, from nothing to a finetuned controller",
}
BENCHES = {
    "planner": "milliseconds of a plan, and its share of what this machine can multiply",
    "sim": "environment steps per second and memory of a world",
    "loop": "how punctual the control loop is in real time",
    "train": "updates per second, against stable-baselines3",
    "stops": "does every failure on the mock stop the robot, and how soon",
}
STUDIES = {
    "learn": "MBPO, PETS or a model-free reference from scratch",
    "curves": "draw what `bench learn` wrote",
    "ablate": "what each part of MBPO is worth",
    "worlds": "a run in randomized worlds that it has not seen",
    "transfer": "zero-shot, finetuned, oracle and controls on each reality",
    "randomization": "no, stated and automatic ranges on each reality",
    "real-log": "predict measured runs of a real pendulum",
}


@dataclass(frozen=True)
class Menu:
    """Commands with a line about each; their modules are in `rooms`, room -> name -> line."""

    prog: str
    kind: str
    rooms: dict[str, dict[str, str]]

    @property
    def lines(self) -> dict[str, str]:
        """Name -> line, of every room."""
        return {name: line for room in self.rooms.values() for name, line in room.items()}

    def module(self, name: str) -> str:
        """Where a command is: it has `Settings` (a dataclass) and `run(settings) -> Outcome`."""
        room = next(room for room, names in self.rooms.items() if name in names)
        return f"{room}.{name.replace('-', '_')}"

    def usage(self) -> str:
        """The list of commands."""
        head, kind = f"usage: {self.prog} {self.kind} [OPTIONS]", self.kind
        lines = [f"  {name:<15}{text}" for name, text in self.lines.items()]
        return "\n".join([head, "", *lines, "", f"{self.prog} {kind} --help explains one."])


VERB_MENU = Menu("robot-mbrl", "VERB", {"launch.verbs": VERBS})
BENCH_MENU = Menu("robot-mbrl bench", "NAME", {"launch.bench": BENCHES, "launch.studies": STUDIES})


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code (0 well, 1 error, 2 usage, 3 safety stop, 4 rejected)."""
    args = list(sys.argv[1:] if argv is None else argv)
    print_anything()
    with lasting_streams():
        if args[:1] == ["--version"]:
            print(f"robot-mbrl {robot_mbrl.__version__}")
            return OK
        if args[:1] == ["bench"]:
            return run_named(BENCH_MENU, args[1:])
        return run_named(VERB_MENU, args)


def run_named(menu: Menu, args: Sequence[str]) -> int:
    """Run the command that the first argument names, or list them all."""
    if not args or args[0] in ("-h", "--help", "help"):
        print(menu.usage())
        return OK if args else USAGE
    name = args[0].replace("_", "-")
    if name not in menu.lines:
        near = difflib.get_close_matches(name, menu.lines, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        text = f"{menu.prog}: no {menu.kind.lower()} {args[0]!r}{hint}"
        print(f"{text}\n\n{menu.usage()}", file=sys.stderr)
        return USAGE
    return run_command(f"{menu.prog} {name}", menu.module(name), args[1:])


def load_command(module: str) -> ModuleType:
    """Import the module of a verb, bench or study."""
    # The networks are small. On 2 cores, one thread makes 260 updates/s and hardly notices another
    # program; two make 360 while alone but 20 beside one, spinning, and 160 always, sleeping.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Python's last search for garbage goes through all of torch, a second that nobody needs
    atexit.register(gc.freeze)
    return importlib.import_module(module)


def run_command(prog: str, module_name: str, args: Sequence[str]) -> int:
    """Parse, run, print; errors raised on purpose become one message and no traceback."""
    settings: Any = None
    try:
        with signals_interrupt():
            module = load_command(module_name)
            # tyro ends wrong usage with exit code 2 by itself
            settings = tyro.cli(module.Settings, prog=prog, args=args)
            check_settings(settings)
            outcome: Outcome = module.run(settings)
    except Terminated as error:
        name = signal.Signals(error.number).name
        return _say(prog, f"stopped by {name}", BY_SIGNAL + error.number)
    except KeyboardInterrupt:
        return _say(prog, "stopped by Ctrl-C", INTERRUPTED)
    except ModuleNotFoundError as error:
        return _fail(prog, settings, error, _explain_missing(error))
    except RobotMbrlError as error:
        return _fail(prog, settings, error, str(error), SAFETY_STOP if error.safety_stop else ERROR)
    except OSError as error:
        return _fail(prog, settings, error, _explain_os(error))
    except MemoryError as error:
        return _fail(prog, settings, error, f"not enough memory for this ({error})")
    _print_json(settings, outcome)
    return outcome.exit_code


def _say(prog: str, text: str, code: int) -> int:
    print(f"{prog}: {text}", file=sys.stderr)
    return code


def _fail(prog: str, settings: Any, error: Exception, message: str, code: int = ERROR) -> int:
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    sys.stdout.flush()
    kind = type(error).__name__
    print(f"{prog}: error: {message}{notes}", file=sys.stderr)
    _print_json(settings, Outcome({"error": {"kind": kind, "message": message}}))
    return code


def _print_json(settings: Any, outcome: Outcome) -> None:
    if settings is not None and settings.json:
        print(json.dumps(plain(outcome.result), allow_nan=False), flush=True)


def _explain_missing(error: ModuleNotFoundError) -> str:
    own = ("robot_mbrl", "hardware", "sim", "calibration", "launch")
    if (error.name or "").split(".")[0] in own:
        return str(error)
    return (
        f"this command needs the package {error.name!r}, which is not installed here: "
        + how_to_install("train")
    )


def _explain_os(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


def print_anything() -> None:
    """Let nothing that a terminal cannot show end a verb: a name that is no UTF-8, a degree sign
    where there is only ASCII. What cannot be shown is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            utf_8 = stream.encoding.lower().replace("-", "") == "utf8"
            stream.reconfigure(errors="surrogateescape" if utf_8 else "backslashreplace")


if __name__ == "__main__":
    sys.exit(main())
