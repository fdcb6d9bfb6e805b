"""Live data for the browser: one tailer, one stream, components that draw in place."""
