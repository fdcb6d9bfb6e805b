"""Runs as processes: the store that keeps them, what carries one out, the service in charge.

Here belong the store's tables and what is read from them, checkpoints, the recording of a loop's
events, and starting, queueing and watching over workers. The loops themselves do not: whoever
carries out a run is handed them (`proxprop.engine.load_loops`), and nothing here loads torch by
being imported.
"""
