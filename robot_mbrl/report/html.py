"""Pages for people: headings, notes, tables and pictures as one HTML file that loads nothing."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from robot_mbrl.contract.files.whole_file import write_whole
from robot_mbrl.contract.stop_reason import StopReason

STOPS = {reason.value for reason in StopReason} - {StopReason.FINISHED.value}
STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1f2937}
body{max-width:960px;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:0}h2{margin-top:2.2rem;border-bottom:1px solid #e5e7eb}
p.note,caption{color:#6b7280}table{border-collapse:collapse;margin:.6rem 0}
td,th{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #e5e7eb}
td:first-child,th:first-child{text-align:left}svg{max-width:100%;height:auto}
.good{color:#15803d;font-weight:600}.bad{color:#c81e1e;font-weight:600}
details>summary{cursor:pointer;font-weight:600;margin-top:.8rem}
"""


@dataclass(frozen=True)
class Table:
    """Rows for people: the first column names, the others hold text."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


def write_page(out: Path, title: str, parts: Sequence[str]) -> None:
    """Write a self-contained HTML file of parts that are HTML already; raises DataError."""
    body = "\n".join(p for p in parts if p)
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style><body>{body}</body></html>\n"
    )
    write_whole(out, page)


def section(title: str, picture: str | None, note: str = "") -> str:
    """A heading, a note and a picture; nothing without a picture."""
    if picture is None:
        return ""
    above = f"<p class=note>{html.escape(note)}</p>" if note else ""
    return f"<h2>{html.escape(title)}</h2>{above}{picture}"


def draw_table(table: Table) -> str:
    """A table as HTML."""

    def row(cells: Sequence[str], tag: str) -> str:
        return (
            "<tr>" + "".join(f"<{tag}{_mark(c)}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"
        )

    rows = "".join(row(r, "td") for r in table.rows)
    caption = f"<caption>{html.escape(table.caption)}</caption>" if table.caption else ""
    return f"<table>{caption}{row(table.head, 'th')}{rows}</table>"


def _mark(cell: str) -> str:
    """Success green; a stop red."""
    if cell == "yes":
        return " class=good"
    return " class=bad" if cell in STOPS or cell.startswith("cut") else ""
