"""Is it any good? What notebook 06 asks of reconstructions, of the prior and of samples."""
