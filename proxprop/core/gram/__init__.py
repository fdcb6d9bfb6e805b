"""Gram matrices of layer inputs: all that a proximal step adds to backpropagation's data."""

from proxprop.core.gram.conv import patch_gram, position_gram
from proxprop.core.gram.geometry import ConvGeometry

__all__ = ["ConvGeometry", "patch_gram", "position_gram"]
