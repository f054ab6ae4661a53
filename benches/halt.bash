# `squall halt` with fifty faults in effect.
. benches/stage.bash
rounds=${ROUNDS:-10}
faults=50

# Twenty processes stand still, twenty have no descriptors left, ten loops are busy.
victims=()
services='' list=''
for ((n = 1; n <= faults; n++)); do
    if ((n <= 40)); then
        victim
        victims+=("$victim")
        echo "$victim" >"$stage/$n.pid"
        services+="    s$n: { find: { pid-file: $stage/$n.pid } }"$'\n'
        if ((n <= 20)); then kind=process-pause; else kind=fd-exhaustion; fi
        list+="  f$n: { inject: { $kind: {} }, on: { service: s$n } }"$'\n'
    else
        list+="  f$n: { inject: { cpu-stress: { percent: 1 %, workers: 1 } } }"$'\n'
    fi
done
cat >"$stage/halt.yaml" <<END
name: halt
owner: bench
target:
  name: host
  services:
$services
steady:
  every: 1s
  measures:
    one: { process: { service: s1, fact: count }, expect: "== 1" }
baseline: 3s
duration: 60s
faults:
$list
recovery: { within: 5s, steady-for: 1s }
END
limits() { local pid; for pid in "${victims[@]}"; do awk "/open files/ { print \$4 }" "/proc/$pid/limits"; done; }
before=$(limits)

for ((round = 0; round < rounds; round++)); do
    rm -rf "$SQUALL_HOME"
    "$SQUALL" run --quiet "$stage/halt.yaml" >"$stage/own" 2>&1 &
    run=$!
    now began
    until record=$(echo "$SQUALL_HOME"/runs/*/record.jsonl) && [ "$(grep -c fault-injected "$record" 2>/dev/null)" = $faults ]; do
        kill -0 "$run" 2>/dev/null || give_up "the run ended: $(cat "$stage/own")"
        now moment
        [ $((moment - began)) -lt 60000000 ] || give_up "only $(grep -c fault-injected "$record") faults within a minute"
        nap 0.05
    done
    now injected
    "$SQUALL" halt >"$stage/halt" || give_up "halt: $(cat "$stage/halt")"
    now halted
    id=${record%/record.jsonl}
    [ -z "$(marked "${id##*/}")" ] || give_up "processes are left: $(marked "${id##*/}")"
    for pid in "${victims[@]}"; do
        state "$pid"
        [ "$state" != T ] || give_up "process $pid still stands still"
    done
    [ "$(limits)" = "$before" ] || give_up "a limit was not given back"
    status=0
    wait "$run" || status=$?
    [ $status = 11 ] || give_up "the run ended with $status and not as halted: $(cat "$stage/own")"
    echo $((halted - injected)) >>"$stage/times"
    echo $((injected - began)) >>"$stage/injecting"
done
printf 'halt with %s faults: %s\n' $faults "$(awk '{ print $1 / 1000 }' "$stage/times" | spread ms)"
printf 'from the start until all were in effect, 3 s of it baseline: %s\n' "$(awk '{ print $1 / 1000 }' "$stage/injecting" | spread ms)"
