"""Makes the pages of the reference that are made of the code: sh scripts/python -m scripts.reference [FOLDER]

They go to docs/reference/, or to a folder that is named, by which a test compares them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.reference import commands, errors, files, http_api, manual, python_api, settings

ROOT = Path(__file__).parents[2]
COMMAND = "sh scripts/python -m scripts.reference"
HEAD = f"<!-- Made of the code by `{COMMAND}`: edit the code, not this page. -->\n\n"
MANUAL = "face-classifier.1"
PAGES = {
    "commands": commands.page,
    "settings": settings.page,
    "http": http_api.page,
    "python": python_api.page,
    "files": files.page,
    "errors": errors.page,
}


def main(folder: Path) -> None:
    """Writes every page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / f"{name}.md").write_text(HEAD + page().strip() + "\n", "utf-8")
    (folder / MANUAL).write_text(manual.page(), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "docs" / "reference")
