"""The Home page: a recorded race of the two directions, and the machine that serves it.

The race is drawn by `app.charts.race`; live runs belong to Train and Compare.
"""
