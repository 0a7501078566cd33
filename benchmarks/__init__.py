"""Figures that a command prints: `python -m benchmarks NAME`."""
