"""Layerwise measures of a training step.

A point of the table "layers" holds columns "<measure>/<layer name>" with the measures of
`MEASURES`. Every layer with a weight has "update", "norm" and "dead"; layers that can take
proximal directions have all of them, NaN where the current solver gives no meaning (an explicit
step solves nothing). The full tier adds what needs the spectrum of the layer's Gram. Notation as in
the layers: Ã the layer's input rows with a ones column for the bias, Δ = ∂J/∂Z, G = ΔᵀÃ the
gradient, D the update direction left in ``.grad``.

Overshoot speaks of the layer's own subproblem, to move Z towards Z − ηΔ: what is left of the
requested change after the weight step, relative to what was requested. It does not speak of
training as a whole. Of a linear layer wider than 1,024 units, cosine and overshoots are those of
1,024 units evenly spaced (and the residual of 128): each unit is a problem of its own.
"""

from proxprop.analysis.instruments.measures import CG_ITERATIONS, MEASURES, TOP, Measure, Tier
from proxprop.analysis.instruments.recorder import LayerRecorder

__all__ = ["CG_ITERATIONS", "MEASURES", "TOP", "LayerRecorder", "Measure", "Tier"]
