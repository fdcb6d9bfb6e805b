"""Runs as processes: the store, the worker that makes a run, the service that starts and controls it.

Nothing here imports torch except the worker process itself.
"""
