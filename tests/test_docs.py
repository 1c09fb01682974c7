"""Pages say what is there: links lead somewhere, code imports what exists, verbs are verbs."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from launch.main import VERBS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "launch/results/README.md"]
PATHS = re.compile(r"`((?:robot_mbrl|hardware|sim|calibration|launch|tests)/[\w/.]+)`")


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [t for t in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) if "://" not in t]
    missing = [t for t in links if not (page.parent / t).exists()]
    missing += [p for p in PATHS.findall(text) if not (ROOT / p).exists()]
    assert not missing


@pytest.mark.parametrize(
    "page",
    [README, *sorted(ROOT.glob("[!.]*/**/*.md"))],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_no_page_holds_two_versions_of_a_passage(page: Path) -> None:
    """As a merge leaves them that nobody finished."""
    marks = ("<<<<<<< ", "=======", ">>>>>>> ")
    lines = page.read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if line.startswith(marks)]


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p)], ids=lambda p: p.name)
def test_python_on_a_page_imports_what_exists(page: Path) -> None:
    for block in blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)
            elif isinstance(node, ast.ImportFrom) and node.module:
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), node.module


def test_the_readme_can_be_finished_and_leads_to_every_page() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    for page in PAGES[1:]:
        assert str(page.relative_to(ROOT)).removesuffix("/README.md") in text


def test_every_verb_is_in_the_readme() -> None:
    named = set(re.findall(r"^    robot-mbrl ([\w-]+)", README.read_text("utf-8"), re.MULTILINE))
    assert named == VERBS.keys() - {"demo"}
