"""What `benchmarks/speed.py` measures: each measurement is a process of its own, which `process` starts."""
