"""Tells a relay what to do, and prints its answer: `python -m app.relay.tell '{"end": "delay"}'`."""

import argparse
import json
import socket
import sys

from app.relay.__main__ import CONTROL_PORT

ANSWER_WITHIN_S = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app.relay.tell", description=__doc__)
    parser.add_argument("order", help="a line of JSON, see app/relay/control.py")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=CONTROL_PORT)
    asked = parser.parse_args()
    try:
        with socket.create_connection((asked.host, asked.port), ANSWER_WITHIN_S) as connection:
            connection.sendall(asked.order.encode() + b"\n")
            with connection.makefile("r", encoding="utf-8") as answers:
                answer = answers.readline()
    except OSError as error:
        print(f"error: the relay at {asked.host}:{asked.port} does not answer: {error}", file=sys.stderr)
        sys.exit(1)
    print(answer.rstrip())
    sys.exit(2 if "error" in json.loads(answer or '{"error": ""}') else 0)


if __name__ == "__main__":
    main()
