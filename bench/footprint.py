"""Start and footprint beside JupyterHub: seconds until it answers, memory and processor time at rest, size installed.

Ours is `ondol up`, with its PostgreSQL and its trial cloud, which stands for Amazon and is shown separately. Theirs is
the hub with its own SQLite and its proxy from npm, where there is npm; without it, the hub alone. Nobody is signed in.
"""

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from re import MULTILINE, findall
from statistics import median

import requests

from bench.hub_install import CACHE, VERSION, install
from bench.place import table
from bench.processor import of_tree, tree
from bench.record import bars, ratio
from tests.journey.site import Site, free_port, until

WARM_STARTS, SECONDS, SETTLED_AFTER = 3, 20.0, 10.0
PROXY = "configurable-http-proxy@5.1.0"
_PROXY = CACHE / "node_modules" / ".bin" / "configurable-http-proxy"
_CONFIG = """
c = get_config()
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
"""
_WITHOUT = """
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    should_start = False
    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {}

c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.bind_url = c.JupyterHub.hub_bind_url
"""
_PARTS = {"web": b"granian", "worker": b"\0worker\0", "trial cloud": b"localcloud", "PostgreSQL": b"postgres"}


@dataclass(frozen=True)
class Rest:
    """What a part takes while nobody does anything: bytes by PSS, and a share of a core."""

    memory: int
    core: float


def main(folder: Path) -> None:
    """Measure starts in turn, then both at rest, then what is installed."""
    install()
    has_proxy = _install_proxy()
    site, hub = Site(folder / "home"), _Hub(folder / "hub", has_proxy)
    starts: dict[str, tuple[list[float], list[float]]] = {"cold": ([], []), "warm": ([], [])}
    for number in range(WARM_STARTS + 1):
        kind = "warm" if number else "cold"
        for one, into in ((site, starts[kind][0]), (hub, starts[kind][1])):
            into.append(_started(one))
            one.stop()
    _print_starts(starts, has_proxy=has_proxy)
    site.start()
    hub.start()
    try:
        assert site.process
        parts = {name: _children(site.process.pid, words) for name, words in _PARTS.items()}
        ours, theirs = _at_rest(
            {"supervisor": [site.process.pid], **parts},
            {"hub": [hub.pid], "proxy": _children(hub.pid, b"configurable")},
        )
    finally:
        site.stop()
        hub.stop()
    _print_rest(ours, theirs)
    _print_sizes()


