"""The networks of a bundle: on what they run, their sessions, their float twins."""
