"""What the benchmarks stand beside: other packages, each run in an environment of its own."""
