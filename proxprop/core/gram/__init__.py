"""Gram matrices of convolutions, exact and without unfolding the batch.

Here belong the geometry of a convolution and the routes to the Grams of its patches; the Grams of a
linear layer's rows are in `proxprop.core.linear`.
"""

from proxprop.core.gram.geometry import ConvGeometry
from proxprop.core.gram.patches import patch_gram, position_gram

__all__ = ["ConvGeometry", "patch_gram", "position_gram"]
