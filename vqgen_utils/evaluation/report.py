"""Results as plain values, ready for evaluation.json."""

import math

import numpy as np
import pandas as pd


def plain(value):
    """Tables, arrays and numbers, nested at will, as what JSON knows; what is missing is None."""
    if isinstance(value, pd.DataFrame):
        return {str(name): plain(row.to_dict()) for name, row in value.astype(object).iterrows()}
    if isinstance(value, pd.Series):
        return plain(value.to_dict())
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
