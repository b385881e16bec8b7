"""The receiver of a webhook in a document, as a process."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support import redis_server, server_process


@contextmanager
def running(
    document: Path, port: int, environ: Mapping[str, str]
) -> Iterator[list[str]]:
    """Run the block of Python in a document that serves; yield the lines it prints.

    Args:
        document: The document, with one such block.
        port: The port that the receiver listens on, `PORT` in its environment.
        environ: The other variables of its environment.
    """
    blocks = re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL)
    [code] = [block for block in blocks if "serve_forever" in block]
    with subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        env={**environ, "PORT": str(port)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        output, lines = process.stdout, list[str]()
        assert output
        reader = threading.Thread(target=lambda: lines.extend(output))
        reader.start()
        redis_server.wait_until(lambda: not server_process.is_free(port))
        try:
            yield lines
        finally:
            process.terminate()
            reader.join()
