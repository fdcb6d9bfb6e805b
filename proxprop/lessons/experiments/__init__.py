"""One experiment for each lesson; each returns what it measured and what that must be."""
