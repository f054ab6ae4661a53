# Open-loop load beside oha and wrk: the server (nginx) has one core, the generator the other, turn by turn; and what each
# of them says of a server that stands still.
. benches/stage.bash
rate=20000
seconds=${ROUNDS:-10}
for program in nginx wrk; do
    PATH=$PATH:/usr/sbin command -v $program >/dev/null || give_up "$program is missing (Debian: nginx-light wrk)"
done
oha=${OHA:-$(command -v oha || true)}

cat >"$stage/nginx.conf" <<CONF
daemon off; master_process off; worker_processes 1; pid $stage/nginx.pid; error_log stderr crit;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
  server { listen unix:$stage/unused.sock; listen 127.0.0.1:0; return 200 "ok"; } }
CONF
# nginx cannot be given port 0, so a free one is asked for first.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed -i "s/127.0.0.1:0/127.0.0.1:$port/; s/listen unix:[^;]*; //" "$stage/nginx.conf"
PATH=$PATH:/usr/sbin setsid taskset -c 1 nginx -p "$stage" -c "$stage/nginx.conf" >"$stage/nginx" 2>&1 &
server=$!
started+=("$server")
disown "$server"
tries=0
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    [ $((tries += 1)) -lt 500 ] || give_up "nginx does not listen: $(cat "$stage/nginx")"
    nap 0.01
done
url=http://127.0.0.1:$port/

# `cost NAME REQUESTS` writes microseconds of CPU a request.
cost() { awk -v name="$1" -v n="$2" '{ printf "%-7s %9d requests, %5.1f us of CPU each (%.1f user, %.1f system), %.0f %% of a core\n", name, n, ($2 + $3) / n * 1e6, $2 / n * 1e6, $3 / n * 1e6, ($2 + $3) / $1 * 100 }' "$stage/cost"; }
timed() { /usr/bin/time -f '%e %U %S' -o "$stage/cost" taskset -c 0 "$@"; }

for turn in 1 2 3; do
    timed "$SQUALL" load "$url" --rate $rate/s --for "${seconds}s" --format json >"$stage/own" || give_up "squall: $(cat "$stage/own")"
    cost squall "$(jq .sent "$stage/own")"
    jq -r '"        sent \(.sent) of \(.due) due, late \(.late), start error p99 \((.["start-p99"] // 0) * 1e6 | round / 1000) ms, latency p99 \((.p99 // 0) * 1e6 | round / 1000) ms"' "$stage/own"
    if [ -n "$oha" ]; then
        timed "$oha" -q $rate -z "${seconds}s" -c 50 --no-tui --latency-correction --output-format json "$url" >"$stage/oha" || give_up "oha failed"
        cost oha "$(jq '[.statusCodeDistribution[]] | add' "$stage/oha")"
    fi
    timed wrk -t 1 -c 50 -d "${seconds}s" "$url" >"$stage/wrk" || give_up "wrk failed"
    cost wrk "$(awk '/requests in/ { print $1 }' "$stage/wrk")"
done

# The coordinated omission: the server stands still for ten seconds of twenty. Whoever sends at fixed times has a request in
# fifty that waited for nearly all of it.
stall() {
    local name=$1
    shift
    "$@" >"$stage/$name" 2>"$stage/own" &
    local pid=$!
    nap 5
    kill -STOP "$server"
    nap 10
    kill -CONT "$server"
    wait $pid || give_up "$name: $(cat "$stage/own")"
}
stall squall "$SQUALL" load "$url" --rate 100/s --for 20s --timeout 30s --max-in-flight 5000 --format json
jq -r '"stall   squall: \(.sent) requests at 100/s, p50 \(.p50 * 100 | round / 100) s, p99 \(.p99 * 100 | round / 100) s"' "$stage/squall"
if [ -n "$oha" ]; then
    stall oha "$oha" -q 100 -z 20s -c 50 -t 30s --no-tui --latency-correction --output-format json "$url"
    jq -r '"stall   oha:    \([.statusCodeDistribution[]] | add) requests, p50 \(.latencyPercentiles.p50 * 100 | round / 100) s, p99 \(.latencyPercentiles.p99 * 100 | round / 100) s"' "$stage/oha"
fi
