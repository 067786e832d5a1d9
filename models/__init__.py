"""The network and its training, in PyTorch."""
