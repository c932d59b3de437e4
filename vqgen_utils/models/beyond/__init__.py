"""Ideas beyond the plain VQ-VAE and PixelCNN, one file each."""

__all__: list[str] = []
