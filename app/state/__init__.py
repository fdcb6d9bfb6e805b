"""What a page shows and a person edits, between widgets, session and address.

`url_state` binds a page's fields to its widgets and its address; `draft` holds settings while they
are typed, readable or not. What is drawn, and what only one page knows, does not belong here.
"""
