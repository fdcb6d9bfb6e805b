"""Callbacks for other people's training loops: `lightning`, and `transformers` (Hugging Face).

Each module needs the package it is named after; the extras `lightning` and `transformers` bring
them. A loop of one's own needs neither: `convert` and `param_groups` are all there is to it.
"""
