"""The Train page's right-hand side and its buttons."""
