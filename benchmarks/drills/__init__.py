"""Drills: what the server bears. `python -m benchmarks.drills` prints the figures.

Each drill does to a dashboard of its own what a stranger, a crash or a full disk would, and
returns figures with the rule they have to keep. `docs/reliability.md` quotes them.
"""
