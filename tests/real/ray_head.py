"""A Ray cluster of one node in processes of its own, which a test may kill."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

RAY = str(Path(sys.executable).with_name("ray"))


class Head(NamedTuple):
    """A running head."""

    address: str
    """HOST:PORT of the cluster."""
    client: str
    """ray://HOST:PORT."""
    dashboard: str
    """http://HOST:PORT; nobody answers there without `dashboard`."""
    process: "subprocess.Popen[bytes]"

    def kill(self) -> None:
        """SIGKILL for the process that holds the cluster together."""
        group = os.getpgid(self.process.pid)
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.getpgid(int(path.name)) == group and (path / "comm").read_text().startswith("gcs_server"):
                    os.kill(int(path.name), signal.SIGKILL)


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, below those that Ray gives its workers."""
    found: list[int] = []
    for port in range(7_000 + os.getpid() % 1_500, 9_900):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("", port))
            found.append(port)
        if len(found) == count:
            break
    return found


@contextlib.contextmanager
def ray_head(cpus: int = 2, *, dashboard: bool = False) -> Iterator[Head]:
    """A head, up and listening, with a token of its own that this process and its children know."""
    gcs, client, page, agent = free_ports(4)
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    before = {name: os.environ.get(name) for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED")}
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16), "RAY_USAGE_STATS_ENABLED": "0"}
    command = [RAY, "start", "--head", "--block", f"--port={gcs}", f"--ray-client-server-port={client}", f"--num-cpus={cpus}"]
    command += [f"--include-dashboard={dashboard}", f"--dashboard-port={page}", f"--dashboard-agent-listen-port={agent}"]
    path = f"{Path(RAY).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"  # the `python` that its jobs find
    process = subprocess.Popen(
        [*command, f"--temp-dir={folder}"],
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(gcs)
        if dashboard:
            wait_for(page)
        yield Head(f"127.0.0.1:{gcs}", f"ray://127.0.0.1:{client}", f"http://127.0.0.1:{page}", process)
    finally:
        _end(process)
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def wait_for(port: int, patience_s: float = 60.0) -> None:
    """Until somebody listens there."""
    begun = time.monotonic()
    while time.monotonic() - begun < patience_s:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens at port {port} after {patience_s} s")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def manifest(path: Path) -> list[dict[str, object]]:
    """The documents of a YAML file."""
    return list(YAML(typ="safe").load_all(path))
