"""A convolutional autoencoder: latents of 8 x 8 pixels, whose means and scales small networks predict part by part."""
