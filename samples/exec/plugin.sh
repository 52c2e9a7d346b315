#!/bin/sh
# An EvBus publisher as a shell script: appends each event's line to the file in OUTPUT. The protocol: docs/exec-protocol.md.
#
# exec:
#   shell:
#     command: [sh, samples/exec/plugin.sh]
#     format: body
#     environment: {OUTPUT: /tmp/events.txt}
echo "credit 10"
while IFS= read -r line; do
    if printf '%s\n' "$line" >>"$OUTPUT"; then
        echo ok
    else
        echo "retry cannot write to the output"
    fi
done
