#!/usr/bin/env python3
"""An EvBus publisher in Python: appends each event's data to the file in OUTPUT. The protocol: docs/exec-protocol.md.

exec:
  python:
    command: [python3, samples/exec/plugin.py]
    environment: {OUTPUT: /tmp/events.txt}
"""
import json
import os
import sys


def carry(event, output):
    if "data" not in event and "data_base64" not in event:
        return "reject it has no data"
    output.write(json.dumps(event.get("data", event.get("data_base64"))) + "\n")
    output.flush()
    return "ok"


def main():
    with open(os.environ["OUTPUT"], "a", encoding="utf-8") as output:
        print("credit 100", flush=True)  # up to 100 events may be on their way to us
        for line in sys.stdin:
            print(carry(json.loads(line), output), flush=True)


if __name__ == "__main__":
    main()
