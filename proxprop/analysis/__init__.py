"""What is known of a network and its steps: spectra, limits, layer metrics, slow motion.

Two different questions are kept apart throughout. ``2/λ_max(ÃᵀÃ)`` limits explicit steps iterated
on a layer's own least-squares problem with a fixed target. Training is limited by ``2/λ_max(∇²J)``
for plain gradient descent and by ``2/λ_max(P∇²J)``, ``P = (ÃᵀÃ + I/τ)⁻¹``, for ProxProp.

Without torch, for the web server too:

- `filters`: what a step does to a layer's problem, direction by direction; `momentum`: limits with
  momentum
- `spectra`: what was measured of layers and networks, and what follows for any τ
- `questions`: what may be asked of ``python -m proxprop.analysis``, the process that has torch

With torch:

- `capture`: what each layer receives and is asked for
- `layer_problem`: one layer's own problem, on `rows`, its input as an operator
- `curvature`: limits of a whole network, by `lanczos`; `network_spectra`: all of it on one batch
- `recorder`: layer metrics along a run; `activations`: what steps do to those of a probe batch
- `slow_motion`: one step, stage by stage; `state`: the weights and batch a question is about

What draws or plays any of this belongs to the app, what trains to `proxprop.engine`.
"""
