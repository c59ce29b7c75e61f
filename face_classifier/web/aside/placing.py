"""A process of its own that lays encodings into the plane: what it needs is heavy, and gone with it.

It reads an array of NumPy from its standard input, float64 (n, d), behind its length in bytes as text and a line end;
it writes the places, float64 (n, 2) from 0 to 1, to its standard output. It ends at once where its input ends, as it
does when its parent is gone.
"""

from __future__ import annotations

import io
import os
import sys
import threading

import numpy as np

from face_classifier.display.face_map import places


def main() -> None:
    """Lay out what comes."""
    os.nice(10)
    source = sys.stdin.buffer
    encodings = np.load(io.BytesIO(source.read(int(source.readline()))), allow_pickle=False)
    threading.Thread(target=_end_with, args=(source,), daemon=True).start()
    laid = io.BytesIO()
    np.save(laid, places(encodings), allow_pickle=False)
    sys.stdout.buffer.write(laid.getvalue())
    sys.stdout.buffer.flush()
    os._exit(0)  # the thread waits in a read


def _end_with(source: io.BufferedIOBase) -> None:
    source.read()
    os._exit(1)


if __name__ == "__main__":
    main()
