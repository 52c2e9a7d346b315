#!/usr/bin/env bash
# Builds everything once and runs every test project. Usage: ./test.sh [PROJECT...]   (names such as EvBus.Tests; all by default)
# The last line is "N passed, N failed, N skipped". Needs the .NET SDK. The tests of the brokers need the Debian packages below, which root gets installed,
# and a Kafka (EVBUS_KAFKA_HOME, KAFKA_HOME, ../shared/kafka, a local container image apache/kafka, or EVBUS_TEST_KAFKA for one that runs); what is missing is a named skip, and a failure where CI=true.
set -uo pipefail
cd "$(dirname "$0")" || exit 1
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
exec </dev/null

# What the tests of the brokers run or load.
packages=(
    rabbitmq-server amqp-tools # RabbitMQ: the broker, and an independent client
    postgresql                 # PostgreSQL: the server, and psql
    librdkafka1 kcat           # Kafka: the client's native half, and an independent client
    gcc libc6-dev strace       # real system calls: made to fail, and counted
)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    # RUNLEVEL=1: the tests start brokers of their own, so none has to start by itself.
    install() { RUNLEVEL=1 timeout 300 apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null 2>&1; }
    install || { timeout 120 apt-get update -qq >/dev/null 2>&1; install; } || echo "Not installed: ${missing[*]}; the tests that need them will say so."
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! dotnet build EvBus.sln -c Release -warnaserror >"$log" 2>&1; then
    grep -E 'error|warning' "$log" | sort -u | head -50
    echo "The build failed."
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi

passed=0 failed=0 skipped=0
for project in tests/*/; do
    name=$(basename "$project")
    if [ $# -gt 0 ] && [[ ! " $* " == *" $name "* ]]; then continue; fi
    [ -f "$project/$name.csproj" ] || continue
    # A test that hangs must not hold everything. The slowest project, Kafka, takes six to nine minutes.
    timeout --kill-after=10 1200 dotnet "$project/bin/Release/net10.0/$name.dll" >"$log" 2>&1
    code=$?
    # xunit's own last line: "   Name  Total: 12, Errors: 0, Failed: 0, Skipped: 0, Not Run: 0, Time: 0.1s"
    summary=$(grep -E 'Total: [0-9]+' "$log" | tail -1)
    if [ -z "$summary" ]; then
        cat "$log"
        echo "$name: no summary (exit code $code)"
        failed=$((failed + 1))
        continue
    fi
    number() { grep -oE "$1: [0-9]+" <<<"$summary" | grep -oE '[0-9]+' || echo 0; }
    bad=$(( $(number Errors) + $(number Failed) ))
    if [ "$bad" -eq 0 ] && [ "$code" -ne 0 ]; then bad=1; fi
    if [ "$bad" -gt 0 ]; then cat "$log"; fi
    total=$(number Total) skips=$(number Skipped)
    echo "$name: $((total - $(number Failed) - skips)) passed, $bad failed, $skips skipped"
    passed=$((passed + total - $(number Failed) - skips)) failed=$((failed + bad)) skipped=$((skipped + skips))
done

if [ $((passed + failed)) -eq 0 ]; then
    echo "No test ran."
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
