"""The benchmarks: their arithmetic, and that one command still carries them out."""
