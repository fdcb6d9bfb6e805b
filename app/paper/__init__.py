"""The Paper page: recorded experiments of the paper, claim by claim."""
