"""Runs whose parts are carried out elsewhere: by threads of this process, and by a Ray cluster."""
