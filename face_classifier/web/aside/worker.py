"""A process of its own for `apart`: what it needs is heavy, and gone with it.

It reads from its standard input a function and its arguments, pickled, behind their length in bytes as text and a line
end; it writes to its standard output, pickled, (True, what the function returned) or (False, why it could not, one
sentence). It ends at once where its input ends, as it does when its parent is gone.
"""

from __future__ import annotations

import io
import os
import pickle
import resource
import sys
import threading
from contextlib import suppress

from face_classifier.core.errors import UserError

_MEMORY = 3 << 30  # bytes of data: four times what questions about 100,000 faces take
_PROCESSOR = 900  # seconds: twenty times as long as those take


def main() -> None:
    """Do what comes."""
    os.nice(10)
    for limited, most in ((resource.RLIMIT_DATA, _MEMORY), (resource.RLIMIT_CPU, _PROCESSOR)):
        with suppress(OSError, ValueError):  # a lower one is set already
            resource.setrlimit(limited, (most, most))
    source, target = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what others print is no answer
    work, given = pickle.loads(source.read(int(source.readline())))
    threading.Thread(target=_end_with, args=(source,), daemon=True).start()
    try:
        answer = True, work(*given)
    except UserError as error:
        answer = False, str(error)
    except MemoryError:
        answer = False, f"this takes more than {_MEMORY >> 30} GB of memory, so it is not worked out for so many faces"
    target.write(pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))
    target.flush()
    os._exit(0)  # the thread waits in a read


def _end_with(source: io.BufferedIOBase) -> None:
    source.read()
    os._exit(1)


if __name__ == "__main__":
    main()
