"""The scripts beside the specification, as modules."""

from __future__ import annotations

import sys
from pathlib import Path

FORMATS = Path(__file__).parents[2] / "formats"
sys.path.insert(0, str(FORMATS))

import generate_vectors
import mutants
import naive_writer
import reference_reader

__all__ = ["FORMATS", "generate_vectors", "mutants", "naive_writer", "reference_reader"]
