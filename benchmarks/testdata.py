"""Where the real test data is, which is not part of the project."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def usual() -> Path:
    """Where it is looked for; it need not be there."""
    beside = Path(__file__).parent.parent.parent / "shared" / "data"
    return Path(os.environ.get("FACE_CLASSIFIER_TEST_DATA") or beside)


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line, with ``--data`` as its ``data``: a folder that is there."""
    parser.add_argument("--data", type=Path, default=usual(), help="the folder of real test data (default %(default)s)")
    chosen = parser.parse_args()
    if not chosen.data.is_dir():
        parser.error(f"the real test data is not at {chosen.data}; give --data")
    return chosen
