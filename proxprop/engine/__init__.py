"""The loops: training, racing and sweeping as generators of events."""
