"""A look into a network: each layer's spectrum on one batch, and the network's own limits.

Spectra need torch and a web server must not load it, so they are measured by a process of its own:
``python -m proxprop.analysis.probe REQUEST RESULT`` reads a `ProbeRequest` (JSON), prints a line of
JSON with `progress` and `words` now and then, and writes RESULT; if it cannot, its last line has
`error` and its exit status is 1. Everything that depends on τ and k alone is evaluated from the
result by NumPy (`proxprop.analysis.probe.response`), so that turning them needs no new measurement.

RESULT is an uncompressed NumPy archive without pickles:

- ``meta``: JSON text. ``samples``, ``step`` (of the weights), ``loss``, ``sharpness`` of plain
  descent or null, ``proximal``: list of ``[τ, sharpness]`` with the explicit layers at their share
  of η, ``implicit``: the same with explicit layers as good as still, ``unavailable``: why there are
  no limits, or ""; ``layers``: per layer ``name, rows, columns, units, method, lambda_max,
  lambda_max_error, lambda_min, trace, implicit, coverage``.
- ``<i>.eigenvalues``: nonzero eigenvalues of layer i's ``ÃᵀÃ``, descending, (r,).
- ``<i>.energy``: share of ``‖Δ‖²`` along each, (r,).
- ``<i>.components``: the request ``Δ/‖Δ‖`` of its units with most energy along each, (m, r);
  ``coverage`` is their share of what all units have along these eigenvectors.
"""

from proxprop.analysis.probe.request import ProbeRequest, read_result
from proxprop.analysis.probe.response import LayerView, layer_views
from proxprop.analysis.probe.result import LayerProbe, ProbeResult

__all__ = ["LayerProbe", "LayerView", "ProbeRequest", "ProbeResult", "layer_views", "read_result"]
