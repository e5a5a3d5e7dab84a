"""Errors, medians and percentiles."""

import math


def percentile(values, percent):
    """Linear between ranks, as numpy's default."""
    ordered = sorted(values)
    rank = (len(ordered) - 1) * percent / 100
    below = math.floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)


def median(values):
    """The middle one; NaN of none."""
    return percentile(values, 50) if values else math.nan


def error(predicted, measured):
    """Relative, signed: +1 is twice what was measured. None where either is not known."""
    if predicted is None or not measured:
        return None
    return predicted / measured - 1


def is_factor_two(relative):
    """Whether an error is a factor of two or more, either way."""
    return relative is not None and not -0.5 < relative < 1


def percent(relative):
    """An error as text."""
    if relative is None or math.isnan(relative):
        return "-"
    return f"{100 * relative:+.0f} %"


def share(relative):
    """A size of errors, without sign, as text."""
    return "-" if math.isnan(relative) else f"{100 * relative:.1f} %"
