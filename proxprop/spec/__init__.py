"""What a run is described by and what it says: configs, catalogues, events. Loads no torch."""
