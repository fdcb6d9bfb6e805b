"""Gram matrices of layer inputs: all that a proximal step adds to backpropagation's data."""
