"""What families share that code latents with means and scales told by networks, in whole numbers."""
