# A thousand HTTP probes, each every second, with squall on one core: when is each asked, against its own schedule?
. benches/stage.bash
probes=1000
seconds=${ROUNDS:-60}

api taskset -c 1
echo "${started[-1]}" >"$stage/api.pid"
{
    echo "name: probes
owner: bench
target: { name: host, services: { api: { find: { pid-file: $stage/api.pid } } } }
steady:
  every: 1s
  measures:"
    for ((n = 0; n < probes; n++)); do
        printf '    p%04d: { http: "%s", expect: "== 200", abort: ">= 500" }\n' "$n" "$api"
    done
    echo "baseline: 10s
duration: ${seconds}s
recovery: { within: 10s, steady-for: 1s }"
} >"$stage/probes.yaml"

/usr/bin/time -f '%e %U %S %M' -o "$stage/cost" taskset -c 0 "$SQUALL" run --quiet "$stage/probes.yaml" >"$stage/own" 2>&1 ||
    give_up "the run did not hold: $(head -c 1000 "$stage/own")"
record=$(echo "$SQUALL_HOME"/runs/*/record.jsonl)

# Probe n of N is due at B + n/N, B + n/N + 1 s, ... with one B for all: the earliest that fits every reading.
jq -r '.what.read | select(.) | "\(.m[1:]) \(.asked)"' "$record" >"$stage/asked"
[ "$(jq -r '.what.read | select(.) | .is.value.value // "unread"' "$record" | sort -u)" = 200 ] || give_up "not every answer was 200"
awk -v probes=$probes '
    { n = $1 + 0; at[NR] = $2 - n / probes; probe[NR] = n }
    END {
        # The first reading of each probe gives B to within a second.
        begin = at[1]
        for (i = 1; i <= NR; i++) if (!(probe[i] in seen)) { seen[probe[i]] = 1; if (at[i] < begin) begin = at[i] }
        for (i = 1; i <= NR; i++) { turn = int(at[i] - begin + 0.5); late = at[i] - turn; if (late < base || base == "") base = late }
        for (i = 1; i <= NR; i++) {
            turn = int(at[i] - base + 0.5)
            if (turn > last) last = turn
            count[turn]++
            print turn, (at[i] - base - turn) * 1000
        }
    }' "$stage/asked" >"$stage/late"
last=$(awk '$1 > last { last = $1 } END { print last + 0 }' "$stage/late")
printf 'start error: %s\n' "$(awk '{ print $2 }' "$stage/late" | spread ms)"
printf '  of the first ten seconds: %s\n' "$(awk '$1 < 10 { print $2 }' "$stage/late" | spread ms)"
printf '  of the last ten seconds:  %s\n' "$(awk -v last="$last" '$1 > last - 10 { print $2 }' "$stage/late" | spread ms)"
# The last turn is cut off by the end of the run.
awk -v probes=$probes -v last="$last" '
    $1 < last { n++ }
    END { printf "readings left out: %d of %d\n", probes * last - n, probes * last }' "$stage/late"
awk '{ printf "one core: %.0f %% of it used (%.1f s user, %.1f s system in %.1f s), peak %.1f MiB\n", ($2 + $3) / $1 * 100, $2, $3, $1, $4 / 1024 }' "$stage/cost"
