"""The one exception that means "what you gave me is wrong, and here is what to do"."""


class InputError(ValueError):
    """A file, folder, parameter or checkpoint the user gave cannot be used.

    Its message is one clear sentence: which file or parameter, what is wrong, what to do.
    The `vqgen` command prints the message alone, without a traceback.
    """
