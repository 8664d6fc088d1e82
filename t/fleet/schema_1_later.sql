-- The tables and functions of the state that edges share, version 1.
--
-- Each fact that edges must learn of has a number in the feed, in its own row:
-- an admission, a window that is full, a user's marks, a halt or its end. The
-- feed is these rows in the order of their numbers. A row that changes gets a
-- new number, so that the feed never needs to be trimmed.
--
-- Numbers come from one row, mds.counter, whose lock a transaction holds until
-- it commits: number n is visible before number n + 1 is given. (A sequence
-- gives numbers in another order than transactions commit, and a reader that
-- has seen n + 1 would never return to n.) A function locks the rows of
-- windows or of tallies first, in order, and the counter last, so that
-- transactions cannot block each other.
--
-- Texts are compared by bytes. Times are milliseconds since 1970, by the
-- database's clock where an edge's must not matter.

create schema mds;

create table mds.about (
    only_row boolean primary key default true check (only_row),
    version  integer not null,
    fleet    uuid    not null default gen_random_uuid(),
    device_ttl_ms bigint not null default 7776000000
);

create table mds.counter (
    only_row boolean primary key default true check (only_row),
    number   bigint  not null
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0,
        autovacuum_vacuum_threshold = 2000);

insert into mds.counter (number) values (0);

create table mds.windows (
    window_id   integer generated always as identity primary key,
    app         text collate "C" not null,
    release     text collate "C" not null,
    admitted    bigint not null default 0,
    asked_limit bigint,
    full_limit  bigint,
    full_at     bigint,
    full_number bigint unique,
    unique (app, release)
) with (fillfactor = 50);

create table mds.admissions (
    window_id integer not null,
    id        text collate "C" not null,
    at        bigint not null,
    number    bigint not null unique,
    primary key (window_id, id)
);

create table mds.marks (
    app            text collate "C" not null,
    user_name      text collate "C" not null,
    delete_through bigint not null,
    oldest         bigint not null,
    read           int8multirange not null,
    number         bigint not null unique,
    primary key (app, user_name)
);

create table mds.tallies (
    tally_id        integer generated always as identity primary key,
    app             text collate "C" not null,
    release         text collate "C" not null,
    events          bigint[] not null default '{0,0,0,0,0}',
    ends            bigint[] not null default '{0,0,0,0}',
    halted          boolean not null default false,
    halted_at       bigint not null default 0,
    halted_ends     bigint not null default 0,
    halted_failures bigint not null default 0,
    resumed_at      bigint not null default 0,
    number          bigint unique,
    unique (app, release)
) with (fillfactor = 50);

create table mds.reporters (
    tally_id integer not null,
    device   bigint not null,
    events   smallint not null,
    ended    smallint not null,
    primary key (tally_id, device)
);

create table mds.details (
    tally_id integer not null,
    detail   text collate "C" not null,
    count    bigint not null,
    primary key (tally_id, detail)
);

create table mds.devices (
    app       text collate "C" not null,
    device    text collate "C" not null,
    user_name text collate "C" not null,
    platform  text collate "C" not null,
    version   text collate "C" not null,
    seen_at   bigint not null,
    forgotten boolean not null,
    primary key (app, device)
);

create index on mds.devices (app, user_name) where user_name <> '';

create table mds.edges (
    name       text primary key,
    position   bigint not null,
    outbox     bigint not null,
    version    text not null,
    contact_at bigint not null
) with (fillfactor = 50);


create function mds.now_ms() returns bigint
language sql volatile as $$
    select (extract(epoch from clock_timestamp()) * 1000)::bigint
$$;

-- Takes the next numbers of the feed, and returns the one before the first.
create function mds.take_numbers(how_many bigint) returns bigint
language plpgsql as $$
declare
    last_number bigint;
begin
    update mds.counter set number = number + how_many
        returning number into last_number;
    perform pg_notify('mds_feed', last_number::text);
    return last_number - how_many;
end $$;

-- Continues the feed behind the position of an edge, and of others that may be
-- ahead of it, if the database was restored from a backup: edges pass over
-- entries with numbers that they have had.
create function mds.pass_position(p_position bigint) returns boolean
language sql volatile as $$
    with passed as (
        update mds.counter set number = p_position + 1000000
            where number < p_position returning 1)
    select exists (select from passed)
