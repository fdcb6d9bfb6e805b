"""Solvers of (gram + damping·I) X = rhs that never raise, wait, or use an absolute epsilon.

Here belong factorisations (`cholesky`), conjugate gradients (`cg`, whose `recurrence` alone loads
no torch) and the choice of the arithmetic (`precision`). They know nothing of layers.
"""
