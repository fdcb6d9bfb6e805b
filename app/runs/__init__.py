"""The Runs page: finding runs, and what can be done with one."""