$$;

-- Makes the windows that do not exist, and locks all, in order.
create function mds.lock_windows(p_apps text[], p_releases text[])
returns void language plpgsql as $$
begin
    insert into mds.windows (app, release)
        select distinct a, r from unnest(p_apps, p_releases) as q(a, r)
        where not exists (select from mds.windows w
                          where w.app = a and w.release = r)
        order by a, r
        on conflict do nothing;
    perform from mds.windows w
        where (w.app, w.release) in (select a, r
                                     from unnest(p_apps, p_releases) q(a, r))
        order by w.app, w.release for update;
end $$;

-- Lets new ids into a window that is locked, up to its limit, and notes when
-- that is reached. An id is looked up by a subquery, here and below: a join was
-- planned as one over all admissions of the window while it has no statistics.
create function mds.fill_window(p_window integer, p_ids text[], p_limit bigint,
                                p_until bigint)
returns void language plpgsql as $$
declare
    w         mds.windows;
    now_at    bigint := mds.now_ms();
    new_ids   text[] := '{}';
    count     bigint;
    is_full   boolean;
    before    bigint;
begin
    select * into w from mds.windows where window_id = p_window;
    if now_at < p_until and w.admitted < p_limit then
        new_ids := array(
            select d.id
            from (select u.id, min(u.n) as n
                  from unnest(p_ids) with ordinality u(id, n)
                  group by u.id) d
            where (select true from mds.admissions a
                   where a.window_id = p_window and a.id = d.id) is null
            order by d.n limit p_limit - w.admitted);
    end if;
    count := cardinality(new_ids);
    is_full := w.admitted + count >= p_limit
               and p_limit > coalesce(w.full_limit, -1);
    if count = 0 and not is_full and w.asked_limit = p_limit then
        return;
    end if;
    if count > 0 or is_full then
        before := mds.take_numbers(count + is_full::integer);
    end if;
    insert into mds.admissions (window_id, id, at, number)
        select p_window, u.id, now_at, before + u.n
        from unnest(new_ids) with ordinality u(id, n);
    update mds.windows
        set admitted = admitted + count, asked_limit = p_limit,
            full_limit = case when is_full then p_limit else full_limit end,
            full_at = case when is_full then now_at else full_at end,
            full_number = case when is_full then before + count + 1
                               else full_number end
        where window_id = p_window;
end $$;

-- Admits ids to windows, and returns a verdict for each: 1 yes, 2 no, the time
-- is over, 3 no, the window is full. To ask again gives the same answer.
create function mds.admit(p_apps text[], p_releases text[], p_ids text[],
                          p_limits bigint[], p_untils bigint[])
returns smallint[] language plpgsql as $$
declare
    g record;
begin
    perform mds.lock_windows(p_apps, p_releases);
    for g in
        select w.window_id, q.l, q.u, array_agg(q.id order by q.n) as ids
        from unnest(p_apps, p_releases, p_ids, p_limits, p_untils)
            with ordinality q(a, r, id, l, u, n)
        join mds.windows w on w.app = q.a and w.release = q.r
        group by w.window_id, q.l, q.u order by min(q.n)
    loop
        perform mds.fill_window(g.window_id, g.ids, g.l, g.u);
    end loop;
    return array(
        select case when (select true from mds.admissions a
                          where a.window_id = w.window_id and a.id = q.id)
                        then 1
                    when w.admitted >= q.l then 3
                    else 2 end
        from unnest(p_apps, p_releases, p_ids, p_limits)
            with ordinality q(a, r, id, l, n)
        join mds.windows w on w.app = q.a and w.release = q.r
        order by q.n);
end $$;

-- Takes over admissions of an edge that was alone, whatever the limit is, and
-- returns how many are new: who was told yes stays in. A window that is full
-- says so again behind them.
create function mds.import_admissions(p_app text, p_release text, p_ids text[],
                                      p_ats bigint[])
returns bigint language plpgsql as $$
declare
    w       mds.windows;
    before  bigint;
    new_ids text[];
    new_ats bigint[];
