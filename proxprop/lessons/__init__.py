"""Lessons and lectures: claims with scenes that show them and experiments that check them.

Without torch, for the web server and the command line:

- `lecture`: a scene, a lecture, a lesson, and the TOML files they are written in
- `verdict`: what an experiment found, and where this machine keeps it
- `shelf`: which lectures there are: shipped ones, this machine's own, the one being served

With torch:

- `experiments`: one for each lesson; each returns numbers and what they must be
- `checking`: runs them
"""
