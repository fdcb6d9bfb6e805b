"""The Paper page: recorded experiments of the paper, claim by claim.

What the experiments are and what a rule reads off them stands in `proxprop.paper`; here is how it
is chosen, drawn and worded.
"""
