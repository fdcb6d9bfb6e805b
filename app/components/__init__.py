"""What several pages show: titles, numbers and settings of runs, transport, links, tiles, styles.

A page's own parts stay in the page's folder; nothing here imports one. The settings of a form stand
in `app.forms`, a page's state and address in `app.state`, figures in `app.charts`.
"""
