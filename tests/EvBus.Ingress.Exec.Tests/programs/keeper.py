"""Keeps whole lines in OUTPUT; waits while HOLD exists; refuses without the right TOKEN, and an event with 'unwanted' in it."""
import os
import sys
import time

if os.environ.get("TOKEN", "right") != "right":
    sys.exit("the credentials are refused")
with open(os.environ["OUTPUT"], "ab", buffering=0) as output:
    print("credit 64", flush=True)
    for line in sys.stdin.buffer:
        while os.path.exists(os.environ.get("HOLD", "")):
            time.sleep(0.01)
        if b"unwanted" in line:
            print("reject nobody wants it", flush=True)
        else:
            output.write(line)
            print("ok", flush=True)
