-- The queue. Moments are milliseconds since 1970, spans milliseconds. The connection's search_path is this schema.

CREATE SCHEMA squall_lab;

CREATE TABLE about (version integer NOT NULL);

CREATE TABLE tasks (
    id           bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tag          text    NOT NULL,
    kind         text    NOT NULL,
    payload      text    NOT NULL,
    state        text    NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'dead', 'purged')),
    priority     integer NOT NULL CHECK (priority BETWEEN 0 AND 9),
    attempts     integer NOT NULL DEFAULT 0,
    failures     integer NOT NULL DEFAULT 0,
    max_failures integer NOT NULL CHECK (max_failures > 0),
    worker       text,
    lease_until  bigint  CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    run_after    bigint  NOT NULL,
    deadline     bigint,
    created      bigint  NOT NULL,
    started      bigint,
    finished     bigint  CHECK ((state IN ('done', 'dead', 'purged')) = (finished IS NOT NULL)),
    result       text,
    error        text,
    batch        text,
    labels       text    NOT NULL
);

CREATE INDEX tasks_of_tag   ON tasks (tag, id);
CREATE INDEX tasks_of_batch ON tasks (batch, id)                    WHERE batch IS NOT NULL;
CREATE INDEX tasks_due      ON tasks (priority DESC, run_after, id) WHERE state = 'queued';
CREATE INDEX tasks_oldest   ON tasks (created)                      WHERE state = 'queued';
CREATE INDEX tasks_leased   ON tasks (lease_until)                  WHERE state = 'running';
CREATE INDEX tasks_dead     ON tasks (id)                           WHERE state = 'dead';

CREATE TABLE labels (label text, task bigint, PRIMARY KEY (label, task));

CREATE TABLE keys (key text PRIMARY KEY, content text NOT NULL, ids bigint[]);

-- What was promised: written with the task, never changed. A promise without its task is a lost task.
CREATE TABLE promises (task bigint PRIMARY KEY, tag text NOT NULL, at bigint NOT NULL);

CREATE INDEX promises_of_tag ON promises (tag);

-- What was completed: at most one row a task, whatever the workers believe.
CREATE TABLE completions (
    number  bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task    bigint  NOT NULL UNIQUE,
    tag     text    NOT NULL,
    kind    text    NOT NULL,
    worker  text    NOT NULL,
    attempt integer NOT NULL,
    waited  bigint  NOT NULL,
    at      bigint  NOT NULL
);

CREATE INDEX completions_of_tag ON completions (tag, number);

-- Counts as differences: to add a row waits for nobody, to change a shared one would wait for every other change.
CREATE TABLE tally (tag text NOT NULL, kind text NOT NULL, name text NOT NULL, n bigint NOT NULL);

-- What happened. Changes do not end in the order in which they took their numbers, so a reader who went by numbers
-- alone would miss some. It reads what belongs to transactions older than every running one, by transaction.
CREATE TABLE events (
    change   bigint  NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    number   bigint  GENERATED ALWAYS AS IDENTITY,
    at       bigint  NOT NULL,
    happened text    NOT NULL,
    task     bigint  NOT NULL,
    tag      text    NOT NULL,
    kind     text    NOT NULL,
    attempt  integer NOT NULL,
    worker   text,
    late     boolean NOT NULL,
    PRIMARY KEY (change, number)
);

CREATE TABLE notes (name text PRIMARY KEY, value text NOT NULL);

CREATE FUNCTION fold_tally() RETURNS void LANGUAGE sql AS $$
    WITH gone AS (
        DELETE FROM tally
        WHERE ctid = ANY (ARRAY(SELECT ctid FROM tally LIMIT 20000 FOR UPDATE SKIP LOCKED))
        RETURNING tag, kind, name, n
    )
    INSERT INTO tally SELECT tag, kind, name, sum(n) FROM gone GROUP BY tag, kind, name HAVING sum(n) <> 0
$$;

