"""The Train page: its state, its form with presets, what is seen before a run and what of one.

A setting's label, help and range stand in `app.forms.settings`, where a form shows it in
`app.forms.groups`.
"""
