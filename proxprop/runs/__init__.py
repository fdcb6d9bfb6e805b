"""Runs as processes: the store that keeps them, the worker that makes one, the service in charge.

Nothing here imports torch except the worker process itself.
"""
