"""JupyterHub from the package index, in an environment of its own, which lasts."""

import subprocess
import sys
import venv
from pathlib import Path

VERSION = "6.1.1"
PACKAGES = (f"jupyterhub=={VERSION}", "psycopg[binary]")
CACHE = Path(sys.prefix) / "bench" / f"jupyterhub-{VERSION}"


def install() -> None:
    """Install JupyterHub, once."""
    if (CACHE / "done").exists():
        return
    print(f"Installing JupyterHub {VERSION} into {CACHE}", flush=True)
    venv.create(CACHE, with_pip=True, clear=True)
    subprocess.run([CACHE / "bin" / "pip", "install", "--quiet", *PACKAGES], check=True)
    (CACHE / "done").touch()
