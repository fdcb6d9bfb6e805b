"""The Stability page: a quadratic to drag, a real layer, a whole network."""
