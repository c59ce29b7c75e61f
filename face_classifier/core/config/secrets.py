"""Passwords and tokens: named in the configuration, read when they are needed, shown never."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from face_classifier.core.errors import UserError

_LONGEST = 10_000  # bytes of a file


@dataclass(frozen=True)
class Secret:
    """Where a secret is to be read from. It holds none itself, so it may be logged and compared.

    what: what it is, for sentences: ``the password of camera door``
    variable, file: where it is; None = not there. Both None = there is no secret.
    """

    what: str
    variable: str | None = None
    file: str | None = field(default=None)

    def __bool__(self) -> bool:
        return bool(self.variable or self.file)

    def read(self, environ: Mapping[str, str] = os.environ) -> str | None:
        """The secret; None = none is named. Blanks and ends of lines around it are left out.

        Raises
        ------
        UserError : the variable is not set, or the file cannot be read, or is empty
        """
        if self.variable:
            text = environ.get(self.variable, "").strip()
            if not text:
                raise UserError(f"{self.what} is to be in the variable {self.variable}, which is not set; set it")
            return text
        if self.file:
            return self._of_file(self.file)
        return None

    def _of_file(self, name: str) -> str:
        where = f"{self.what} is to be in the file {name}, which"
        try:
            with Path(name).open("rb") as file:
                text = file.read(_LONGEST).decode("utf-8").strip()
        except OSError as error:
            raise UserError(f"{where} cannot be read ({error.strerror}); make it readable, or name another") from None
        except ValueError:  # the name or the content is no text; no more is told of a secret
            raise UserError(f"{where} is not text; write the secret into it") from None
        if not text:
            raise UserError(f"{where} is empty; write the secret into it")
        return text
