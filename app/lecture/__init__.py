"""Lecture mode on every page: which scene is shown, what happens on arrival, the bar at the foot.

The scenes themselves, and the files they stand in, are `proxprop.lessons`; the page Lessons has a
folder of its own.
"""
