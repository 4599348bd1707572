"""CRC-32C of many messages at once, as records of event files need it.

A checksum is linear: it is the exclusive or of what each byte adds at its place, so one
table look-up a byte does for a whole batch. tensorboardX takes a step of the
interpreter a byte.
"""

import functools
from collections.abc import Sequence

import numpy as np

_POLYNOMIAL = 0x82F63B78
_BLOCK = 1024
_TOGETHER = 64
_ALL = 0xFFFFFFFF


def checksums(messages: Sequence[bytes]) -> np.ndarray:
    """Return ``(messages,)`` uint32 CRC-32C, each masked as in TensorFlow's records.

    Every message holds 4 bytes or more.
    """
    found = np.zeros(len(messages), np.uint32)
    for begin in range(0, len(messages), _TOGETHER):
        batch = messages[begin : begin + _TOGETHER]
        found[begin : begin + _TOGETHER] = _batch(batch)
    return (found >> 15 | found << 17) + np.uint32(0xA282EAD8)


def _batch(messages: Sequence[bytes]) -> np.ndarray:
    lengths = np.array([len(message) for message in messages])
    blocks = -(-int(lengths.max()) // _BLOCK)
    width = blocks * _BLOCK if blocks > 1 else int(lengths.max())
    # Zeros in front add nothing.
    joined = b"".join(message.rjust(width, b"\0") for message in messages)
    rows = np.frombuffer(joined, np.uint8).reshape(len(messages), width).copy()
    first = (width - lengths)[:, None] + np.arange(4)
    rows[np.arange(len(rows))[:, None], first] ^= 0xFF
    state = np.zeros(len(messages), np.uint32)
    for block in np.split(rows, blocks, axis=1):
        block[:, :4] ^= state.astype("<u4")[:, None].view(np.uint8)
        state = _linear(block)
    return state ^ np.uint32(_ALL)


def _linear(rows: np.ndarray) -> np.ndarray:
    """``(n,)`` uint32 from ``(n, at most 1024)`` uint8, without the two inversions."""
    width = rows.shape[1]
    # The last byte has the first row of the table.
    places = np.arange(width - 1, -1, -1, dtype=np.intp) * 256
    added = _table().take(rows + places)
    return np.bitwise_xor.reduce(added, axis=1)


@functools.cache
def _table() -> np.ndarray:
    """``(1024 * 256,)``: what each byte adds with 0, 1, 2 ... bytes behind it."""
    row = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        row = np.where(row & 1, row >> 1 ^ _POLYNOMIAL, row >> 1).astype(np.uint32)
    first, rows = row, [row]
    for _ in range(_BLOCK - 1):
        row = row >> 8 ^ first[row & 0xFF]
        rows.append(row)
    return np.concatenate(rows)
