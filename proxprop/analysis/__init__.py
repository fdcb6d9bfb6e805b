"""What is known of a network and its steps: spectra, limits, layer measures, slow motion."""
