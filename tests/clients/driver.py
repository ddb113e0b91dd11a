"""Calls the Python client as JSON lines on standard input say: {"call": "push_users", "arguments": […], "options": {…}}."""

from __future__ import annotations

import json
import sys
from typing import Any, Iterator

from tipster_client import Tipster, TipsterError


def answer(tipster: Tipster, request: dict[str, Any]) -> dict[str, Any]:
    try:
        result = getattr(tipster, request["call"])(*request["arguments"], **request["options"])
        if isinstance(result, Iterator):
            result = list(result)
        return {"result": result._asdict() if hasattr(result, "_asdict") else result}
    except TipsterError as error:
        return {"error": type(error).__name__, "status": error.status, "code": error.code, "detail": error.detail,
                "violations": [violation._asdict() for violation in error.violations]}


def main() -> None:
    url, key, options = sys.argv[1], sys.argv[2] or None, json.loads(sys.argv[3])
    with Tipster(url, key, **options) as tipster:
        for line in sys.stdin:
            print(json.dumps(answer(tipster, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
