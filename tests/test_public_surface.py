"""What `import swc` offers, and what it costs."""

from __future__ import annotations

import swc


def test_public_names_are_sorted_and_exist() -> None:
    assert swc.__all__ == sorted(swc.__all__)
    assert all(getattr(swc, name) is not None for name in swc.__all__)
