#!/usr/bin/env bash
# The proxy beside HAProxy, nginx (stream) and, where it is on PATH, Toxiproxy: each alone, turn by turn.
#
#   benches/run proxy                     everything but the soak, about eight minutes
#   benches/run proxy redis bulk          some of it: redis, bulk, connects, idle, rules, delays, bandwidth, change, soak
#
# ROUNDS  turns of what is compared (3 where nothing is said)
# SOAK    seconds of the soak (600)
# PEERS   who is compared, of: direct squall haproxy nginx toxiproxy
#
# Needs redis-server, redis-benchmark, iperf3, wrk, haproxy and nginx (Debian: redis iperf3 wrk haproxy nginx-light
# libnginx-mod-stream), and the program `traffic` of this repository, which is built where it is missing:
#   cargo build --release -p squall-proxy --example traffic --locked
. benches/stage.bash
export PATH=$PATH:/usr/sbin

rounds=${ROUNDS:-3}
scenarios=("$@")
[ ${#scenarios[@]} -gt 0 ] || scenarios=(redis bulk connects idle rules delays bandwidth change)
for program in redis-server redis-benchmark iperf3 wrk haproxy nginx; do
    command -v $program >/dev/null || give_up "$program is missing (Debian: redis iperf3 wrk haproxy nginx-light libnginx-mod-stream)"
done
traffic=${TRAFFIC:-target/release/examples/traffic}
[ -x "$traffic" ] || cargo build --release -q -p squall-proxy --example traffic --locked
toxiproxy=$(command -v toxiproxy-server || command -v toxiproxy || true)
if [ -n "${PEERS:-}" ]; then
    read -ra peers <<<"$PEERS"
else
    peers=(direct squall haproxy nginx ${toxiproxy:+toxiproxy})
fi
# 10,000 connections are 20,000 descriptors of a proxy, and some more; where the machine gives fewer, it says so.
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
many=$((($(ulimit -n) - 400) / 2))
[ $many -le 10000 ] || many=10000

# `free` finds a port that nobody has, in $port: not all of the programs can be given port 0.
free() { port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'); }

# `listens PORT PID` waits until somebody listens.
listens() {
    local tries=0
    until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
        kill -0 "$2" 2>/dev/null || give_up "a server ended: $(tail -n 3 "$stage/output")"
        [ $((tries += 1)) -lt 1000 ] || give_up "nobody listens at $1"
        nap 0.01
    done
}

# `begin PROGRAM...` starts a process that ends with the bench; its PID is in $begun.
begin() {
    setsid "$@" >>"$stage/output" 2>&1 &
    begun=$!
    started+=("$begun")
    disown $begun
}

# `open PEER UPSTREAM` starts a proxy to that port: its own port is in $via, its process in $proxy. `direct` is none.
open() {
    local peer=$1 upstream=$2
    proxy='' via=$upstream
    [ "$peer" != direct ] || return 0
    free
    via=$port
    case $peer in
        squall)
            free
            api=127.0.0.1:$port
            begin "$SQUALL" proxy --listen "$api" --name bench --from "127.0.0.1:$via" --to "127.0.0.1:$upstream" ${protocol:+--protocol "$protocol"}
            ;;
        haproxy)
            cat >"$stage/haproxy.cfg" <<CONF
global
    maxconn $many
    maxpipes 100
defaults
    mode tcp
    timeout connect 5s
    timeout client 1h
    timeout server 1h
    option splice-auto
    maxconn $many
listen bench
    bind 127.0.0.1:$via
    server one 127.0.0.1:$upstream
CONF
            begin haproxy -db -f "$stage/haproxy.cfg"
            ;;
        nginx)
            cat >"$stage/nginx.conf" <<CONF
daemon off; worker_processes auto; worker_rlimit_nofile $(ulimit -n); pid $stage/nginx.pid; error_log stderr crit;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events { worker_connections $((many * 2 + 100)); }
stream { server { listen 127.0.0.1:$via backlog=4096; proxy_pass 127.0.0.1:$upstream; proxy_timeout 1h; } }
CONF
            begin nginx -p "$stage" -c "$stage/nginx.conf"
            ;;
        toxiproxy)
            echo "[{\"name\": \"bench\", \"listen\": \"127.0.0.1:$via\", \"upstream\": \"127.0.0.1:$upstream\"}]" >"$stage/toxiproxy.json"
            free
            api=127.0.0.1:$port
            begin "$toxiproxy" -host 127.0.0.1 -port "$port" -config "$stage/toxiproxy.json"
            ;;
    esac
    proxy=$begun
    listens "$via" "$proxy"
    [ "$peer" != squall ] || listens "${api##*:}" "$proxy"
}

