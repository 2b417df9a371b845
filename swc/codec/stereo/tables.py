"""The meaning of the numbers of a coupling (formats/SWC-1.md, section 6.1)."""

from __future__ import annotations

import numpy as np

_STEPS = (0.0, 1.5, 3.0, 4.5, 6.0, 8.0, 10.5, 14.0, 18.0, 24.0)
SILENT_DB = 200.0
"""The level difference to a silent channel."""
LEVELS = np.array([-SILENT_DB, *(-step for step in _STEPS[:0:-1]), *_STEPS, SILENT_DB])
"""dB of the first channel over the second, for the levels -10 to 10."""
COHERENCES = np.array([1.0, 0.94, 0.84, 0.65, 0.4, 0.0])
PHASES = np.arange(8) * (np.pi / 4)
"""Radians."""
