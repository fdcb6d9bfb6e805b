"""Exports of other tools and of our own, read back as curves."""