class _Hub:
    """One JupyterHub."""

    def __init__(self, folder: Path, has_proxy: bool) -> None:
        folder.mkdir(parents=True)
        self.folder, self.port = folder, free_port()
        config = _CONFIG.format(port=self.port, hub=free_port(), api=free_port(), proxy=_PROXY)
        (folder / "jupyterhub_config.py").write_text(config + ("" if has_proxy else _WITHOUT))
        if not has_proxy:
            self.port = int(findall(r"hub_bind_url.*:(\d+)", config)[0])
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def start(self) -> None:
        """Start it, and wait until the page to sign in is there."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([CACHE / "bin" / "jupyterhub"], cwd=self.folder, stdout=log, stderr=log)
        try:
            until(self._answers, 120, "JupyterHub answers", 0.05)
        except AssertionError:
            print((self.folder / "log").read_text()[-3000:])
            raise

    def _answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/hub/login", timeout=5).ok
        except requests.RequestException:
            return False

    def stop(self) -> None:
        """End it, and its proxy with it."""
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)


def _install_proxy() -> bool:
    """Install their proxy beside them, once; return False where there is no npm."""
    if not _PROXY.exists() and shutil.which("npm"):
        words = ["npm", "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(CACHE), PROXY]
        subprocess.run(words, check=True)
    return _PROXY.exists()


def _started(one: "Site | _Hub") -> float:
    begun = time.perf_counter()
    one.start()
    return time.perf_counter() - begun


def _print_starts(starts: dict[str, tuple[list[float], list[float]]], *, has_proxy: bool) -> None:
    rows = []
    for kind, columns in starts.items():
        ours, theirs = map(median, columns)
        ratio(f"footprint: {kind} start beside JupyterHub", ours / theirs, more_is_better=False)
        rows.append((kind, f"{ours:.1f} s", f"{theirs:.1f} s", f"{ours / theirs:.2f} ×"))
    whose = f"JupyterHub {VERSION}, {'hub and proxy' if has_proxy else 'without its proxy'}"
    table(f"Until it answers (warm: median of {WARM_STARTS})", ["start", "`ondol up`", whose, "ratio"], rows)


def _children(pid: int, words: bytes) -> list[int]:
    """Return the first processes below this one whose command has these words, without what is below them."""
    found: list[int] = []
    below: set[int] = set()
    for one in tree(pid)[1:]:
        if one not in below and words in Path(f"/proc/{one}/cmdline").read_bytes():
            found.append(one)
            below |= set(tree(one))
    return found


def _at_rest(*groups: dict[str, list[int]]) -> Iterator[dict[str, Rest]]:
    """Yield what each part of each group takes; a part that is a supervisor counts without the others."""
    time.sleep(SETTLED_AFTER)
    before = [_spent(group) for group in groups]
    time.sleep(SECONDS)
    for group, then in zip(groups, before, strict=True):
        now = _spent(group)
        yield {name: Rest(_memory(pids, group), (now[name] - then[name]) / SECONDS) for name, pids in group.items()}


def _spent(group: dict[str, list[int]]) -> dict[str, float]:
    sums = {name: sum(map(of_tree, pids)) for name, pids in group.items()}
    first = next(iter(sums))  # the others are below it
    sums[first] -= sum(list(sums.values())[1:])
    return sums


def _memory(pids: list[int], group: dict[str, list[int]]) -> int:
    """Return the proportional set size: pages that several processes share count in part for each."""
    others = {one for some in group.values() if some != pids for pid in some for one in tree(pid)}
    is_first = pids == next(iter(group.values()))
    mine = [one for pid in pids for one in tree(pid) if not is_first or one not in others]
    return sum(map(_pss, mine))


def _pss(pid: int) -> int:
    try:
        [kilobytes] = findall(r"^Pss: +(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), MULTILINE)
    except FileNotFoundError:  # it has ended
        return 0
    return int(kilobytes) * 1024


def _print_rest(ours: dict[str, Rest], theirs: dict[str, Rest]) -> None:
    def row(name: str, some: list[Rest]) -> tuple[str, str, str]:
        memory, core = sum(one.memory for one in some), sum(one.core for one in some)
        return name, f"{memory / 1e6:.0f} MB", f"{core:.2%}"

    real = [rest for name, rest in ours.items() if name != "trial cloud"]
    rows = [row(f"ours: {name}", [rest]) for name, rest in ours.items()]
    rows += [row("ours, without the trial cloud", real)]
    rows += [row(f"theirs: {name}", [rest]) for name, rest in theirs.items()]
    rows += [row("theirs", list(theirs.values()))]
    memory, core = (
        sum(getattr(one, what) for one in real) / max(sum(getattr(one, what) for one in theirs.values()), 1e-4)
        for what in ("memory", "core")
    )
    rows += [("ratio", f"{memory:.2f} ×", f"{core:.2f} ×")]
    ratio("footprint: memory at rest beside JupyterHub", memory, more_is_better=False)
    ratio("footprint: processor time at rest beside JupyterHub", core, more_is_better=False)
    parts = {
        name: {part: rest.memory / 1e6 for part, rest in some.items()}
        for name, some in (("ours", ours), ("theirs", theirs))
    }
    bars("footprint", "Memory at rest", "MB", parts)
    table(f"At rest, over {SECONDS:.0f} s", ["part", "memory (PSS)", "of a core"], rows)


def _print_sizes() -> None:
    lock = Path("requirements-production.lock").read_text()
    names = findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==", lock, MULTILINE)
    own = sum(file.stat().st_size for file in Path("ondol").rglob("*") if file.is_file() and file.suffix != ".pyc")
    packages = [distribution(name) for name in names if _is_here(name)]
    lib = next((CACHE / "lib").glob("python3*/site-packages"))
    others = [one for one in distributions(path=[str(lib)]) if one.metadata["Name"] not in {"pip", "setuptools"}]
    ours, theirs = own + sum(map(_size, packages)), sum(map(_size, others))
    node = sum(file.stat().st_size for file in (CACHE / "node_modules").rglob("*") if file.is_file())
    rows = [
        ("Ondol, in production", len(packages) + 1, f"{ours / 1e6:.0f} MB"),
        ("of it: Ondol itself", 1, f"{own / 1e6:.0f} MB"),
        ("JupyterHub, with psycopg", len(others), f"{theirs / 1e6:.0f} MB"),
        ("its proxy, without Node.js", "", f"{node / 1e6:.0f} MB"),
        ("ratio", "", f"{ours / (theirs + node):.2f} ×"),
    ]
    ratio("footprint: installed bytes beside JupyterHub", ours / (theirs + node), more_is_better=False)
    table(
        "Installed, as packages tell of their files; compiled modules (.pyc) left out", ["", "packages", "size"], rows
    )


def _is_here(name: str) -> bool:
    """Return whether it is installed: the lock has some that other platforms need."""
    return next(iter(distributions(name=name)), None) is not None


def _size(package: Distribution) -> int:
    files = [Path(str(file.locate())) for file in package.files or ()]
    return sum(file.stat().st_size for file in files if file.suffix != ".pyc" and file.exists())