begin
    perform mds.lock_windows(array[p_app], array[p_release]);
    select * into w from mds.windows where app = p_app and release = p_release;
    select array_agg(q.id), array_agg(q.at) into new_ids, new_ats
        from (select id, min(at) as at from unnest(p_ids, p_ats) u(id, at)
              group by id order by min(at), id) q
        where (select true from mds.admissions a
               where a.window_id = w.window_id and a.id = q.id) is null;
    if new_ids is null then
        return 0;
    end if;
    before := mds.take_numbers(cardinality(new_ids) + 1);
    insert into mds.admissions (window_id, id, at, number)
        select w.window_id, u.id, u.at, before + u.n
        from unnest(new_ids, new_ats) with ordinality u(id, at, n);
    update mds.windows
        set admitted = admitted + cardinality(new_ids),
            full_number = case when full_limit is not null
                               then before + cardinality(new_ids) + 1 end
        where window_id = w.window_id;
    return cardinality(new_ids);
end $$;

-- Returns what need be kept of the messages read: those above both points.
create function mds.trim_read(p_read int8multirange, p_through bigint,
                              p_oldest bigint)
returns int8multirange language sql immutable as $$
    select p_read - int8multirange(int8range(null,
        greatest(p_through + 1, p_oldest, 1), '[)'))
$$;

-- Merges marks: the deletion point rises, what was read stays read. Marks that
-- change nothing get no number.
create function mds.write_marks(p_apps text[], p_users text[],
                                p_throughs bigint[], p_oldests bigint[],
                                p_reads text[])
returns void language plpgsql as $$
declare
    c      record;
    before bigint;
begin
    select array_agg(q.a) as apps, array_agg(q.u) as users,
           array_agg(q.d) as throughs, array_agg(q.o) as oldests,
           array_agg(q.r) as reads
        into c
        from (select a, u, max(d) as d, max(o) as o,
                     range_agg(r::int8multirange) as r
              from unnest(p_apps, p_users, p_throughs, p_oldests, p_reads)
                  as m(a, u, d, o, r)
              group by a, u) q
        left join mds.marks m on m.app = q.a and m.user_name = q.u
        where m.number is null or q.d > m.delete_through
            or not m.read @> mds.trim_read(q.r, m.delete_through, m.oldest);
    if c.apps is null then
        return;
    end if;
    before := mds.take_numbers(cardinality(c.apps));
    insert into mds.marks as m
            (app, user_name, delete_through, oldest, read, number)
        select q.a, q.u, q.d, q.o, mds.trim_read(q.r, q.d, q.o), before + q.n
        from unnest(c.apps, c.users, c.throughs, c.oldests, c.reads)
            with ordinality as q(a, u, d, o, r, n)
        on conflict (app, user_name) do update
        set delete_through = greatest(m.delete_through,
                                      excluded.delete_through),
            oldest = greatest(m.oldest, excluded.oldest),
            read = mds.trim_read(m.read + excluded.read,
                                 greatest(m.delete_through,
                                          excluded.delete_through),
                                 greatest(m.oldest, excluded.oldest)),
            number = excluded.number;
end $$;

-- Counts a detail of a release's reports. Of the details, 100 are kept: a new
-- one takes the place of the rarest, and its count.
create function mds.count_detail(p_tally integer, p_detail text)
returns void language plpgsql as $$
declare
    rarest record;
begin
    update mds.details set count = count + 1
        where tally_id = p_tally and detail = p_detail;
    if found then
        return;
    end if;
    select detail, count, count(*) over () as kept into rarest
        from mds.details where tally_id = p_tally order by count, detail limit 1;
    if rarest.kept >= 100 then
        update mds.details set detail = p_detail, count = rarest.count + 1
            where tally_id = p_tally and detail = rarest.detail;
    else
        insert into mds.details values (p_tally, p_detail, 1);
    end if;
end $$;

-- Counts one report of a device in the tally, and returns the tally. Events
-- are numbered from 0; the ends are those from 1 on. A device counts once for
-- each event, and once among the ends, by its last.
create function mds.count_report(t mds.tallies, p_device bigint, p_event integer,
                                 p_instructed boolean, p_detail text)
