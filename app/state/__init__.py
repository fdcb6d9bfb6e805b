"""What a page shows and a person edits, between widgets, session and address.

`url_state` binds a page's fields to its widgets and its address; `telling` knows what widgets were
told and whether the browser has heard it; `visits`, which page that is and how fast it draws;
`draft` holds settings while they are typed, readable or not. What is drawn, and what only one page
knows, does not belong here.
"""
