"""Distributions with a plug-in, in a folder of the module search path."""

from __future__ import annotations

from pathlib import Path


def write(folder: Path, name: str, module: str, source: str) -> None:
    """Write a distribution as installers do: its module, and its metadata.

    Args:
        folder: The folder.
        name: The name of the plug-in.
        module: The name of its module, which has a class `Provider`.
        source: The source of the module.
    """
    (folder / f"{module}.py").write_text(source)
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n"
    )
    (metadata / "entry_points.txt").write_text(
        f"[otp_engine.providers]\n{name} = {module}:Provider\n"
    )
