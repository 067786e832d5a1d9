"""The convolutional autoencoder: latents of 8 x 8 pixels, whose means and scales small networks tell part by part."""
