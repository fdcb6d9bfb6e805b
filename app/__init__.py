"""The dashboard: a server around the pages, which knows no torch.

On top stand what starts and ends with the server (`server`, `lifespan`, `services`), what every
request passes (`edge`, `ownership`, `compression`) and every rerun (`main`, `guard`). What a page
shows stands in its folder, what several show in `components`.
"""
