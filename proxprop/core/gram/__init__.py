"""Gram matrices of layer inputs: all that a proximal step adds to backpropagation's data."""

from proxprop.core.gram.geometry import ConvGeometry
from proxprop.core.gram.patches import patch_gram, position_gram

__all__ = ["ConvGeometry", "patch_gram", "position_gram"]
