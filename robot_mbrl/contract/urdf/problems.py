"""What is wrong with one file, gathered: one message names all of it and one command that helps."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from robot_mbrl.contract.errors import SpecError

OPTIONS = {
    "--weld": "makes joints fixed",
    "--guess-inertia": "puts rough inertias there",
    "--no-meshes": "leaves meshes out",
}
"""Options of `robot-mbrl new-robot` that mend a URDF, and what each does; `--weld` takes names."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: with which element (a kind such as "joint" and its name), what, the
    option of OPTIONS that helps, and the name that it takes."""

    kind: str
    name: str
    what: str
    option: str = ""
    argument: str = ""


class Problems:
    """Gathers what is wrong with one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: list[Problem] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, kind: str, name: str, what: str, option: str = "", argument: str = "") -> None:
        """Note that an element, or with two empty words the whole file, is wrong."""
        self._found.append(Problem(kind, name, what, option, argument or name))

    def concern(self, kind: str, name: str) -> bool:
        """Whether anything was noted about an element."""
        return any((p.kind, p.name) == (kind, name) for p in self._found)

    def raise_any(self) -> None:
        """Raise SpecError with everything that was noted, if anything was."""
        if not self._found:
            return
        lines, remedy = self._lines(), self._remedy()
        if len(lines) == 1:
            raise SpecError(f"{self.path}: {lines[0]}" + (f"; {remedy}" if remedy else ""))
        listed = "".join(f"\n  {line}" for line in lines)
        after = f"\n{remedy}" if remedy else ""
        raise SpecError(f"{self.path}: {len(lines)} problems{listed}{after}")

    def _lines(self) -> list[str]:
        """A line for each thing that is wrong, with all elements that share it."""
        names: dict[tuple[str, str], dict[str, None]] = {}
        for p in self._found:
            names.setdefault((p.kind, p.what), {})[p.name] = None
        return [
            f"{kind}{'s' * (len(found) > 1)} {', '.join(map(repr, found))}: {what}"
            if kind
            else what
            for (kind, what), found in names.items()
        ]

    def _remedy(self) -> str:
        """The command that mends what can be mended, in words."""
        weld = dict.fromkeys(p.argument for p in self._found if p.option == "--weld")
        options = [o for o in OPTIONS if any(p.option == o for p in self._found)]
        if not options:
            return ""
        words = [f"{o} {' '.join(map(shlex.quote, weld))}" if o == "--weld" else o for o in options]
        command = f"`robot-mbrl new-robot {' '.join(words)}`"
        does = [OPTIONS[o] if len(options) == 1 else f"{o} {OPTIONS[o]}" for o in options]
        by_hand = any(not p.option for p in self._found)
        return (
            f"correct the file, or {command}{' ' if len(options) == 1 else ': '}{', '.join(does)}"
            + ("; the rest has to be corrected in the file" if by_hand else "")
        )
