"""How quick the page is with a large gallery, which is made up.

    python benchmarks/web.py                                    # 10,000 faces of 500 people, 100,000 of 5,000
    python benchmarks/web.py --faces 100000 --people 5000 --runs 20 --folder DIR --json web.json

*reads*: see `page/reads.py`; *commands*: see `page/commands.py`; *api*: see `page/api.py`;
*aside*: see `page/aside.py`; *shown*: see `page/shown.py`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from page import api, aside, commands, reads, shown

PARTS = {"reads": reads.run, "commands": commands.run, "api": api.run, "aside": aside.run, "shown": shown.run}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=tuple(PARTS), action="append", default=[])
    parser.add_argument("--faces", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--people", type=int, nargs="+", default=[500, 5_000], help="as many numbers as --faces")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where galleries are made, and kept for the next time")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        for faces, people in zip(arguments.faces, arguments.people, strict=True):
            for part in arguments.part or PARTS:
                found.setdefault(part, {})[f"{faces}"] = PARTS[part](folder, faces, people, arguments.runs)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
