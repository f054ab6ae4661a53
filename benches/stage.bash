# What every bench stands on: a folder of its own, things to break, a clock, and the end of all of it.
set -euo pipefail

mkdir -p target/bench
stage=$(mktemp -d "$PWD/target/bench/stage.XXXXXX")
export SQUALL_HOME=$stage/home NO_COLOR=1
RANDOM=${SEED:-1}
started=()

strike() {
    "$SQUALL" halt --all >"$stage/strike" 2>&1 || cat "$stage/strike" >&2
    "$SQUALL" recover >"$stage/strike" 2>&1 || cat "$stage/strike" >&2
    local pid
    for pid in "${started[@]}"; do kill -CONT "$pid" 2>/dev/null && kill -KILL "$pid" 2>/dev/null || true; done
    rm -rf "$stage"
}
trap strike EXIT
trap 'exit 130' INT TERM HUP

# `nap SECONDS` sleeps without a process.
exec {silence}<> <(:)
nap() { read -rt "$1" -u "$silence" || true; }

# Microseconds since the epoch.
now() { printf -v "$1" %s "${EPOCHREALTIME/[.,]/}"; }

give_up() {
    echo "bench: $*" >&2
    exit 1
}

# `victim` starts a process that sleeps; its PID is in $victim.
victim() {
    setsid sleep 3600 </dev/null >/dev/null 2>&1 &
    victim=$!
    started+=("$victim")
    disown "$victim"
}

# `api` starts the lab's API, whose /health answers 200; its address is in $api. Arguments come before the command.
api() {
    setsid "$@" "$SQUALL" lab api --queue "$stage/lab.db" --listen 127.0.0.1:0 >"$stage/api" 2>&1 &
    local pid=$! tries=0
    started+=("$pid")
    disown "$pid"
    until api=$(grep -om1 '127\.0\.0\.1:[1-9][0-9]*' "$stage/api"); do
        kill -0 "$pid" 2>/dev/null || give_up "the lab's API ended: $(cat "$stage/api")"
        [ $((tries += 1)) -lt 500 ] || give_up "the lab's API does not listen"
        nap 0.01
    done
    api=http://$api/health
}

# `spread UNIT` reads numbers and writes: n, least, median, 99th percentile (nearest rank) and greatest.
spread() {
    sort -g | awk -v unit="$1" '
        { number[NR] = $1 }
        function rank(share,  at) { at = int(share * NR); return number[at < share * NR ? at + 1 : (at < 1 ? 1 : at)] }
        END {
            if (NR == 0) { print "nothing was measured"; exit 1 }
            printf "n %d, least %.3g %s, median %.3g %s, p99 %.3g %s, worst %.3g %s\n",
                NR, number[1], unit, rank(0.5), unit, rank(0.99), unit, number[NR], unit
        }'
}

# `marked RUN` lists the processes that a run has started and that are still alive.
marked() {
    grep -lsz "^SQUALL_MARK=$1" /proc/[0-9]*/environ | cut -d/ -f3 || true
}

# `state PID` gives the letter of its state in $state (proc_pid_stat(5)).
state() {
    local line
    read -r line <"/proc/$1/stat" || give_up "process $1 is gone"
    line=${line##*) }
    state=${line%% *}
}
