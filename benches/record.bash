# A record of ten hours with twenty readings a second: how large is it, and how long does its report take?
. benches/stage.bash
hours=${ROUNDS:-10}
measures=20

# The beginning and the end are those of a real run of a few seconds; the readings in between are generated, in the
# form of its own.
victim
echo "$victim" >"$stage/victim.pid"
{
    echo "name: long
owner: bench
target: { name: host, services: { victim: { find: { pid-file: $stage/victim.pid } } } }
steady:
  every: 1s
  measures:"
    for ((n = 0; n < measures; n++)); do
        printf '    checkout-p95-%02d: { tcp: "127.0.0.1:9", expect: "< 250 ms", abort: "> 10s" }\n' "$n"
    done
    echo "baseline: 10m
duration: $((hours * 60 - 20))m
faults:
  pause:
    inject: { process-pause: {} }
    on: { service: victim }
    burst: { on: 10s, off: 50s }
recovery: { within: 10m, steady-for: 1m }"
} >"$stage/long.yaml"
# A dry run begins a record without a change; it is halted once the plan is in it.
"$SQUALL" run --quiet --dry-run "$stage/long.yaml" >"$stage/own" 2>&1 &
run=$!
tries=0
until record=$(echo "$SQUALL_HOME"/runs/*/record.jsonl) && [ "$(grep -c "" "$record" 2>/dev/null)" -gt 20 ] 2>/dev/null; do
    [ $((tries += 1)) -lt 500 ] || give_up "no record was begun: $(cat "$stage/own")"
    nap 0.01
done
"$SQUALL" halt >"$stage/halted"
wait "$run" || true
reading=$(grep -m1 '"read"' "$record") || give_up "the short run has no reading"
echo "a line of the real one: $reading"

head -n 1 "$record" | jq -c '.what["run-started"].mode = "real"' >"$stage/long.jsonl"
awk -v hours="$hours" -v measures=$measures -v seed="${SEED:-1}" '
    function event(at, what) { printf "{\"at\":%.6f,\"what\":%s}\n", at, what }
    function phase(at, name, before, outcome) {
        if (before != "") event(at, "{\"phase-ended\":{\"phase\":\"" before "\",\"outcome\":\"" outcome "\"}}")
        event(at, "{\"phase-entered\":{\"phase\":\"" name "\"}}")
    }
    BEGIN {
        srand(seed)
        end = hours * 3600; from = 600; to = end - 600
        fault = "\"fault\":{\"name\":\"pause\",\"window\":"
        phase(0, "INIT"); phase(0, "BASELINE_CHECK", "INIT", "started")
        for (second = 0; second < end; second++) {
            if (second == from) {
                list = ""
                for (n = 0; n < measures; n++)
                    list = list (n ? "," : "") sprintf("{\"measure\":\"checkout-p95-%02d\",\"median\":{\"value\":{\"value\":0.075,\"unit\":\"seconds\"}},\"n\":600}", n)
                event(second, "{\"steady-state-met\":{\"baselines\":[" list "]}}")
                phase(second, "FAULT_INJECTION", "BASELINE_CHECK", "steady")
            }
            window = int((second - from) / 60)
            if (second >= from && second < to && (second - from) % 60 == 0) {
                event(second, "{\"fault-requested\":{" fault window "}}}")
                event(second + 0.01, "{\"fault-injected\":{" fault window "},\"on\":[\"victim-1\"],\"effect\":\"in state T: 1 process\",\"until\":" second + 10 "}}")
                if (second == from) phase(second + 0.02, "MONITORING", "FAULT_INJECTION", "injected")
            }
            if (second > from && second < to && (second - from) % 60 == 10)
                event(second, "{\"fault-undone\":{" fault window "},\"proof\":\"not stopped any more: 1 process\"}}")
            if (second == to) {
                phase(second, "ROLLBACK", "MONITORING", "watched to the end")
                phase(second + 0.001, "POST_VALIDATION", "ROLLBACK", "undone")
            }
            for (n = 0; n < measures; n++) {
                asked = second + n / measures + rand() / 1000 + 0.03
                took = 0.05 + rand() / 20 + ((second - from) % 60 < 10 && second >= from && second < to ? 0.3 : 0)
                event(asked + took, sprintf("{\"read\":{\"m\":\"checkout-p95-%02d\",\"is\":{\"value\":{\"value\":%.9f,\"unit\":\"seconds\"}},\"asked\":%.6f}}", n, took, asked))
            }
        }
        event(end + 1, "{\"recovered\":{\"first\":\"1s\",\"steady\":\"1s\"}}")
        phase(end + 1, "REPORT", "POST_VALIDATION", "steady")
        event(end + 1, "{\"phase-ended\":{\"phase\":\"REPORT\",\"outcome\":\"deviated\"}}")
        event(end + 1, "{\"run-ended\":{\"verdict\":\"deviated\",\"sentence\":\"long: the steady state did not hold\",\"reasons\":[],\"left\":[]}}")
    }' >>"$stage/long.jsonl"
awk -v bytes="$(stat -c %s "$stage/long.jsonl")" -v lines="$(wc -l <"$stage/long.jsonl")" -v readings="$(grep -c '"read"' "$stage/long.jsonl")" \
    'BEGIN { printf "record: %.1f MB, %d events, %d of them readings\n", bytes / 1e6, lines, readings }'
for form in html md xml json; do
    /usr/bin/time -f '%e %U %S %M' -o "$stage/cost" "$SQUALL" report "$stage/long.jsonl" -o "$stage/long.$form" 2>"$stage/own" ||
        give_up "report: $(cat "$stage/own")"
    awk -v form=$form -v bytes="$(stat -c %s "$stage/long.$form")" \
        '{ printf "report as %-4s: %.2f s (CPU %.2f s), peak %.0f MiB, %.0f kB\n", form, $1, $2 + $3, $4 / 1024, bytes / 1000 }' "$stage/cost"
done
