"""The update direction of one layer: its Gram matrix, the solve, the product.

Here belong the mathematics of linear layers, of convolutions and of many copies of a layer,
their `gram` matrices and the `solvers`. Modules, autograd and what is reported of a solve do not:
they are in the package above.
"""
