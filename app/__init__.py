"""The dashboard: the server's shell around the pages."""
