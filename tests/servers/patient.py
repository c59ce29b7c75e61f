"""Run as a process: takes what it is given, and works on it until its input ends."""

import sys

sys.stdin.buffer.read()
