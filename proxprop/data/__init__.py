"""The data sets a config names: decoded once, cached as uint8, kept on the training device.

`proxprop.data.dataset` turns a config into tensors and is the one module here that needs torch.
`proxprop.data.preview` answers what a form asks, for the web server. Neither belongs here: what a
model makes of the samples, and how a run walks through them.
"""
