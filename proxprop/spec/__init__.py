"""What a run is described by and what it says, as plain data.

Here belong configs and the catalogues they choose from, events and controls, the payloads of races
and sweeps and the numbers drawn from them (tables, curves, labels): whatever a page, the store and
a loop must understand alike. Nothing here loads torch, reads files or knows a store or a screen.
"""
