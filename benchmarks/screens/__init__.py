"""Pictures of every page at three sizes in both themes, and what measuring them finds.

`python -m benchmarks.screens OUT` writes `OUT/<size>-<theme>/<screen>.png` and `OUT/findings.txt`.
"""
