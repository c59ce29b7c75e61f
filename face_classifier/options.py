"""Options that several commands share, and how a command is stopped."""

from __future__ import annotations

import signal
import threading

import click

result_option = click.option("--result", metavar="PATH", help="The result folder. [default: result]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def stop_on_signals() -> threading.Event:
    """An event that ^C and SIGTERM set; a second one ends the program at once."""
    stopping = threading.Event()

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping
