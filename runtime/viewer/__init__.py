"""The viewer: a page for browsers, and the server on this machine alone that gives it pictures."""
