"""Scripts that start worker processes without `if __name__ == "__main__":`.

A spawned process imports the script that started its parent. Without the guard it arrives at the
line that starts processes, and Python stops it there with a long traceback of its own.
"""

from multiprocessing.process import BaseProcess

NO_MAIN_GUARD = 97
"""The exit code of a process that was stopped there."""

HOW_TO_GUARD = (
    "it arrived at the line that starts it: put what the script does under "
    '`if __name__ == "__main__":`, because each worker process imports the script anew'
)


def start_guarded(process: BaseProcess) -> None:
    """Start a spawned process; in one that is importing an unguarded script, end that quietly, so
    that its parent, which sees NO_MAIN_GUARD, can say what is wrong."""
    try:
        process.start()
    except RuntimeError as error:
        if "bootstrapping" in str(error):
            raise SystemExit(NO_MAIN_GUARD) from None
        raise
