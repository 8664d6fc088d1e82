-- The functions of windows as version 1 had them after they were edited in place,
-- when databases had been made by it already. They follow its text.

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
create or replace function mds.fill_window(p_window integer, p_ids text[], p_limit bigint,
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
create or replace function mds.admit(p_apps text[], p_releases text[], p_ids text[],
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
create or replace function mds.import_admissions(p_app text, p_release text, p_ids text[],
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
