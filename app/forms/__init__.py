"""The settings of a run as a form: what each is called and looks like, and the groups they form.

`settings` says label, help and range of every setting, `fields` shows one, `groups` many. Forms are
handed the draft they edit (`app.state.draft`); which groups a page shows is the page's own matter.
"""
