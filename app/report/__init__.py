"""A report to hand on: one HTML file with charts, numbers, settings, machine and versions.

It needs nothing but a browser: Plotly's script is in it, and nothing is loaded from anywhere.
"""