returns mds.tallies language plpgsql as $$
declare
    r       mds.reporters;
    is_new  boolean;
    is_moved boolean;
begin
    select * into r from mds.reporters
        where tally_id = t.tally_id and device = p_device;
    r.events := coalesce(r.events, 0);
    r.ended := coalesce(r.ended, 0);
    is_new := r.events & (1 << p_event) = 0;
    is_moved := p_instructed and p_event > 0 and r.ended <> p_event;
    if not is_new and not is_moved then
        return t;
    end if;
    if is_new then
        r.events := r.events | (1 << p_event);
        t.events[p_event + 1] := t.events[p_event + 1] + 1;
        if p_detail <> '' then
            perform mds.count_detail(t.tally_id, p_detail);
        end if;
    end if;
    if is_moved then
        if r.ended > 0 then
            t.ends[r.ended] := t.ends[r.ended] - 1;
        end if;
        t.ends[p_event] := t.ends[p_event] + 1;
        r.ended := p_event;
    end if;
    insert into mds.reporters values (t.tally_id, p_device, r.events, r.ended)
        on conflict (tally_id, device) do update
        set events = excluded.events, ended = excluded.ended;
    return t;
end $$;

-- Halts the release of the tally if the ends have reached the limit: so many
-- reports at least, and so many millionths of them failures.
create function mds.judge_halt(t mds.tallies, p_least bigint, p_ppm bigint)
returns mds.tallies language plpgsql as $$
declare
    ends     bigint := t.ends[1] + t.ends[2] + t.ends[3] + t.ends[4];
    failures bigint := ends - t.ends[1];
begin
    if not t.halted and p_ppm > 0 and ends >= p_least
       and failures::numeric * 1000000 >= ends::numeric * p_ppm then
        t.halted := true;
        t.halted_at := mds.now_ms();
        t.halted_ends := ends;
        t.halted_failures := failures;
        t.number := mds.take_numbers(1) + 1;
    end if;
    return t;
end $$;

-- Counts reports. Those from before a release was resumed do not count.
create function mds.write_reports(p_apps text[], p_releases text[],
                                  p_devices bigint[], p_events smallint[],
                                  p_instructed boolean[], p_least bigint[],
                                  p_ppm bigint[], p_ats bigint[],
                                  p_details text[])
returns void language plpgsql as $$
declare
    t mds.tallies;
    r record;
begin
    insert into mds.tallies (app, release)
        select distinct a, e from unnest(p_apps, p_releases) as q(a, e)
        where not exists (select from mds.tallies x
                          where x.app = a and x.release = e)
        order by a, e
        on conflict do nothing;
    perform from mds.tallies x
        where (x.app, x.release) in (select a, e
                                     from unnest(p_apps, p_releases) q(a, e))
        order by x.app, x.release for update;
    for r in
        select q.*, lead(q.n) over same is null as is_last,
               lag(q.n) over same is null as is_first
        from unnest(p_apps, p_releases, p_devices, p_events, p_instructed,
                    p_least, p_ppm, p_ats, p_details) with ordinality
             as q(app, release, device, event, instructed, least, ppm, at,
                  detail, n)
        window same as (partition by q.app, q.release order by q.n)
        order by q.app, q.release, q.n
    loop
        if r.is_first then
            select * into t from mds.tallies x
                where x.app = r.app and x.release = r.release;
        end if;
        if r.at >= t.resumed_at then
            t := mds.count_report(t, r.device, r.event, r.instructed, r.detail);
            t := mds.judge_halt(t, r.least, r.ppm);
        end if;
        if r.is_last then
            update mds.tallies x
                set events = t.events, ends = t.ends, halted = t.halted,
                    halted_at = t.halted_at, halted_ends = t.halted_ends,
                    halted_failures = t.halted_failures, number = t.number
                where x.tally_id = t.tally_id;
        end if;
    end loop;
end $$;

-- Ends the halt of a release and counts its reports anew. Returns whether it
-- was halted; if not, nothing is changed.
create function mds.resume(p_app text, p_release text) returns boolean
language plpgsql as $$
declare
    t mds.tallies;
