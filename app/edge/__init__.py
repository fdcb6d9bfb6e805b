"""What every request passes before anything answers it: nothing a stranger sends is trusted.

`checks` refuses what is malformed or comes from elsewhere, `middleware` asks it and sets the
headers, `uploads` knows which pages may send a file, `connections` ends those that only wait, and
`left` lets go of pages that nobody comes back to.
"""
