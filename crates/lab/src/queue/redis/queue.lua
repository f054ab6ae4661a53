-- Every operation of the queue. A script runs alone and its effects are logged as one, so each call is one change.
--
--   ARGV[1] the operation, ARGV[2] its input as JSON. Moments are milliseconds since 1970.
--
--   about               version of these keys; a queue without it is none
--   next                the newest task's number
--   task:ID             hash: the task
--   due:KIND            queued and due, the urgent first, then the longest waiting
--   waiting:KIND        queued, by the moment of the next try
--   leases:KIND         running, by the end of the lease
--   queued:TAG KIND     queued, by the moment of the submission
--   dead, of-tag:TAG, of-batch:BATCH, of-label:LABEL   task numbers, for lists
--   key:KEY             hash: a submission's content, first number and count
--   promises            list: "ID TAG" of every task that was put in
--   completions         hash: how often each task was completed
--   waits:TAG KIND      list: "NUMBER MILLISECONDS" of the newest completions
--   tally               hash: counts by "TAG KIND NAME"
--   kinds               set: names of kinds
--   events              stream
--   notes               hash

local P = 'squall-lab:'
local VERSION = '2'
local NEWEST = 200
local operation, input = ARGV[1], cjson.decode(ARGV[2])
local now = input.now

local function whole(number) return string.format('%.0f', number) end
local function member(id) return string.format('%012.0f', id) end
local function key(id) return P .. 'task:' .. whole(id) end

local function read(id)
    local names = { 'tag', 'kind', 'state', 'attempts', 'failures', 'max_failures', 'priority', 'run_after', 'created',
        'deadline', 'started', 'payload' }
    local values = redis.call('HMGET', key(id), unpack(names))
    if not values[3] then return nil end
    local task = { id = id }
    for place, name in ipairs(names) do task[name] = values[place] end
    for _, name in ipairs({ 'attempts', 'failures', 'max_failures', 'priority', 'run_after', 'created', 'deadline', 'started' }) do
        task[name] = tonumber(task[name])
    end
    return task
end

local function count(task, name, n)
    redis.call('HINCRBY', P .. 'tally', task.tag .. ' ' .. task.kind .. ' ' .. name, n)
end

local function tell(task, happened, worker, late)
    if late then count(task, 'late', 1) end
    redis.call('XADD', P .. 'events', '*', 'at', whole(now), 'happened', happened, 'task', whole(task.id),
        'tag', task.tag, 'kind', task.kind, 'attempt', whole(task.attempts), 'worker', worker or '',
        'late', late and '1' or '0')
end

local function line_up(task)
    if task.run_after <= now then
        -- Below 10^14, so a double holds it exactly.
        local place = (9 - task.priority) * 1e13 + task.run_after
        redis.call('ZADD', P .. 'due:' .. task.kind, whole(place), member(task.id))
    else
        redis.call('ZADD', P .. 'waiting:' .. task.kind, whole(task.run_after), member(task.id))
    end
end

local function move(task, to)
    local from = task.state
    if from == 'queued' then
        redis.call('ZREM', P .. 'due:' .. task.kind, member(task.id))
        redis.call('ZREM', P .. 'waiting:' .. task.kind, member(task.id))
        redis.call('ZREM', P .. 'queued:' .. task.tag .. ' ' .. task.kind, member(task.id))
    elseif from == 'running' then
        redis.call('ZREM', P .. 'leases:' .. task.kind, member(task.id))
        redis.call('HDEL', key(task.id), 'lease_until')
    elseif from == 'dead' then
        redis.call('ZREM', P .. 'dead', member(task.id))
    end
    if to == 'queued' then
        line_up(task)
        redis.call('ZADD', P .. 'queued:' .. task.tag .. ' ' .. task.kind, whole(task.created), member(task.id))
    elseif to == 'dead' then
        redis.call('ZADD', P .. 'dead', whole(task.id), member(task.id))
    end
    if from then count(task, from, -1) end
    count(task, to, 1)
    task.state = to
    redis.call('HSET', key(task.id), 'state', to)
end

local function is_late(task) return task.deadline ~= nil and now > task.deadline end

