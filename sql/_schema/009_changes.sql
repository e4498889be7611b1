-- Every process is told of every change, whoever makes it and by whatever path: triggers send it.
-- A message on channel "api_tokens" is JSON: {"table", "action", "user_id", "ids"}.

create function tell(changed_table text, action text, owner uuid, ids uuid[]) returns void
language sql volatile
as $$
    select pg_notify('api_tokens', json_build_object(
        'table', changed_table, 'action', action, 'user_id', owner, 'ids', ids
    )::text)
$$;

-- New tokens are told of only where a process watches their user. A transaction that tells
-- something is committed by itself, others are committed together, many more in a second; and what
-- is new invalidates nothing. An advisory lock for every 64th of the users, 7823 and this number, is
-- shared by those who watch.
create function watch_number(user_id uuid) returns integer
language sql immutable parallel safe
as $$
    select hashtext(user_id::text) & 63
$$;

-- Rows that go many at a time are told of a hundred at a time: a message has 8,000 bytes.
create function tell_of_deleted_rows() returns trigger
language plpgsql
as $$
begin
    perform tell(tg_table_name, 'delete', page.user_id, page.ids)
    from (
        select user_id, array_agg(id order by id) as ids
        from (
            select id, user_id, (row_number() over (partition by user_id order by id) - 1) / 100 as number
            from deleted_rows
        ) numbered
        group by user_id, number
    ) page;
    return null;
end
$$;

create trigger tell_of_deleted_tokens after delete on api_tokens
referencing old table as deleted_rows
for each statement execute function tell_of_deleted_rows();

create trigger tell_of_ended_sessions after delete on sessions
referencing old table as deleted_rows
for each statement execute function tell_of_deleted_rows();

create function tell_of_changed_token() returns trigger
language plpgsql
as $$
begin
    perform tell(tg_table_name, case
        when tg_op = 'INSERT' then 'create'
        when old.enabled and not new.enabled then 'disable'
        when new.enabled and not old.enabled then 'enable'
        when new.rotated is distinct from old.rotated then 'rotate'
        else 'update'
    end, new.user_id, array[new.id]);
    return null;
end
$$;

-- The watchers' lock is only tried. Who begins to watch waits until all transactions have ended that
-- were running then: they may not have seen it.
create trigger tell_of_new_token after insert on api_tokens
for each row when (
    case
        when not pg_try_advisory_lock(7823, watch_number(new.user_id)) then true
        else not pg_advisory_unlock(7823, watch_number(new.user_id))
    end
) execute function tell_of_changed_token();

-- `last_used` alone is no change: it is written all the time.
create trigger tell_of_changed_token after update on api_tokens
for each row when (
    (
        old.id, old.user_id, old.name, old.role, old.permissions, old.enabled, old.digest,
        old.digest_scheme, old.hint, old.created, old.created_by, old.updated, old.expires,
        old.metadata, old.previous_digest, old.previous_until, old.previous_until_first_use,
        old.rotated, old.rotation_key, old.rotation_nonce, old.past_rotation_keys,
        old.import_fingerprint
    ) is distinct from (
        new.id, new.user_id, new.name, new.role, new.permissions, new.enabled, new.digest,
        new.digest_scheme, new.hint, new.created, new.created_by, new.updated, new.expires,
        new.metadata, new.previous_digest, new.previous_until, new.previous_until_first_use,
        new.rotated, new.rotation_key, new.rotation_nonce, new.past_rotation_keys,
        new.import_fingerprint
    )
) execute function tell_of_changed_token();

create function tell_of_user() returns trigger
language plpgsql
as $$
begin
    perform tell(tg_table_name, case
        when tg_op = 'DELETE' then 'delete'
        when old.enabled and not new.enabled then 'disable'
        else 'update'
    end, old.id, array[old.id]);
    return null;
end
$$;

create trigger tell_of_deleted_user after delete on users
for each row execute function tell_of_user();

create trigger tell_of_changed_user after update on users
for each row when (old is distinct from new) execute function tell_of_user();

create function tell_of_settings() returns trigger
language plpgsql
as $$
begin
    perform tell(tg_table_name, 'update', null, '{}');
    return null;
end
$$;

create trigger tell_of_settings after update on settings
for each row when (old.api_enabled is distinct from new.api_enabled)
execute function tell_of_settings();