CREATE FUNCTION submit(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    now_ms   bigint := (input->>'now')::bigint;
    receipts jsonb := '[]';
    one      jsonb;
    known    keys;
    put_ids  bigint[];
BEGIN
    FOR one IN SELECT value FROM jsonb_array_elements(input->'submissions') LOOP
        IF one ? 'key' THEN
            -- Waits for another one's submission of this key, so there is one answer.
            INSERT INTO keys (key, content) VALUES (one->>'key', one->>'content') ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                SELECT * INTO known FROM keys WHERE key = one->>'key';
                receipts := receipts || jsonb_build_object(
                    'what', CASE WHEN known.content = one->>'content' THEN 'known' ELSE 'conflict' END,
                    'ids', to_jsonb(known.ids));
                CONTINUE;
            END IF;
        END IF;
        WITH put AS (
            INSERT INTO tasks (tag, kind, payload, priority, max_failures, run_after, deadline, created, batch, labels)
            SELECT one->>'tag', one->>'kind', one->>'payload', (one->>'priority')::integer,
                   (one->>'max_failures')::integer, now_ms, (one->>'deadline')::bigint, now_ms, one->>'batch',
                   one->>'labels'
            FROM generate_series(1, (one->>'count')::integer)
            RETURNING id
        ), promised AS (
            INSERT INTO promises SELECT id, one->>'tag', now_ms FROM put
        ), labelled AS (
            INSERT INTO labels SELECT label, id FROM put, jsonb_array_elements_text((one->>'labels')::jsonb) AS label
            ON CONFLICT DO NOTHING
        ), told AS (
            INSERT INTO events (at, happened, task, tag, kind, attempt, worker, late)
            SELECT now_ms, 'queued', id, one->>'tag', one->>'kind', 0, NULL, false FROM put ORDER BY id
        )
        SELECT array_agg(id ORDER BY id) INTO put_ids FROM put;
        INSERT INTO tally VALUES (one->>'tag', one->>'kind', 'queued', cardinality(put_ids));
        UPDATE keys SET ids = put_ids WHERE key = one->>'key';
        receipts := receipts || jsonb_build_object('what', 'created', 'ids', to_jsonb(put_ids));
    END LOOP;
    IF random() < 0.02 THEN PERFORM fold_tally(); END IF;
    RETURN receipts;
END $$;

-- One locking statement a call, with `state` the state to take from: so that the transaction is younger than those
-- whose tasks it takes, which the order of events needs.
CREATE FUNCTION claim(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    now_ms bigint := (input->>'now')::bigint;
    slots  bigint := (input->>'slots')::bigint;
    chosen text := input->>'kinds';
    names  text[] := ARRAY(SELECT jsonb_array_elements_text(input->'names'));
    found  bigint[];
    claims jsonb;
BEGIN
    IF input->>'state' = 'running' THEN
        found := ARRAY(
            SELECT id FROM tasks
            WHERE state = 'running' AND lease_until < now_ms AND (chosen = 'all' OR (kind = ANY (names)) = (chosen = 'only'))
            ORDER BY lease_until LIMIT slots FOR UPDATE SKIP LOCKED);
    ELSE
        found := ARRAY(
            SELECT id FROM tasks
            WHERE state = 'queued' AND run_after <= now_ms AND (chosen = 'all' OR (kind = ANY (names)) = (chosen = 'only'))
            ORDER BY priority DESC, run_after, id LIMIT slots FOR UPDATE SKIP LOCKED);
    END IF;
    WITH taken AS (
        UPDATE tasks SET state = 'running', attempts = attempts + 1, worker = input->>'worker',
                         lease_until = (input->>'lease_until')::bigint, started = now_ms
        WHERE id = ANY (found)
        RETURNING *
    ), told AS (
        INSERT INTO events (at, happened, task, tag, kind, attempt, worker, late)
        SELECT now_ms, 'started', id, tag, kind, attempts, worker, false FROM taken
        ORDER BY array_position(found, id)
    ), counted AS (
        INSERT INTO tally
        SELECT tag, kind, name, sum(n) FROM taken, LATERAL (VALUES
            (input->>'state', -1), ('running', 1), ('retries', CASE WHEN attempts > 1 THEN 1 ELSE 0 END)) AS t (name, n)
        GROUP BY tag, kind, name HAVING sum(n) <> 0
    )
    SELECT jsonb_agg(jsonb_build_object('task', id, 'attempt', attempts, 'tag', tag, 'payload', payload, 'deadline', deadline)
                     ORDER BY array_position(found, id))
    INTO claims FROM taken;
    RETURN coalesce(claims, '[]');
END $$;

CREATE FUNCTION renew(input jsonb) RETURNS jsonb LANGUAGE sql AS $$
    WITH claims AS (
        SELECT (value->>0)::bigint AS task, (value->>1)::integer AS attempt FROM jsonb_array_elements(input->'claims')
    ), mine AS (
        SELECT tasks.id FROM tasks JOIN claims ON tasks.id = claims.task AND tasks.attempts = claims.attempt
        WHERE tasks.state = 'running' ORDER BY tasks.id FOR UPDATE OF tasks
    ), held AS (
        UPDATE tasks SET lease_until = (input->>'lease_until')::bigint FROM mine WHERE tasks.id = mine.id
        RETURNING tasks.id
    )
    SELECT coalesce(jsonb_agg(task), '[]') FROM claims WHERE task NOT IN (SELECT id FROM held)
$$;

CREATE FUNCTION tell(of tasks, happened text, worker text, late boolean, now_ms bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO events (at, happened, task, tag, kind, attempt, worker, late)
    VALUES (now_ms, happened, of.id, of.tag, of.kind, of.attempts, worker, late);
    INSERT INTO tally SELECT of.tag, of.kind, 'late', 1 WHERE late
$$;

CREATE FUNCTION settle(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    now_ms  bigint := (input->>'now')::bigint;
    settled jsonb := '[]';
    one     jsonb;
    of      tasks;
    late    boolean;
    went_to text;
    answer  text;
    again   boolean;
BEGIN
    PERFORM 1 FROM tasks
    WHERE id IN (SELECT (value->>'task')::bigint FROM jsonb_array_elements(input->'ends'))
    ORDER BY id FOR UPDATE;
    FOR one IN SELECT value FROM jsonb_array_elements(input->'ends') LOOP
        SELECT * INTO of FROM tasks WHERE id = (one->>'task')::bigint;
        IF NOT FOUND THEN
            settled := settled || to_jsonb('fenced'::text);
            CONTINUE;
        ELSIF of.attempts <> (one->>'attempt')::integer THEN
            answer := CASE WHEN of.state = 'done' THEN 'duplicate' ELSE 'fenced' END;
            INSERT INTO tally VALUES
                (of.tag, of.kind, CASE WHEN of.state = 'done' THEN 'duplicates' ELSE 'fenced' END, 1);
            settled := settled || to_jsonb(answer);
            CONTINUE;
        ELSIF of.state <> 'running' THEN
            settled := settled || to_jsonb('known'::text);
            CONTINUE;
        END IF;
        late := coalesce(now_ms > of.deadline, false);
        again := one->>'outcome' = 'failed' AND of.failures + 1 < of.max_failures;
        IF one->>'outcome' = 'done' THEN
            went_to := 'done';
            answer := 'done';
            UPDATE tasks SET state = 'done', lease_until = NULL, finished = now_ms, result = one->>'text' WHERE id = of.id;
            -- UNIQUE (task) is the last guard: a second completion fails here and takes the whole change with it.
            INSERT INTO completions (task, tag, kind, worker, attempt, waited, at)
            VALUES (of.id, of.tag, of.kind, input->>'worker', of.attempts, greatest(of.started - of.created, 0), now_ms);
            PERFORM tell(of, 'done', input->>'worker', late, now_ms);
        ELSIF one->>'outcome' = 'released' THEN
            went_to := 'queued';
            answer := 'released';
            UPDATE tasks SET state = 'queued', lease_until = NULL, run_after = now_ms WHERE id = of.id;
            PERFORM tell(of, 'released', input->>'worker', false, now_ms);
        ELSIF again THEN
            went_to := 'queued';
            answer := 'again';
            UPDATE tasks SET state = 'queued', lease_until = NULL, failures = failures + 1, error = one->>'text',
                run_after = now_ms + floor((one->>'share')::float8 * least(
                    (input->>'first_wait')::float8 * 2 ^ least(of.failures, 16), (input->>'longest_wait')::float8))::bigint
            WHERE id = of.id;
            PERFORM tell(of, 'failed', input->>'worker', false, now_ms);
        ELSE
            went_to := 'dead';
            answer := 'dead';
            UPDATE tasks SET state = 'dead', lease_until = NULL, failures = failures + 1, error = one->>'text',
                finished = now_ms
            WHERE id = of.id;
            PERFORM tell(of, 'dead', input->>'worker', late, now_ms);
        END IF;
        INSERT INTO tally VALUES (of.tag, of.kind, 'running', -1), (of.tag, of.kind, went_to, 1);
        settled := settled || to_jsonb(answer);
    END LOOP;
    IF random() < 0.02 THEN PERFORM fold_tally(); END IF;
    RETURN settled;
END $$;

-- `to` is the state that dead tasks go to.
CREATE FUNCTION revive(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    now_ms  bigint := (input->>'now')::bigint;
    going   text := input->>'to';
    dead    bigint[];
    moved   jsonb;
BEGIN
    dead := ARRAY(
        SELECT id FROM tasks
        WHERE state = 'dead' AND id IN (SELECT value::bigint FROM jsonb_array_elements_text(input->'dead'))
        ORDER BY id FOR UPDATE);
    WITH gone AS (
        UPDATE tasks SET state = going,
            failures = CASE going WHEN 'queued' THEN 0 ELSE failures END,
            deadline = CASE going WHEN 'queued' THEN NULL ELSE deadline END,
            run_after = CASE going WHEN 'queued' THEN now_ms ELSE run_after END,
            finished = CASE going WHEN 'queued' THEN NULL ELSE now_ms END
        WHERE id = ANY (dead)
        RETURNING *
    ), told AS (
        INSERT INTO events (at, happened, task, tag, kind, attempt, worker, late)
        SELECT now_ms, CASE going WHEN 'queued' THEN 'replayed' ELSE 'purged' END, id, tag, kind, attempts, NULL, false
        FROM gone ORDER BY id
    ), counted AS (
        INSERT INTO tally
        SELECT tag, kind, name, sum(n) FROM gone, LATERAL (VALUES ('dead', -1), (going, 1)) AS t (name, n)
        GROUP BY tag, kind, name
    )
    SELECT jsonb_agg(id ORDER BY id) INTO moved FROM gone;
    RETURN coalesce(moved, '[]');
END $$;

CREATE FUNCTION list(input jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    -- A condition that is left out lets the index of the others be used.
    conditions text := concat(
        CASE WHEN input ? 'id'    THEN format(' AND id = %L::bigint', input->>'id') END,
        CASE WHEN input ? 'tag'   THEN format(' AND tag = %L', input->>'tag') END,
        CASE WHEN input ? 'state' THEN format(' AND state = %L', input->>'state') END,
        CASE WHEN input ? 'kind'  THEN format(' AND kind = %L', input->>'kind') END,
        CASE WHEN input ? 'batch' THEN format(' AND batch = %L', input->>'batch') END,
        CASE WHEN input ? 'label' THEN format(' AND id IN (SELECT task FROM labels WHERE label = %L)', input->>'label') END);
    found jsonb;
BEGIN
    EXECUTE format(
        'SELECT jsonb_agg(jsonb_build_object(
            ''payload'', payload, ''labels'', labels::jsonb, ''id'', id, ''tag'', tag, ''kind'', kind, ''work_ms'', 0,
            ''state'', state, ''attempts'', attempts, ''failures'', failures, ''max_failures'', max_failures,
            ''worker'', worker, ''lease_until_ms'', lease_until, ''run_after_ms'', run_after, ''created_ms'', created,
            ''started_ms'', started, ''finished_ms'', finished, ''result'', result, ''error'', error,
            ''priority'', priority, ''deadline_ms'', deadline, ''batch'', batch) ORDER BY id)
         FROM (SELECT * FROM tasks WHERE id > $1 %s ORDER BY id LIMIT $2) AS page', conditions)
    INTO found USING (input->>'after')::bigint, (input->>'limit')::bigint;
    RETURN coalesce(found, '[]');
END $$;

CREATE FUNCTION batch(input jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_array(state, n)), '[]')
    FROM (SELECT state, count(*) AS n FROM tasks WHERE batch = input->>'batch' GROUP BY state) AS states
$$;

-- One statement, so all figures are of the same moment.
CREATE FUNCTION stats(input jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'counts', (SELECT coalesce(jsonb_agg(jsonb_build_array(name, n)), '[]') FROM (
            SELECT name, sum(n) AS n FROM tally
            WHERE (NOT input ? 'tag' OR tag = input->>'tag') AND (NOT input ? 'kind' OR kind = input->>'kind')
            GROUP BY name) AS sums),
        'stuck', (SELECT count(*) FROM tasks
            WHERE state = 'running' AND lease_until < (input->>'stuck_before')::bigint
            AND (NOT input ? 'tag' OR tag = input->>'tag') AND (NOT input ? 'kind' OR kind = input->>'kind')),
        'oldest', (SELECT created FROM tasks
            WHERE state = 'queued'
            AND (NOT input ? 'tag' OR tag = input->>'tag') AND (NOT input ? 'kind' OR kind = input->>'kind')
            ORDER BY created LIMIT 1),
        'waits', (SELECT coalesce(jsonb_agg(waited), '[]') FROM (
            SELECT waited FROM completions
            WHERE (NOT input ? 'tag' OR tag = input->>'tag') AND (NOT input ? 'kind' OR kind = input->>'kind')
            ORDER BY number DESC LIMIT (input->>'newest')::bigint) AS newest))
$$;

CREATE FUNCTION counts(input jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('tag', tag, 'kind', kind, 'name', name, 'n', n)), '[]')
    FROM (SELECT tag, kind, name, sum(n) AS n FROM tally GROUP BY tag, kind, name HAVING sum(n) > 0) AS sums
$$;

CREATE FUNCTION ledger(input jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_array(
        count(*),
        count(*) FILTER (WHERE state = 'done' AND completed = 1),
        count(*) FILTER (WHERE state = 'dead'),
        count(*) FILTER (WHERE state = 'purged'),
        count(*) FILTER (WHERE state IN ('queued', 'running')),
        count(*) FILTER (WHERE completed > 1 OR (completed = 1 AND state <> 'done')),
        count(*) FILTER (WHERE state IS NULL OR (state = 'done' AND completed = 0)))
    FROM (
        SELECT tasks.state, (SELECT count(*) FROM completions WHERE completions.task = promises.task) AS completed
        FROM promises LEFT JOIN tasks ON tasks.id = promises.task
        WHERE NOT input ? 'tag' OR promises.tag = input->>'tag') AS promised
$$;

-- The oldest transaction whose events are not all to be seen yet: one that was running when this statement began. One
-- that runs in another database, which the same server counts too, writes no events here.
CREATE FUNCTION horizon() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT least(pg_snapshot_xmax(pg_current_snapshot())::text::bigint, (
        SELECT min(running::text::bigint) FROM pg_snapshot_xip(pg_current_snapshot()) AS running
        WHERE NOT EXISTS (
            SELECT 1 FROM pg_stat_activity
            WHERE datname <> current_database()
            AND backend_xid::text::bigint = running::text::bigint & 4294967295)))
$$;

CREATE FUNCTION events(input jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'cursor', concat(change, '-', number), 'at_ms', at, 'happened', happened, 'task', task, 'tag', tag, 'kind', kind,
        'attempt', attempt, 'worker', worker, 'late', late) ORDER BY change, number), '[]')
    FROM (
        SELECT * FROM events
        WHERE (change, number) > ((input->>'change')::bigint, (input->>'number')::bigint)
        AND change < horizon()
        ORDER BY change, number LIMIT (input->>'limit')::bigint) AS page
$$;

CREATE FUNCTION newest(input jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(concat(horizon() - 1, '-', 9223372036854775807))
$$;

CREATE FUNCTION note(input jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT (SELECT to_jsonb(value) FROM notes WHERE name = input->>'name')
$$;

CREATE FUNCTION set_note(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF input ? 'believed' THEN
        UPDATE notes SET value = input->>'value' WHERE name = input->>'name' AND value = input->>'believed';
    ELSE
        INSERT INTO notes VALUES (input->>'name', input->>'value') ON CONFLICT DO NOTHING;
    END IF;
    RETURN to_jsonb(FOUND);
END $$;

-- Takes the lock that every change of a note takes, so that a read-only server shows.
CREATE FUNCTION probe(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE notes IN ROW EXCLUSIVE MODE;
    RETURN 'true';
END $$;

INSERT INTO about VALUES (2);
