"""The paper's experiments on CIFAR-10: plans, what came of them, and what that says of each claim.

Frerix et al. 2018, section 5. `plan` says what is run, `jobs` and `collect` what the run store has
of it, `result` what is kept in files (those shipped with the package are in `results/`), `rules`
and `claims` what that says; only `measuring` loads torch. How runs are carried out and followed
belongs elsewhere: `proxprop.engine`, `proxprop.runs`, `proxprop.cli`.
"""
