"""Opt-in measurements: ratios from interleaved repeats, written to JSON with their provenance."""
