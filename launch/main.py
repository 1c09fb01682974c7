"""`robot-mbrl VERB ...`: finds the verb, parses its settings, prints its result or its error.

Verbs are imported by name when they are called, so that deploy and collect start on a machine
without torch and mujoco.
"""

import contextlib
import difflib
import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType, ModuleType
from typing import Any

import tyro

import robot_mbrl
from launch.verb import ERROR, INTERRUPTED, OK, SAFETY_STOP, TERMINATED, USAGE, Outcome, plain
from robot_mbrl.contract.errors import RobotMbrlError, SafetyError

VERBS = {
    "new-robot": "make a robot folder from any URDF",
    "sim": "watch a simulated episode, or what randomization draws",
    "pretrain": "learn model, policy and value in randomized simulation",
    "export": "write a run as one controller.onnx",
    "sim2sim": "judge a controller in the engine it was not trained in",
    "mock": "serve a mock robot on a pseudo-serial port",
    "deploy": "run a controller on a robot under the safety supervisor",
    "collect": "record episodes to learn from",
    "finetune": "correct a run with recorded episodes; keep it only if it predicts better",
    "import-log": "turn measured CSV logs into episodes",
    "report": "draw a run and its episodes into one HTML file",
    "analyze": "measure how wrong a run's model is, and whether it knows",
    "bench": "measure planner, simulator or control loop on this machine",
    "demo": "the whole path on the mock robot, from nothing to a finetuned controller",
}


class Terminated(KeyboardInterrupt):
    """SIGTERM: ends a verb as Ctrl-C does, with an exit code of its own."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit code (0 well, 1 error, 2 usage, 3 safety stop, 4 rejected)."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help", "help"):
        print(usage())
        return OK if args else USAGE
    if args[0] == "--version":
        print(f"robot-mbrl {robot_mbrl.__version__}")
        return OK
    name = args[0].replace("_", "-")
    if name not in VERBS:
        near = difflib.get_close_matches(name, VERBS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        print(f"robot-mbrl: no verb {args[0]!r}{hint}\n\n{usage()}", file=sys.stderr)
        return USAGE
    return run_verb(name, args[1:])


def usage() -> str:
    """The list of verbs."""
    lines = [f"  {name:<12}{text}" for name, text in VERBS.items()]
    return "\n".join(
        ["usage: robot-mbrl VERB [OPTIONS]", "", *lines, "", "robot-mbrl VERB --help explains one."]
    )


def load_verb(name: str) -> ModuleType:
    """The module of a verb: it has `Settings` (a dataclass) and `run(settings) -> Outcome`."""
    # The networks are small. On 2 cores, one thread makes 260 updates/s and hardly notices another
    # program; two make 360 while alone but 20 beside one, spinning, and 160 always, sleeping.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return importlib.import_module("launch.verbs." + name.replace("-", "_"))


def run_verb(name: str, args: Sequence[str]) -> int:
    """Parse, run, print; errors raised on purpose become one message and no traceback."""
    settings: Any = None
    try:
        with sigterm_interrupts():
            module = load_verb(name)
            # tyro ends wrong usage with exit code 2 by itself
            settings = tyro.cli(module.Settings, prog=f"robot-mbrl {name}", args=args)
            outcome: Outcome = module.run(settings)
    except Terminated:
        return _say(name, "stopped by SIGTERM", TERMINATED)
    except KeyboardInterrupt:
        return _say(name, "stopped by Ctrl-C", INTERRUPTED)
    except ModuleNotFoundError as error:
        return _fail(name, settings, error, _explain_missing(error))
    except SafetyError as error:  # outside of an episode, e.g. on the way home
        return _fail(name, settings, error, str(error), SAFETY_STOP)
    except RobotMbrlError as error:
        return _fail(name, settings, error, str(error))
    except OSError as error:
        return _fail(name, settings, error, _explain_os(error))
    _print_json(settings, outcome)
    return outcome.exit_code


def _say(name: str, text: str, code: int) -> int:
    print(f"robot-mbrl {name}: {text}", file=sys.stderr)
    return code


def _fail(name: str, settings: Any, error: Exception, message: str, code: int = ERROR) -> int:
    notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
    sys.stdout.flush()
    kind = type(error).__name__
    print(f"robot-mbrl {name}: error: {message}{notes}", file=sys.stderr)
    _print_json(settings, Outcome({"error": {"kind": kind, "message": message}}))
    return code


def _print_json(settings: Any, outcome: Outcome) -> None:
    if settings is not None and settings.json:
        print(json.dumps(plain(outcome.result), allow_nan=False), flush=True)


def _explain_missing(error: ModuleNotFoundError) -> str:
    own = ("robot_mbrl", "hardware", "sim", "launch")
    if (error.name or "").split(".")[0] in own:
        return str(error)
    return (
        f"this verb needs the package {error.name!r}, which is not installed here: "
        "pip install 'robot-mbrl[train]'"
    )


def _explain_os(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}"


@contextlib.contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Within, SIGTERM raises Terminated in the main thread."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main())
