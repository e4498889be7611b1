-- Take in the tokens that stand in import_rows, each for the user it names; tell what became of them. No row: never.
-- $1 dry_run, $2 created_by, $3 caller_user, $4 caller_token, $5 caller_session, $6 caller_permissions, $7 known_permissions
with given as (
    delete from import_rows
    where transaction_id = pg_current_xact_id()
    returning *
), owners as (
    -- Name → id, null for whom the caller may not. As one value: the planner, who cannot know how
    -- many rows are given, would have a join compare each of them with each owner.
    select coalesce(
        jsonb_object_agg(
            u.name,
            case when u.id = $3 or $6 @> held_permissions(u.permissions, u.root, $7) then u.id end
        ),
        '{}'
    ) as ids
    from (select distinct owner from given) named
    -- `limit` has it looked up in the index. Locked, so that no owner goes before their tokens come.
    cross join lateral (
        select * from users where name = named.owner limit 1 for key share
    ) u
), judged as (
    select
        given.*,
        u.id as user_id,
        case
            when not owners.ids ? given.owner then 'unknown'
            when u.id is null then 'denied'
            when stored.is_same is null then 'new'
            when stored.is_same then 'present'
            else 'taken'
        end as verdict
    from given
    cross join owners
    cross join lateral (select (owners.ids ->> given.owner)::uuid as id) u
    cross join lateral (
        select bool_or(t.user_id = u.id and t.name = given.name) as is_same
        from (
            select user_id, name from api_tokens where digest = any(given.digests)
            union all
            select user_id, name from api_tokens where previous_digest = any(given.digests)
            union all
            select user_id, name from api_tokens where import_fingerprint = any(given.fingerprints)
        ) t
    ) stored
), candidates as (
    select
        *,
        index = first_value(index) over same_value as is_first,
        user_id = first_value(user_id) over same_value
        and name = first_value(name) over same_value as is_same
    from judged
    where verdict = 'new'
    window same_value as (partition by first_index order by index)
), imported as (
    insert into api_tokens (
        user_id, name, role, permissions, enabled, digest, digest_scheme, import_fingerprint,
        hint, created, created_by, expires, metadata, sealed
    )
    select
        user_id, name, role, permissions, enabled, digests[1], digest_scheme, fingerprints[1],
        hint, coalesce(created, now()), maker.told, expires, metadata, sealed
    from candidates, (select creator($2, $4) as told) maker
    where is_first and not $1
    -- In one order, lest two imports at once wait for each other.
    order by digests[1]
), verdicts as (
    select index, verdict from judged where verdict <> 'new'
    union all
    select
        index,
        case when is_first then 'imported' when is_same then 'present' else 'taken' end
    from candidates
), tally as (
    select
        count(*) filter (where verdict = 'imported') as imported,
        count(*) filter (where verdict = 'present') as present,
        count(*) filter (where verdict = 'denied') as denied,
        coalesce(
            jsonb_object_agg(index, verdict) filter (where verdict not in ('imported', 'present')),
            '{}'
        ) as refused
    from verdicts
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, details)
    select
        $3, $4, $5, 'api-tokens/import',
        jsonb_build_object('imported', imported, 'denied', denied)
    from tally
    where not $1 and imported + denied > 0
)
select imported, present, refused from tally
