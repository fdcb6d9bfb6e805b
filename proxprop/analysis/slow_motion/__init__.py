"""One training step in slow motion: Algorithms 1 and 2 side by side, as JSON for a player.

`step.StepTrace` carries both algorithms out literally (`proxprop.penalty`, float64) from one state
and writes every stage down as a frame: equation, numbers, energies, small pictures of the variables
and a caption. A frame says all there is to show, so that a player may go to any frame in any order.
What the step did to each layer, and what must hold, are its findings. How a page plays or draws any
of it does not belong here.
"""
