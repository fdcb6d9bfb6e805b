"""What several pages show: titles and status of runs, contenders' lines, transport, downloads.

A page's own parts stay in the page's folder; nothing here imports one.
"""
