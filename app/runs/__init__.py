"""The Runs page: which runs are listed (`listing`), and what can be done with them (`panel`).

What a run is called and how it stands is said in `app.components.run_titles`.
"""