# `shut` ends the proxy that is open.
shut() {
    [ -n "$proxy" ] || return 0
    kill -TERM -- "-$proxy" 2>/dev/null || true
    local tries=0
    while kill -0 "$proxy" 2>/dev/null; do
        [ $((tries += 1)) -lt 300 ] || kill -KILL -- "-$proxy" 2>/dev/null || true
        nap 0.01
    done
    proxy=''
}

# The processes of the proxy that is open.
processes() { [ -z "$proxy" ] || { echo "$proxy"; cat /proc/"$proxy"/task/*/children 2>/dev/null | tr ' ' '\n' | grep . || true; }; }

# CPU time that the open proxy has had, all its processes and threads, in $spent, in seconds (proc_pid_stat(5)).
ticks=$(getconf CLK_TCK)
spend() { spent=$(processes | sed 's|.*|/proc/&/stat|' | xargs -r cat 2>/dev/null | sed 's/.*) //' | awk -v hz="$ticks" '{ sum += $12 + $13 } END { print sum / hz }'); }

# Memory of the open proxy, in MB of a million bytes; what its processes share counts once.
memory() { processes | sed 's|.*|/proc/&/smaps_rollup|' | xargs -r cat | awk '/^Pss:/ { sum += $2 } END { printf "%.1f", sum * 1024 / 1e6 }'; }

# `note KEY VALUE`, and `middle KEY`: the median of what was noted.
note() { echo "$2" >>"$stage/note.$1"; }
middle() { sort -g "$stage/note.$1" | awk '{ n[NR] = $1 } END { printf "%.6g", n[int((NR + 1) / 2)] }'; }

# `calculate EXPRESSION` in awk.
calculate() { awk "BEGIN { printf \"%.6g\", $1 }"; }

# `of_direct SCENARIO PEER`: what the peer's rate is of the direct one, where that is compared too.
of_direct() {
    [ ! -f "$stage/note.$1.direct.rate" ] || printf ' (%.2f of direct)' "$(calculate "$(middle "$1.$2.rate") / $(middle "$1.direct.rate")")"
}

# `redis_run KEY CONNECTIONS DEPTH REQUESTS [PEER]`: CPU of the open proxy for a request, and the rate.
redis_run() {
    local before rate
    spend
    before=$spent
    rate=$(redis-benchmark -p "$via" -c "$2" -P "$3" -n "$4" -t get --csv | tail -n 1 | cut -d, -f2 | tr -d '"')
    spend
    note "$1.cpu" "$(calculate "($spent - $before) / $4 * 1e6")"
    note "$1.rate" "$rate"
}

redis_server() {
    free
    redis=$port
    begin redis-server --port "$redis" --save '' --appendonly no --dir "$stage"
    listens "$redis" "$begun"
    redis-cli -p "$redis" set key:__rand_int__ xxx >/dev/null
}

redis() {
    local round peer shape name connections depth requests
    redis_server
    for ((round = 0; round < rounds; round++)); do
        for peer in "${peers[@]}"; do
            for shape in "many 50 1 150000" "pipelined 50 16 2000000" "one 1 1 30000"; do
                read -r name connections depth requests <<<"$shape"
                open "$peer" "$redis"
                redis_run "redis.$name.$peer" "$connections" "$depth" "$requests"
                shut
            done
        done
    done
    for shape in "many:-c 50 -P 1" "pipelined:-c 50 -P 16" "one:-c 1 -P 1"; do
        name=${shape%%:*}
        for peer in "${peers[@]}"; do
            printf 'redis-benchmark %-12s %-10s %6.2f us of CPU a request, %8.0f requests/s%s\n' "${shape#*:}" "$peer" \
                "$(middle "redis.$name.$peer.cpu")" "$(middle "redis.$name.$peer.rate")" "$(of_direct "redis.$name" "$peer")"
        done
    done
}

bulk() {
    local round peer before line way reverse
    free
    local server=$port
    begin iperf3 -s -p "$server"
    listens "$server" "$begun"
    for ((round = 0; round < rounds; round++)); do
        for peer in "${peers[@]}"; do
            for way in up down; do
                reverse=
                [ $way = up ] || reverse=-R
                open "$peer" "$server"
                spend
                before=$spent
                iperf3 -c 127.0.0.1 -p "$via" -t 3 $reverse --json >"$stage/iperf" || give_up "iperf3: $(jq -r .error "$stage/iperf")"
                spend
                line=$(jq -r .end.sum_received.bytes "$stage/iperf")
                note "bulk.$way.$peer.cpu" "$(calculate "($spent - $before) / $line * 1e9")"
                note "bulk.$way.$peer.rate" "$(calculate "$(jq -r .end.sum_received.bits_per_second "$stage/iperf") / 8e9")"
                shut
            done
        done
    done
    for way in up down; do
        for peer in "${peers[@]}"; do
            printf 'bulk %-4s %-10s %5.2f CPU seconds a GB, %5.2f GB/s%s\n' $way "$peer" "$(middle "bulk.$way.$peer.cpu")" \
                "$(middle "bulk.$way.$peer.rate")" "$(of_direct "bulk.$way" "$peer")"
        done
    done
}

# The echo server and the endless source of the program `traffic`.
echo_server() {
    free
    echoes=$port
    free
    source=$port
    begin "$traffic" serve "127.0.0.1:$echoes" "127.0.0.1:$source"
    listens "$source" "$begun"
}

connects() {
    local round peer before count
    echo_server
    for ((round = 0; round < rounds; round++)); do
        for peer in "${peers[@]}"; do
            open "$peer" "$echoes"
            spend
            before=$spent
            count=$("$traffic" connects "127.0.0.1:$via" 3)
            spend
            note "connects.$peer.rate" "$(calculate "$count / 3")"
            note "connects.$peer.cpu" "$(calculate "($spent - $before) / $count * 1e6")"
            shut
            # What has ended stays in TIME_WAIT: the next one has other ports.
        done
    done
    for peer in "${peers[@]}"; do
        printf 'connects %-10s %6.0f connections/s%s, %5.1f us of CPU each\n' "$peer" "$(middle "connects.$peer.rate")" \
            "$(of_direct connects "$peer")" "$(middle "connects.$peer.cpu")"
    done
}

idle() {
    local peer before hold line
    echo_server
    for peer in "${peers[@]}"; do
        [ "$peer" != direct ] || continue
        open "$peer" "$echoes"
        before=$(memory)
        coproc HOLD { "$traffic" idle "127.0.0.1:$via" $many 2>>"$stage/output"; }
        hold=$HOLD_PID
        read -rt 60 -u "${HOLD[0]}" line && [ "$line" = "open" ] || give_up "$peer does not hold $many connections: $(tail -n 3 "$stage/output")"
        printf 'idle %-10s %d connections: %s MB (%s MB before the first)\n' "$peer" "$many" "$(memory)" "$before"
        kill "$hold" 2>/dev/null || true
        wait "$hold" 2>/dev/null || true
        shut
    done
}

# `toxic JSON` adds one; `without NAME` takes it away.
toxic() { curl -sS --fail-with-body -o "$stage/answer" -X POST -d "$1" "http://$api/proxies/bench/toxics" || give_up "$(cat "$stage/answer")"; }
without() { curl -sS --fail-with-body -o "$stage/answer" -X DELETE "http://$api/proxies/bench/toxics/$1" || give_up "$(cat "$stage/answer")"; }

# A rule of each protocol that looks at everything and never hits.
rules() {
    local round name before count
    redis_server
    free
    local web=$port
    cat >"$stage/web.conf" <<CONF
daemon off; worker_processes 1; pid $stage/web.pid; error_log stderr crit;
events { worker_connections 8192; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 600s; server { listen 127.0.0.1:$web; return 200 "ok"; } }
CONF
    begin nginx -p "$stage" -c "$stage/web.conf"
    listens "$web" "$begun"
    for ((round = 0; round < rounds; round++)); do
        for name in bytes rules; do
            protocol='' open squall "$web"
            [ $name = bytes ] || toxic '{"name": "never", "type": "http", "attributes": {"path": "/never/**", "method": "GET", "answer": {"status": 503}}}'
            spend
            before=$spent
            wrk -t 1 -c 50 -d 4s "http://127.0.0.1:$via/" >"$stage/wrk" || give_up "wrk: $(cat "$stage/wrk")"
            spend
            count=$(awk '/requests in/ { print $1 }' "$stage/wrk")
            note "http.$name" "$(calculate "($spent - $before) / $count * 1e6")"
            shut
            for shape in "many 50 1 150000" "pipelined 50 16 2000000"; do
                read -r shape connections depth requests <<<"$shape"
                protocol='' open squall "$redis"
                [ $name = bytes ] || toxic '{"name": "never", "type": "redis", "attributes": {"command": "get", "key": "never:*", "error": "loading"}}'
                redis_run "redis.$shape.$name" "$connections" "$depth" "$requests"
                shut
            done
        done
    done
    compare() { printf '%-22s %6.2f us of CPU a request as bytes, %6.2f with a rule that never hits: %.2f times\n' "$1" "$2" "$3" "$(calculate "$3 / $2")"; }
    compare "HTTP (wrk -c 50)" "$(middle http.bytes)" "$(middle http.rules)"
    compare "Redis (-c 50 -P 1)" "$(middle redis.many.bytes.cpu)" "$(middle redis.many.rules.cpu)"
    compare "Redis (-c 50 -P 16)" "$(middle redis.pipelined.bytes.cpu)" "$(middle redis.pipelined.rules.cpu)"
}

# Latency toxics against the same way without one.
delays() {
    local peer millis p50 p99 rest base50 base99
    echo_server
    for peer in "${peers[@]}"; do
        [[ $peer == squall || $peer == toxiproxy ]] || continue
        open "$peer" "$echoes"
        read -r base50 base99 rest < <("$traffic" delays "127.0.0.1:$via" 2000 2000)
        for millis in 1 5 100; do
            toxic "{\"name\": \"slow\", \"type\": \"latency\", \"stream\": \"downstream\", \"attributes\": {\"latency\": $millis}}"
            read -r p50 p99 rest < <("$traffic" delays "127.0.0.1:$via" 2000 2000)
            without slow
            printf 'latency %-10s %3d ms: p50 %+.3f ms, p99 %+.3f ms against no toxic (%.3f and %.3f ms)\n' "$peer" $millis \
                "$(calculate "$p50 - $base50 - $millis")" "$(calculate "$p99 - $base99 - $millis")" "$base50" "$base99"
        done
        read -r base50 base99 rest < <("$traffic" delays "127.0.0.1:$via" 5000 1000)
        toxic '{"name": "slow", "type": "latency", "stream": "downstream", "attributes": {"latency": 100}}'
        read -r p50 p99 rest < <("$traffic" delays "127.0.0.1:$via" 5000 1000)
        printf '1,000 messages/s %-10s 100 ms: p50 %+.3f ms, p99 %+.3f ms against no toxic (%.3f and %.3f ms)\n' "$peer" \
            "$(calculate "$p50 - $base50 - 100")" "$(calculate "$p99 - $base99 - 100")" "$base50" "$base99"
        shut
    done
}

bandwidth() {
    local peer rate got
    echo_server
    for peer in "${peers[@]}"; do
        [[ $peer == squall || $peer == toxiproxy ]] || continue
        open "$peer" "$source"
        # In KB/s of 1,000 bytes.
        for rate in 10 100 1000 10000 100000 200000; do
            toxic "{\"name\": \"line\", \"type\": \"bandwidth\", \"stream\": \"downstream\", \"attributes\": {\"rate\": $rate}}"
            got=$("$traffic" bandwidth "127.0.0.1:$via" 4)
            without line
            printf 'bandwidth %-10s %6d KB/s: %+.2f %%\n' "$peer" $rate "$(calculate "($got / $rate / 1000 - 1) * 100")"
        done
        shut
    done
}

change() {
    echo_server
    open squall "$echoes"
    "$traffic" change "127.0.0.1:$via" "$api" bench 1000 20 || give_up "bytes were lost"
    shut
}

soak() {
    echo_server
    open squall "$echoes"
    "$traffic" soak "127.0.0.1:$echoes" "$api" 200 "${SOAK:-600}" "$proxy" "${SEED:-1}" || give_up "the soak did not hold"
    shut
}

for scenario in "${scenarios[@]}"; do
    case $scenario in
        redis | bulk | connects | idle | rules | delays | bandwidth | change | soak) ;;
        *) give_up "there is no scenario $scenario (there are: redis bulk connects idle rules delays bandwidth change soak)" ;;
    esac
done
echo "$(haproxy -v | head -n 1 | cut -d' ' -f1-3), $(nginx -v 2>&1), ${toxiproxy:-no toxiproxy}"
for scenario in "${scenarios[@]}"; do "$scenario"; done
