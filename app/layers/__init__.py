"""The Layers page: slow motion through one step, and layerwise measures along runs."""
