"""Static figures: pure functions, data in, `plotly.graph_objects.Figure` out. One file a subject."""
