"""Writes the test vectors of SWC-1.md, always the same ones, without the product's own code.

python generate_vectors.py [FOLDER]     into FOLDER, ./vectors beside this file unless given
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import naive_writer as naive
from faulty_vectors import faults
from good_groups import uncommon_groups, valid_groups
from good_vectors import VECTORS, uncommon, valid
from reference_reader import read


def to_json(content: dict[str, Any]) -> str:
    """JSON with a line for each field of the header and for each window."""
    fields = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in content["header"].items())
    chunks = []
    for chunk in content["chunks"]:
        windows = ",\n".join("   " + json.dumps(window, separators=(",", ":")) for window in chunk["windows"])
        couplings = ",\n".join("   " + json.dumps(one, separators=(",", ":")) for one in chunk.get("couplings", ()))
        coupled = f', "couplings": [\n{couplings}\n  ]' if couplings else ""
        chunks.append(f'  {{"latents": {chunk["latents"]}, "windows": [\n{windows}\n  ]{coupled}}}')
    listed = "[\n" + ",\n".join(chunks) + "\n ]" if chunks else "[]"
    total = content["total_samples"]
    return f'{{\n "header": {{\n{fields}\n }},\n "chunks": {listed},\n "total_samples": {total}\n}}\n'


def write(folder: Path) -> None:
    """Write all vectors into this folder."""
    for name, contents in (("valid", valid() | valid_groups()), ("uncommon", uncommon() | uncommon_groups())):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for stem, content in contents.items():
            data = bytes(naive.Parts.of(content))
            (folder / name / f"{stem}.swc").write_bytes(data)
            (folder / name / f"{stem}.json").write_text(to_json(read(data)), encoding="utf-8", newline="\n")
    (folder / "faulty").mkdir(exist_ok=True)
    listed = {}
    for fault in faults():
        (folder / "faulty" / f"{fault.name}.swc").write_bytes(fault.data)
        listed[f"{fault.name}.swc"] = {"error": fault.error, "offset": fault.offset, "why": fault.why}
    text = ",\n".join(f" {json.dumps(name)}: {json.dumps(fault)}" for name, fault in sorted(listed.items()))
    (folder / "faulty" / "faults.json").write_text(f"{{\n{text}\n}}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else VECTORS)
