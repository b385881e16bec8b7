"""Write what the previous release stores into `tests/data`.

`python -m tests.upgrade.record` needs the history of git and a redis-server. Run it
after a release, when `previous_release.py` names that release.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import redis

from tests.support import redis_server, server_process, twilio_server
from tests.upgrade import history, previous_release, requests, stored_data

FILE = Path(__file__).parents[1] / "data" / f"release-{previous_release.VERSION}.json"


def record() -> dict[str, Any]:
    """Return what the previous release stored, and the facts about it."""
    with (
        tempfile.TemporaryDirectory() as folder,
        redis_server.redis_on_a_socket(Path(folder)) as url,
        redis.Redis.from_url(url) as client,
        twilio_server.running() as twilio,
        previous_release.checkout() as tree,
    ):
        environ = requests.environment(url, twilio)
        with server_process.server_of_tree(tree, "--workers", "1", **environ) as server:
            facts = history.make(requests.Client(server, twilio))
        # After the sends, because a running instance would use the new values.
        history.change_policy(tree, environ)
        stored = stored_data.dump(client)
    return {
        "version": previous_release.VERSION,
        "commit": previous_release.COMMIT,
        "facts": facts,
        **stored,
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(record(), indent=1, ensure_ascii=False) + "\n")