local function put(submission)
    if submission.key then
        local known = redis.call('HMGET', P .. 'key:' .. submission.key, 'content', 'first', 'count')
        if known[1] then
            if known[1] == submission.content then return { 1, tonumber(known[2]), tonumber(known[3]) } end
            return { 2, 0, 0 }
        end
    end
    local last = redis.call('INCRBY', P .. 'next', whole(submission.count))
    local first = last - submission.count + 1
    redis.call('SADD', P .. 'kinds', submission.kind)
    for id = first, last do
        local task = { id = id, tag = submission.tag, kind = submission.kind, attempts = 0, run_after = now,
            created = now, priority = submission.priority }
        local fields = { 'tag', task.tag, 'kind', task.kind, 'payload', submission.payload, 'attempts', '0',
            'failures', '0', 'max_failures', whole(submission.max_failures), 'priority', whole(task.priority),
            'run_after', whole(now), 'created', whole(now), 'labels', submission.labels }
        if submission.deadline then
            fields[#fields + 1] = 'deadline'
            fields[#fields + 1] = whole(submission.deadline)
        end
        if submission.batch then
            fields[#fields + 1] = 'batch'
            fields[#fields + 1] = submission.batch
            redis.call('ZADD', P .. 'of-batch:' .. submission.batch, whole(id), member(id))
        end
        redis.call('HSET', key(id), unpack(fields))
        move(task, 'queued')
        redis.call('RPUSH', P .. 'promises', whole(id) .. ' ' .. task.tag)
        redis.call('ZADD', P .. 'of-tag:' .. task.tag, whole(id), member(id))
        for _, label in ipairs(cjson.decode(submission.labels)) do
            redis.call('ZADD', P .. 'of-label:' .. label, whole(id), member(id))
        end
        tell(task, 'queued')
    end
    if submission.key then
        redis.call('HSET', P .. 'key:' .. submission.key, 'content', submission.content, 'first', whole(first),
            'count', whole(submission.count))
    end
    return { 0, first, submission.count }
end

local function wanted_kinds()
    local named = {}
    for _, name in ipairs(input.names) do named[name] = true end
    local kinds = {}
    for _, kind in ipairs(redis.call('SMEMBERS', P .. 'kinds')) do
        if input.kinds == 'all' or (input.kinds == 'only') == (named[kind] == true) then kinds[#kinds + 1] = kind end
    end
    return kinds
end

-- The first of the heads of some sets, up to a score.
local function head(sets, limit)
    local best, best_score, best_set
    for _, set in ipairs(sets) do
        local found = redis.call('ZRANGEBYSCORE', set, '-inf', limit, 'WITHSCORES', 'LIMIT', '0', '1')
        if found[1] then
            local score = tonumber(found[2])
            if not best or score < best_score or (score == best_score and found[1] < best) then
                best, best_score, best_set = found[1], score, set
            end
        end
    end
    return best, best_set
end

local function take(id)
    local task = read(id)
    if not task then return nil end
    move(task, 'running')
    task.attempts = task.attempts + 1
    local lease = whole(input.lease_until)
    redis.call('HSET', key(id), 'attempts', whole(task.attempts), 'worker', input.worker, 'lease_until', lease,
        'started', whole(now))
    redis.call('ZADD', P .. 'leases:' .. task.kind, lease, member(id))
    tell(task, 'started', input.worker)
    if task.attempts > 1 then count(task, 'retries', 1) end
    return { id, task.attempts, task.tag, task.payload, task.deadline and whole(task.deadline) or '' }
end

local function claim()
    local leases, due, claims = {}, {}, {}
    for _, kind in ipairs(wanted_kinds()) do
        leases[#leases + 1] = P .. 'leases:' .. kind
        due[#due + 1] = P .. 'due:' .. kind
        local waiting = P .. 'waiting:' .. kind
        for _, ripe in ipairs(redis.call('ZRANGEBYSCORE', waiting, '-inf', whole(now), 'LIMIT', '0', '5000')) do
            redis.call('ZREM', waiting, ripe)
            local task = read(tonumber(ripe))
            if task then line_up(task) end
        end
    end
    for _, from in ipairs({ { leases, '(' .. whole(now) }, { due, '+inf' } }) do
        while #claims < input.slots do
            local found, set = head(from[1], from[2])
            if not found then break end
            redis.call('ZREM', set, found)
            claims[#claims + 1] = take(tonumber(found))
        end
    end
    return claims
end

local function renew()
    local lost = {}
    for _, held in ipairs(input.claims) do
        local task = read(held[1])
        if task and task.state == 'running' and task.attempts == held[2] then
            redis.call('HSET', key(task.id), 'lease_until', whole(input.lease_until))
            redis.call('ZADD', P .. 'leases:' .. task.kind, whole(input.lease_until), member(task.id))
        else
            lost[#lost + 1] = held[1]
        end
    end
    return lost
end

local function complete(task, result)
    local waited = math.max(task.started - task.created, 0)
    redis.call('HSET', key(task.id), 'result', result, 'finished', whole(now))
    redis.call('HINCRBY', P .. 'completions', whole(task.id), 1)
    local number = redis.call('INCR', P .. 'completed')
    local waits = P .. 'waits:' .. task.tag .. ' ' .. task.kind
    redis.call('LPUSH', waits, whole(number) .. ' ' .. whole(waited))
    redis.call('LTRIM', waits, 0, NEWEST - 1)
    move(task, 'done')
    tell(task, 'done', input.worker, is_late(task))
    return 'done'
end

local function settle(finish)
    local task = read(finish.task)
    if not task then return 'fenced' end
    if task.attempts ~= finish.attempt then
        if task.state == 'done' then
            count(task, 'duplicates', 1)
            return 'duplicate'
        end
        count(task, 'fenced', 1)
        return 'fenced'
    end
    if task.state ~= 'running' then return 'known' end
    if finish.outcome == 'done' then return complete(task, finish.text) end
    if finish.outcome == 'released' then
        task.run_after = now
        redis.call('HSET', key(task.id), 'run_after', whole(now))
        move(task, 'queued')
        tell(task, 'released', input.worker)
        return 'released'
    end
    task.failures = task.failures + 1
    redis.call('HSET', key(task.id), 'failures', whole(task.failures), 'error', finish.text)
    if finish.outcome == 'failed' and task.failures < task.max_failures then
        local full = math.min(input.first_wait * 2 ^ math.min(task.failures - 1, 16), input.longest_wait)
        task.run_after = now + math.floor(full * finish.share)
        redis.call('HSET', key(task.id), 'run_after', whole(task.run_after))
        move(task, 'queued')
        tell(task, 'failed', input.worker)
        return 'again'
    end
    redis.call('HSET', key(task.id), 'finished', whole(now))
    move(task, 'dead')
    tell(task, 'dead', input.worker, is_late(task))
    return 'dead'
end

local function revive(to, happened)
    local moved = {}
    for _, id in ipairs(input.dead) do
        local task = read(id)
        if task and task.state == 'dead' then
            task.run_after = now
            if to == 'queued' then
                redis.call('HDEL', key(id), 'deadline', 'finished')
                redis.call('HSET', key(id), 'failures', '0', 'run_after', whole(now))
            else
                redis.call('HSET', key(id), 'finished', whole(now))
            end
            move(task, to)
            tell(task, happened)
            moved[#moved + 1] = id
        end
    end
    return moved
end

local function list()
    local ids = {}
    if input.index then
        ids = redis.call('ZRANGEBYSCORE', P .. input.index, '(' .. whole(input.after), '+inf', 'LIMIT', '0', whole(input.limit))
    else
        local last = tonumber(redis.call('GET', P .. 'next') or '0')
        for id = input.after + 1, math.min(input.after + input.limit, last) do ids[#ids + 1] = whole(id) end
    end
    local tasks = {}
    for place, id in ipairs(ids) do tasks[place] = { tonumber(id), redis.call('HGETALL', key(tonumber(id))) } end
    return tasks
end

local function batch()
    local states = {}
    for _, id in ipairs(redis.call('ZRANGE', P .. 'of-batch:' .. input.batch, '0', '-1')) do
        states[#states + 1] = redis.call('HGET', key(tonumber(id)), 'state') or 'lost'
    end
    return states
end

-- The tags and kinds of the tally that are asked for.
local function in_scope(tag, kind)
    return (not input.tag or input.tag == tag) and (not input.kind or input.kind == kind)
end

local function stats()
    local tally, counts, waits = redis.call('HGETALL', P .. 'tally'), {}, {}
    local stuck, oldest = 0, ''
    for place = 1, #tally, 2 do
        local tag, kind, name = string.match(tally[place], '^(%S+) (%S+) (%S+)$')
        if tag and in_scope(tag, kind) then
            counts[#counts + 1] = { name, tonumber(tally[place + 1]) }
            local of = tag .. ' ' .. kind
            if name == 'queued' then
                local found = redis.call('ZRANGE', P .. 'queued:' .. of, '0', '0', 'WITHSCORES')
                if found[2] and (oldest == '' or tonumber(found[2]) < tonumber(oldest)) then oldest = found[2] end
            elseif name == 'done' then
                for _, wait in ipairs(redis.call('LRANGE', P .. 'waits:' .. of, '0', '-1')) do waits[#waits + 1] = wait end
            end
        end
    end
    for _, kind in ipairs(redis.call('SMEMBERS', P .. 'kinds')) do
        if not input.kind or input.kind == kind then
            local over = redis.call('ZRANGEBYSCORE', P .. 'leases:' .. kind, '-inf', '(' .. whole(input.stuck_before))
            for _, id in ipairs(over) do
                if not input.tag or redis.call('HGET', key(tonumber(id)), 'tag') == input.tag then stuck = stuck + 1 end
            end
        end
    end
    return { counts, stuck, oldest, waits }
end

-- Some promises and what became of them, from their rows: sent, done, dead, purged, open, twice, lost.
local function account()
    local promises = redis.call('LRANGE', P .. 'promises', whole(input.from), whole(input.from + input.limit - 1))
    local sums = { #promises, 0, 0, 0, 0, 0, 0, 0 }
    local function add(place) sums[place + 1] = sums[place + 1] + 1 end
    for _, promise in ipairs(promises) do
        local id, tag = string.match(promise, '^(%d+) (%S+)$')
        if not input.tag or input.tag == tag then
            local state = redis.call('HGET', P .. 'task:' .. id, 'state')
            local completed = tonumber(redis.call('HGET', P .. 'completions', id) or '0')
            add(1)
            if state == 'done' and completed == 1 then add(2) end
            if state == 'dead' then add(3) end
            if state == 'purged' then add(4) end
            if state == 'queued' or state == 'running' then add(5) end
            if completed > 1 or (completed == 1 and state and state ~= 'done') then add(6) end
            if not state or (state == 'done' and completed == 0) then add(7) end
        end
    end
    return sums
end

local about = redis.call('GET', P .. 'about')
if operation == 'make' then
    if not about then
        redis.call('SET', P .. 'about', VERSION)
        about = VERSION
    end
    return about == VERSION and 1 or redis.error_reply('FOREIGN another version')
end
if not about then return redis.error_reply('MISSING there is no queue on this server') end
if about ~= VERSION then return redis.error_reply('FOREIGN another version') end

if operation == 'check' then return 1 end
if operation == 'probe' then
    -- A write, so that a read-only server or a full memory shows.
    redis.call('SET', P .. 'about', VERSION)
    return 1
end
if operation == 'submit' then
    local receipts = {}
    for place, submission in ipairs(input.submissions) do receipts[place] = put(submission) end
    return receipts
end
if operation == 'claim' then return claim() end
if operation == 'renew' then return renew() end
if operation == 'settle' then
    local settled = {}
    for place, finish in ipairs(input.ends) do settled[place] = settle(finish) end
    return settled
end
if operation == 'replay' then return revive('queued', 'replayed') end
if operation == 'purge' then return revive('purged', 'purged') end
if operation == 'list' then return list() end
if operation == 'batch' then return batch() end
if operation == 'stats' then return stats() end
if operation == 'counts' then return redis.call('HGETALL', P .. 'tally') end
if operation == 'account' then return account() end
if operation == 'events' then
    return redis.call('XRANGE', P .. 'events', input.after, '+', 'COUNT', whole(input.limit))
end
if operation == 'newest' then return redis.call('XREVRANGE', P .. 'events', '+', '-', 'COUNT', '1') end
if operation == 'note' then return redis.call('HGET', P .. 'notes', input.name) end
if operation == 'set-note' then
    local known = redis.call('HGET', P .. 'notes', input.name)
    if (known or nil) ~= input.believed then return 0 end
    redis.call('HSET', P .. 'notes', input.name, input.value)
    return 1
end
return redis.error_reply('UNKNOWN operation ' .. operation)
