"""Serves :class:`tests.parity.engines.Child`: one command a line on standard input, one answer a line on the output."""

from __future__ import annotations

import json
import os
import sys

from tests.parity.engines import Here


def main() -> None:
    # Anything that the engine's own code prints goes to the log, the answers alone to the asker.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        request = json.loads(line)
        outcome = Here().run(request["environment"], *request["arguments"])
        print(json.dumps(outcome), file=answers, flush=True)


if __name__ == "__main__":
    main()
