"""A histogram for the dashboard."""

from typing import Any

import numpy as np
from tensorboardX.proto.summary_pb2 import HistogramProto, Summary

_BINS = 30


def histogram(tag: str, values: Any) -> Summary:
    """The summary of the finite ones of ``(K,)`` values; empty where there is none."""
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return Summary()
    counts, edges = np.histogram(values, bins=_BINS)
    proto = HistogramProto(
        min=edges[0],
        max=edges[-1],
        num=values.size,
        sum=values.sum(),
        sum_squares=values @ values,
        bucket_limit=edges[1:],
        bucket=counts,
    )
    return Summary(value=[Summary.Value(tag=tag, histo=proto)])
