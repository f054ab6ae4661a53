# How much squall itself costs: --version, check of a hundred probes, a trivial run beside the Chaos Toolkit.
. benches/stage.bash
rounds=${ROUNDS:-10}
runs=10

chaos=target/bench/chaostoolkit/bin/chaos
if [ ! -x "$chaos" ]; then
    python3 -m venv target/bench/chaostoolkit
    target/bench/chaostoolkit/bin/pip install --quiet --disable-pip-version-check chaostoolkit==1.19.0
fi
chaos=$PWD/$chaos

# `cost NAME` reads lines `wall user system` in seconds and tells them in milliseconds.
cost() {
    awk '{ print $1 * 1000 }' "$stage/$1.times" >"$stage/$1.wall"
    awk '{ print ($2 + $3) * 1000 }' "$stage/$1.times" >"$stage/$1.cpu"
    printf '%-8s wall %s\n         CPU  %s\n' "$1" "$(spread ms <"$stage/$1.wall")" "$(spread ms <"$stage/$1.cpu")"
}

median() { sort -g "$1" | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'; }

# `take NAME COMMAND...` runs it a few times and adds its times. hyperfine gives only the mean of the CPU of several
# runs, so each is a call of its own.
take() {
    local name=$1 turn
    shift
    for ((turn = 0; turn < runs; turn++)); do
        hyperfine -N --warmup 0 --runs 1 --style none --export-json "$stage/times.json" "$*" >"$stage/hyperfine" 2>&1 ||
            give_up "$name: $(cat "$stage/hyperfine")"
        jq -r '.results[0] | "\(.times[0]) \(.user) \(.system)"' "$stage/times.json" >>"$stage/$name.times"
    done
}

# `peak COMMAND...` writes the greatest resident set of its largest process in MiB.
peak() {
    /usr/bin/time -f %M -o "$stage/peak" "$@" >/dev/null 2>&1 || give_up "it failed: $*"
    awk '{ printf "%.1f MiB\n", $1 / 1024 }' "$stage/peak"
}

api taskset -c 1
echo "${started[-1]}" >"$stage/api.pid"

{
    echo "name: hundred
owner: bench
target: { name: host, services: { api: { find: { pid-file: $stage/api.pid } } } }
steady:
  measures:"
    for ((n = 1; n <= 100; n++)); do
        printf '    probe-%03d: { http: "%s", expect: "== 200", abort: ">= 500" }\n' "$n" "$api"
    done
    echo "duration: 10s
faults:
  pause: { inject: { process-pause: {} }, on: { service: api } }"
} >"$stage/hundred.yaml"

# The same for both: the API answers 200, a process stands still, it goes on, the API answers 200.
victim
echo "$victim" >"$stage/victim.pid"
experiment() {
    cat <<END
name: trivial
owner: bench
target: { name: host, services: { victim: { find: { pid-file: $stage/victim.pid } } } }
steady:
  every: 10ms
  measures:
    api: { http: "$api", expect: "== 200", judge: [before, after] }
baseline: 30ms
duration: 60ms
faults:
  one: { $1 }
recovery: { within: 5s, steady-for: 1ms }
END
}
waits=91
experiment 'inject: { process-pause: {} }, on: { service: victim }' >"$stage/trivial.yaml"
# As programs of the experiment's own, squall runs the check before and after each of the two, too.
mark=$stage/mark
experiment "inject: { command: { inject: [touch, $mark], undo: [rm, -f, $mark], check: [test, -e, $mark] } }" >"$stage/programs.yaml"
jq -n --arg url "$api" --arg victim "$victim" '
    def process($name; $arguments):
        { type: "action", name: $name, provider: { type: "process", path: "kill", arguments: $arguments } };
    {
        version: "1.0.0", title: "trivial", description: "trivial",
        "steady-state-hypothesis": {
            title: "the API answers",
            probes: [{ type: "probe", name: "api", tolerance: 200, provider: { type: "http", url: $url } }]
        },
        method: [process("pause"; ["-STOP", $victim])],
        rollbacks: [process("go on"; ["-CONT", $victim])]
    }' >"$stage/trivial.json"

peer=("$chaos" --no-version-check --no-log-file run --rollback-strategy always
    --journal-path "$stage/journal.json" "$stage/trivial.json")
"${peer[@]}" >"$stage/peer" 2>&1 && [ "$(jq -r .status "$stage/journal.json")" = completed ] ||
    give_up "the Chaos Toolkit did not complete: $(cat "$stage/peer")"
state "$victim"
[ "$state" = S ] || give_up "the Chaos Toolkit left the process in state $state"
for file in trivial programs; do
    "$SQUALL" run "$stage/$file.yaml" >"$stage/own" 2>&1 || give_up "the trivial run did not hold: $(cat "$stage/own")"
done

for ((round = 0; round < rounds; round++)); do
    take version "$SQUALL" --version
    take check "$SQUALL" check "$stage/hundred.yaml"
    # Turn by turn, so that whatever else this machine does falls on both.
    for ((pair = 0; pair < 5; pair++)); do
        runs=1 take squall "$SQUALL" run "$stage/trivial.yaml"
        runs=1 take chaos "${peer[@]}"
    done
    runs=5 take programs "$SQUALL" run "$stage/programs.yaml"
done
for name in version check squall chaos programs; do cost "$name"; done
"$chaos" --version
echo "squall waits $waits ms of its wall time, as the file says; without them it takes $(median "$stage/squall.wall" | awk -v waits=$waits '{ printf "%.1f ms", $1 - waits }')"
# GNU time knows the largest process only; the warden stands beside it.
sed 's/^duration: .*/duration: 2s/' "$stage/trivial.yaml" >"$stage/slow.yaml"
"$SQUALL" run --quiet "$stage/slow.yaml" >"$stage/own" 2>&1 &
slow=$!
nap 1
warden=$(grep -lsxz __warden /proc/[0-9]*/cmdline | xargs -r grep -lsz "^$SQUALL_HOME" | cut -d/ -f3 || true)
warden=$(awk '/^VmHWM/ { printf "%.1f MiB", $2 / 1024 }' "/proc/$warden/status") || give_up "there is no warden"
wait $slow || give_up "the slow run did not hold: $(cat "$stage/own")"
echo "memory: squall $(peak "$SQUALL" run "$stage/trivial.yaml") and $warden of its warden, Chaos Toolkit $(peak "${peer[@]}")"
for name in squall programs; do
    echo "$(median "$stage/chaos.cpu") $(median "$stage/$name.cpu")" |
        awk -v name=$name '{ printf "CPU: the Chaos Toolkit needs %.1f times as much as %s\n", $1 / $2, name }'
done