begin
    select * into t from mds.tallies
        where app = p_app and release = p_release for update;
    if not found or not t.halted then
        return false;
    end if;
    delete from mds.reporters where tally_id = t.tally_id;
    delete from mds.details where tally_id = t.tally_id;
    update mds.tallies
        set events = default, ends = default, halted = false,
            resumed_at = mds.now_ms(), number = mds.take_numbers(1) + 1
        where tally_id = t.tally_id;
    return true;
end $$;

-- Writes devices: of what is said of one, the latest counts.
create function mds.write_devices(p_apps text[], p_devices text[],
                                  p_users text[], p_platforms text[],
                                  p_versions text[], p_seen bigint[],
                                  p_forgotten boolean[])
returns void language sql as $$
    insert into mds.devices as d
        select distinct on (a, e) a, e, case when f then '' else u end,
               case when f then '' else p end, case when f then '' else v end,
               s, f
        from unnest(p_apps, p_devices, p_users, p_platforms, p_versions, p_seen,
                    p_forgotten) with ordinality q(a, e, u, p, v, s, f, n)
        order by a, e, s desc, n desc
    on conflict (app, device) do update
        set user_name = excluded.user_name, platform = excluded.platform,
            version = excluded.version, seen_at = excluded.seen_at,
            forgotten = excluded.forgotten
        where excluded.seen_at > d.seen_at
$$;

-- Forgets the device of that name, and all devices of the user of that name.
create function mds.forget(p_app text, p_name text) returns bigint
language sql as $$
    with gone as (
        update mds.devices
            set user_name = '', platform = '', version = '', forgotten = true,
                seen_at = greatest(mds.now_ms(), seen_at)
            where app = p_app and not forgotten
                and (device = p_name or (user_name = p_name and p_name <> ''))
            returning 1)
    select count(*) from gone
$$;

-- Deletes some of the devices that were not seen for long.
create function mds.expire_devices() returns bigint
language sql as $$
    with old as (
        select app, device from mds.devices
            where seen_at < mds.now_ms() - (select device_ttl_ms from mds.about)
            limit 5000 for update skip locked),
    gone as (
        delete from mds.devices d using old
            where d.app = old.app and d.device = old.device returning 1)
    select count(*) from gone
$$;

create index on mds.devices (seen_at);

-- Reads the feed behind a number: the type of each entry, as edges name them,
-- and its parts. Gives one entry, or more while they are about 200 kB.
create function mds.read_feed(p_after bigint, p_count integer)
returns table (number bigint, type integer, app text, name text, detail text,
               x bigint, y bigint, at bigint)
language sql stable as $$
    with entries as (
        (select a.number, 16 as type, w.app, w.release as name,
                a.id as detail, 0::bigint as x, 0::bigint as y, a.at
         from mds.admissions a join mds.windows w using (window_id)
         where a.number > p_after order by a.number limit p_count)
        union all
        (select full_number, 17, app, release, '', full_limit, 0, full_at
         from mds.windows where full_number > p_after
         order by full_number limit p_count)
        union all
        (select number, 1, app, user_name, read::text, delete_through, oldest, 0
         from mds.marks where number > p_after order by number limit p_count)
        union all
        (select number, case when halted then 18 else 19 end, app, release, '',
                halted_ends, halted_failures,
                case when halted then halted_at else resumed_at end
         from mds.tallies where number > p_after order by number limit p_count)
    ), sized as (
        select e.*, sum(length(detail) + 64) over (order by e.number) as bytes
        from (select * from entries order by number limit p_count) e)
    select number, type, app, name, detail, x, y, at from sized
        where bytes - length(detail) - 64 < 200000 order by number
$$;

-- Notes where an edge is in the feed, and what its outbox still has.
create function mds.note_edge(p_name text, p_position bigint, p_outbox bigint,
                              p_version text)
returns void language sql as $$
    insert into mds.edges values (p_name, p_position, p_outbox, p_version,
                                  mds.now_ms())
    on conflict (name) do update
        set position = excluded.position, outbox = excluded.outbox,
            version = excluded.version, contact_at = excluded.contact_at
$$;

insert into mds.about (version) values (1);
