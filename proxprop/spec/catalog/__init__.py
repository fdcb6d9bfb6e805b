"""What can be named in a config, described without torch: data sets, models, optimizers.

Each catalog entry is plain data. The dashboard builds its forms from it, the configs validate
against it, and `proxprop.data`, `proxprop.models` and `proxprop.optimizers` build the real objects
from the same entries, so a name means the same thing everywhere.
"""
