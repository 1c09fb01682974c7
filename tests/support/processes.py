"""Other processes, as the system sees them."""

from pathlib import Path


def gone(pid: int) -> bool:
    """Whether a process is no more (a zombie that nobody waits for counts as gone)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
