"""The Layers page: slow motion through one step (`step`), and the layers along runs (`along`).

What a step does is computed in `proxprop.analysis`; here is what is chosen, asked for and shown.
"""
