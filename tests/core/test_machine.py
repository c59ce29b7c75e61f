"""One heap for all threads, where the C library can."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

HEAPS = """
import ctypes, threading
from face_classifier.core.machine import share_heap
{before}
def takes() -> None:
    kept.append([bytearray(1000) for _ in range(100)])
    ready.wait(10)
kept, ready = [], threading.Barrier(5)
threads = [threading.Thread(target=takes) for _ in range(4)]
for thread in threads:
    thread.start()
ready.wait(10)
for thread in threads:
    thread.join(10)
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
out = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, ctypes.c_void_p(out))
libc.fclose(ctypes.c_void_p(out))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="the C library has one heap, or tells none")
@pytest.mark.parametrize(("before", "shared"), [("share_heap()", True), ("", False)])
def test_threads_take_memory_from_one_heap_once_they_are_to(before: str, shared: bool):
    line = [sys.executable, "-c", HEAPS.format(before=before)]
    told = subprocess.run(line, capture_output=True, text=True, check=True, timeout=30).stdout
    assert (told.count("<heap nr=") == 1) is shared
