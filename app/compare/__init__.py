"""The Compare page: its state, its form, and a race's results as curves, table and search.

What a race is and computes stands in `proxprop.spec.racing` and `proxprop.runs.results`.
"""
