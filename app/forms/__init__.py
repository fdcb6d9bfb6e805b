"""The Train page's form, group by group."""
