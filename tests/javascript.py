"""Node.js and what the package in web/ needs, or why they are not there."""

import re
import shutil
import subprocess
from pathlib import Path

WEB = Path(__file__).parents[1] / "web"
LEAST_NODE = 20


def missing() -> str | None:
    """Say why JavaScript cannot be run here; None if it can."""
    node = shutil.which("node")
    if not node:
        return "no node: install Node.js"
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    if int((re.search(r"\d+", version) or ["0"])[0]) < LEAST_NODE:
        return f"Node.js {version.strip()} is older than {LEAST_NODE}"
    if not (WEB / "node_modules" / "onnxruntime-web").exists():
        return "no onnxruntime-web: run npm install in web/"
    return None


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run node in web/."""
    return subprocess.run(["node", *words], cwd=WEB, capture_output=True, text=True, timeout=600)
