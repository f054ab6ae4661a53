#!/usr/bin/env bash
# The lab from end to end: tasks that are sent to the API one by one, until the last of them is done by a worker.
#
# TASKS   how many (20,000 where nothing is said), which do nothing, over 32 connections
# WORKERS how many processes (2), each with 100 tasks in hand
#
# Needs ab (Debian: apache2-utils), redis-server for the second figure, and PostgreSQL (Debian: postgresql) for the third.
. benches/stage.bash

tasks=${TASKS:-20000} workers=${WORKERS:-2}
command -v ab >/dev/null || give_up "ab is missing (Debian: apache2-utils)"
echo '{"tag":"bench","work_ms":0}' >"$stage/task.json"

# `begin PROGRAM...` starts a process that ends with the bench.
begin() {
    setsid "$@" >>"$stage/output" 2>&1 &
    started+=($!)
    disown $!
}

# `figures QUEUE WHAT` reads one figure.
figures() { "$SQUALL" lab stats --queue "$1" --json | jq -r ".$2"; }

# `measure NAME QUEUE`
measure() {
    local queue=$2 began sent ended number url
    : >"$stage/api"
    setsid "$SQUALL" lab api --queue "$queue" --listen 127.0.0.1:0 >"$stage/api" 2>&1 &
    local api=$!
    started+=("$api")
    disown "$api"
    until url=$(grep -om1 '127\.0\.0\.1:[1-9][0-9]*' "$stage/api"); do
        kill -0 "$api" 2>/dev/null || give_up "the lab's API ended: $(cat "$stage/api")"
        nap 0.01
    done
    for number in $(seq "$workers"); do
        begin "$SQUALL" lab worker --queue "$queue" --name "w$number" --concurrency 100 --poll 5ms
    done
    now began
    ab -q -k -c 32 -n "$tasks" -p "$stage/task.json" -T application/json "http://$url/tasks" >"$stage/ab" ||
        give_up "ab: $(cat "$stage/ab")"
    now sent
    ! grep -q 'Non-2xx' "$stage/ab" || give_up "not all were taken: $(cat "$stage/ab")"
    until [ "$(figures "$queue" done)" = "$tasks" ]; do nap 0.02; done
    now ended
    [ "$("$SQUALL" lab ledger --queue "$queue" --json | jq -r '[.sent, .done, .conserved] | @csv')" = "$tasks,$tasks,true" ] ||
        give_up "the ledger does not agree"
    awk -v name="$1" -v n="$tasks" -v began="$began" -v sent="$sent" -v ended="$ended" 'BEGIN {
        printf "%-7s %d tasks: taken at %d/s, all done after %.2f s: %d tasks/s end to end\n",
            name, n, n * 1e6 / (sent - began), (ended - began) / 1e6, n * 1e6 / (ended - began)
    }'
    local pid
    for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    started=()
}

for round in $(seq "${ROUNDS:-3}"); do
    measure sqlite "$stage/lab-$round.db"
done
if command -v redis-server >/dev/null; then
    for round in $(seq "${ROUNDS:-3}"); do
        mkdir "$stage/redis-$round"
        begin redis-server --port 0 --unixsocket "$stage/redis-$round/socket" --dir "$stage/redis-$round" \
            --save "" --appendonly yes --appendfsync always
        measure redis "redis+unix://$stage/redis-$round/socket"
    done
fi
# PostgreSQL does not run as root.
binaries=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -n "$binaries" ]; then
    if [ "$(id -u)" = 0 ]; then nobody=(setpriv --reuid=nobody --regid=nogroup --clear-groups); else nobody=(); fi
    for round in $(seq "${ROUNDS:-3}"); do
        # Not below the stage: nobody may not enter the folders above it.
        data=$(mktemp -d /tmp/squall-bench.XXXXXX)
        trap 'strike; rm -rf "$data"' EXIT
        [ "$(id -u)" != 0 ] || chown nobody:nogroup "$data"
        (cd / && "${nobody[@]}" "$binaries/initdb" -A trust -U lab -D "$data/db") >"$stage/initdb" 2>&1 ||
            give_up "initdb: $(cat "$stage/initdb")"
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        (cd / && exec setsid "${nobody[@]}" "$binaries/postgres" -D "$data/db" -h 127.0.0.1 -p "$port" -k "$data") >>"$stage/output" 2>&1 &
        started+=($!)
        disown $!
        tries=0
        until "$binaries/pg_isready" -q -h 127.0.0.1 -p "$port"; do
            [ $((tries += 1)) -lt 500 ] || give_up "PostgreSQL does not answer: $(tail -n 5 "$stage/output")"
            nap 0.02
        done
        measure postgres "postgres://lab@127.0.0.1:$port/postgres"
        rm -rf "$data"
    done
fi
