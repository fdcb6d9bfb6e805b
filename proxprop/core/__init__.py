"""The direction of one layer: its Gram matrix, the solve, the product."""
