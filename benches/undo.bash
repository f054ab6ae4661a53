# A run is killed at random moments: how long until everything of it is undone?
. benches/stage.bash
rounds=${ROUNDS:-100}

# From here on the moments are drawn; the faults are over after so many milliseconds.
length=2500
victim
echo "$victim" >"$stage/victim.pid"
cat >"$stage/kill.yaml" <<END
name: kill
owner: bench
target: { name: host, services: { victim: { find: { pid-file: $stage/victim.pid } } } }
steady:
  every: 100ms
  measures:
    victim: { process: { service: victim, fact: count }, expect: "== 1" }
baseline: 300ms
duration: ${length}ms
faults:
  pause: { inject: { process-pause: {} }, on: { service: victim }, at: 100ms }
  files: { inject: { fd-exhaustion: {} }, on: { service: victim }, at: 200ms }
  busy: { inject: { cpu-stress: { percent: 20 %, workers: 2 } } }
  memory: { inject: { memory-pressure: { amount: 16 MiB } }, at: 100ms }
recovery: { within: 5s, steady-for: 1s }
END
limits() { awk '/open files/ { print $4 }' "/proc/$victim/limits"; }
before=$(limits)

dirty=0
for ((round = 0; round < rounds; round++)); do
    rm -rf "$SQUALL_HOME"
    "$SQUALL" run "$stage/kill.yaml" >"$stage/own" 2>&1 &
    run=$!
    disown "$run"
    now began
    until journal=$(echo "$SQUALL_HOME"/runs/*/journal) && [ -s "$journal" ] && text=$(<"$journal") && [[ $text == *'"owed"'* ]]; do
        now moment
        [ $((moment - began)) -lt 5000000 ] || give_up "nothing was owed within 5 s: $(cat "$stage/own")"
        nap 0.002
    done
    id=${journal%/journal}
    id=${id##*/}
    wait_for=$(((RANDOM * 32768 + RANDOM) % (length + 300)))
    nap "$((wait_for / 1000)).$(printf %03d $((wait_for % 1000)))"

    now killed
    kill -KILL "$run" 2>/dev/null || give_up "the run had ended before it was killed"
    while :; do
        text=$(<"$journal")
        state "$victim"
        if [[ $text == *'{"closed":{}}'* && $state != T ]]; then break; fi
        now moment
        [ $((moment - killed)) -lt 10000000 ] || break
        nap 0.001
    done
    # Said to be undone; it counts from when it is seen to be, by other means than squall's.
    while [ -n "$(marked "$id")" ] || [ "$(limits)" != "$before" ]; do
        now moment
        [ $((moment - killed)) -lt 10000000 ] || break
        nap 0.001
    done
    now clean
    state "$victim"
    if [[ $state == T || $text != *'{"closed":{}}'* || -n $(marked "$id") || $(limits) != "$before" ]]; then
        dirty=$((dirty + 1))
        echo "left behind after a kill at $wait_for ms: $(cat "$journal")" >&2
    fi
    # What the run itself had not settled when it was killed.
    owed=$(grep -c '"owed"' "$journal") settled=$(grep -c '"settled".*"by":"run"' "$journal" || true)
    echo $((clean - killed)) $((owed - settled)) "$wait_for" >>"$stage/times"
    wait "$run" 2>/dev/null || true
done
printf 'undone after kill -9: %s\n' "$(awk '{ print $1 / 1000 }' "$stage/times" | spread ms)"
awk '{ debts[$2]++ } END { printf "undos owed at the kill:"; for (n = 0; n < 20; n++) if (n in debts) printf " %d in %d runs,", n, debts[n]; print "" }' "$stage/times" | sed 's/,$//'
echo "left behind: $dirty of $rounds"
[ "$dirty" = 0 ]
