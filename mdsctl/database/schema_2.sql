-- Version 2: windows look up ids by subqueries, and the feed tells edges which
-- devices and users are to be forgotten.
--
-- The functions of windows are those that version 1 has had since they were
-- mended; databases that were made before have the first ones.

-- Continues the feed behind the position of an edge, and of others that may be
-- ahead of it, if the database was restored from a backup: edges pass over
-- entries with numbers that they have had.
create or replace function mds.pass_position(p_position bigint) returns boolean
language sql volatile as $$
    with passed as (
        update mds.counter set number = p_position + 1000000
            where number < p_position returning 1)
    select exists (select from passed)
$$;

-- Lets new ids into a window that is locked, up to its limit, and notes when
-- that is reached. An id is looked up by a subquery, here and below: a join was
-- planned as one over all admissions of the window while it has no statistics.
create or replace function mds.fill_window(
    p_window integer, p_ids text[], p_limit bigint, p_until bigint)
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
create or replace function mds.admit(
    p_apps text[], p_releases text[], p_ids text[], p_limits bigint[],
    p_untils bigint[])
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
create or replace function mds.import_admissions(
    p_app text, p_release text, p_ids text[], p_ats bigint[])
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


-- The devices and users that were forgotten, by name, each until all that was
-- said of it before would have expired. Who writes devices shares the lock that
-- mds.forget() has alone: a report is written before, and is forgotten, or it
-- is compared with this table. The counter is locked after it, as ever.
create table mds.forgotten (
    app    text collate "C" not null,
    name   text collate "C" not null,
    at     bigint not null,
    number bigint not null unique,
    primary key (app, name)
);

create index on mds.forgotten (at);

-- Returns when a device that was seen then was forgotten later, by its name or
-- by its user's; null: it was not.
create function mds.forgotten_at(
    p_app text, p_device text, p_user text, p_seen bigint)
returns bigint language sql stable as $$
    select max(at) from mds.forgotten
        where app = p_app and name in (p_device, p_user) and at >= p_seen
$$;

-- Gives names to the feed that are to be forgotten.
create function mds.note_forgotten(
    p_apps text[], p_names text[], p_ats bigint[])
returns void language plpgsql as $$
declare
    before bigint := mds.take_numbers(cardinality(p_names));
begin
    insert into mds.forgotten as f
        select q.a, q.e, q.at, before + q.n
        from unnest(p_apps, p_names, p_ats) with ordinality q(a, e, at, n)
        on conflict (app, name) do update
        set at = excluded.at, number = excluded.number
        where excluded.at >= f.at;
end $$;

-- Writes devices: of what is said of one, the latest counts. What is said of a
-- device from before it was forgotten is not written: it stays forgotten.
create or replace function mds.write_devices(
    p_apps text[], p_devices text[], p_users text[], p_platforms text[],
    p_versions text[], p_seen bigint[], p_forgotten boolean[])
returns void language plpgsql as $$
begin
    if cardinality(p_devices) = 0 then
        return;
    end if;
    perform pg_advisory_xact_lock_shared(7236835);
    insert into mds.devices as d
        select a, e, case when f then '' else u end,
               case when f then '' else p end, case when f then '' else v end,
               s, f
        from (select a, e, u, p, v, coalesce(g, s) as s,
                     f or g is not null as f
              from (select distinct on (a, e) q.*,
                           mds.forgotten_at(a, e, u, s) as g
                    from unnest(p_apps, p_devices, p_users, p_platforms,
                                p_versions, p_seen, p_forgotten)
                        with ordinality q(a, e, u, p, v, s, f, n)
                    order by a, e, s desc, n desc) latest) known
    on conflict (app, device) do update
        set user_name = excluded.user_name, platform = excluded.platform,
            version = excluded.version, seen_at = excluded.seen_at,
            forgotten = excluded.forgotten
        where excluded.seen_at > d.seen_at;
end $$;

-- Tells edges to forget devices of which an edge has written what is from
-- before they were forgotten: it knows them, and may not know them by the name
-- that was forgotten. Comes after all that locks anything but the counter.
create function mds.forget_late(
    p_apps text[], p_devices text[], p_users text[], p_seen bigint[])
returns void language plpgsql as $$
declare
    c record;
begin
    select array_agg(a) as apps, array_agg(e) as names, array_agg(at) as ats
        into c
        from (select a, e, max(mds.forgotten_at(a, e, u, s)) as at
              from unnest(p_apps, p_devices, p_users, p_seen) q(a, e, u, s)
              group by a, e) late
        where at is not null
            and (select true from mds.forgotten f
                 where f.app = a and f.name = e and f.at >= late.at) is null;
    if c.apps is not null then
        perform mds.note_forgotten(c.apps, c.names, c.ats);
    end if;
end $$;

-- Forgets the device of that name, and all devices of the user of that name,
-- here and on all edges. Returns how many of them were known here.
create or replace function mds.forget(p_app text, p_name text) returns bigint
language plpgsql as $$
declare
    now_at bigint;
    c      record;
begin
    perform pg_advisory_xact_lock(7236835);
    now_at := mds.now_ms();
    with gone as (
        update mds.devices
            set user_name = '', platform = '', version = '', forgotten = true,
                seen_at = greatest(now_at, seen_at)
            where app = p_app and not forgotten
                and (device = p_name or (user_name = p_name and p_name <> ''))
            returning device, seen_at),
    names as (
        select device as name, seen_at as at from gone
        union select p_name, now_at
            where not exists (select from gone where device = p_name))
    select array_agg(p_app) as apps, array_agg(name) as names,
           array_agg(at) as ats, (select count(*) from gone) as known
        into c from names;
    perform mds.note_forgotten(c.apps, c.names, c.ats);
    return c.known;
end $$;

-- Deletes some of the devices that were not seen for long, and some of the
-- names that were forgotten as long ago.
create or replace function mds.expire_devices() returns bigint
language sql as $$
    with old as (
        select app, device from mds.devices
            where seen_at < mds.now_ms() - (select device_ttl_ms from mds.about)
            limit 5000 for update skip locked),
    gone as (
        delete from mds.devices d using old
            where d.app = old.app and d.device = old.device returning 1),
    old_names as (
        select app, name from mds.forgotten
            where at < mds.now_ms() - (select device_ttl_ms from mds.about)
            limit 5000 for update skip locked),
    gone_names as (
        delete from mds.forgotten f using old_names o
            where f.app = o.app and f.name = o.name)
    select count(*) from gone
$$;

-- Reads the feed behind a number: the type of each entry, as edges name them,
-- and its parts. Gives one entry, or more while they are about 200 kB.
create function mds.read_entries(p_after bigint, p_count integer)
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
        union all
        (select number, 20, app, name, '', 0, 0, at
         from mds.forgotten where number > p_after
         order by number limit p_count)
    ), sized as (
        select e.*, sum(length(detail) + 64) over (order by e.number) as bytes
        from (select * from entries order by number limit p_count) e)
    select number, type, app, name, detail, x, y, at from sized
        where bytes - length(detail) - 64 < 200000 order by number
$$;

-- An agent of version 1 that is connected would pass over entries of a type
-- that it does not know. Without this function, it waits.
drop function mds.read_feed(bigint, integer);

-- Devices that were forgotten by version 1 are known to edges still.
select mds.note_forgotten(array_agg(app), array_agg(device), array_agg(seen_at))
    from mds.devices where forgotten having count(*) > 0;

update mds.about set version = 2;
