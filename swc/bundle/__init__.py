"""Model bundles: a folder with `config.toml` and `weights.safetensors` (and a model card)."""

from __future__ import annotations

from swc.bundle.find import Bundle, bundle_for, find_bundle, list_bundles

__all__ = ["Bundle", "bundle_for", "find_bundle", "list_bundles"]
