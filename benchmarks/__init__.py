"""Benchmarks: ratios side by side in one run; docs/performance.md holds the figures and the commands."""
