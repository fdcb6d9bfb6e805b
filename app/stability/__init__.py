"""The Stability page: a quadratic to drag, real layers, a whole network; a view each.

The step's mathematics stands in `proxprop.analysis`, the map's in `proxprop.spec.sweeping`; here is
what is chosen, asked for, shown and said.
"""
