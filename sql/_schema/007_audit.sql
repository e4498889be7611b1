-- The audit trail: who reads it by what, and the chain of seals that shows whether it was changed.

-- The number of the seal that closed an event in; null until one has.
alter table audit_events add column seal bigint;

create index audit_events_by_time on audit_events (at, id);
create index audit_events_by_actor on audit_events (actor_user, at, id);
create index audit_events_by_target on audit_events (target, at, id);
create index audit_events_by_action on audit_events (action, at, id);
create index audit_events_by_seal on audit_events (seal, id);

-- Each seal carries the digest of its events and of the seal before. What goes into a digest, and
-- how, is said outside the database (app/seals.py): here it could be changed along with the rows.
create table audit_seals (
    number bigint primary key,
    sealed timestamptz not null,
    events integer not null,
    events_digest bytea not null,
    previous_digest bytea not null,
    key_id text not null,
    digest bytea not null
);

create trigger audit_seals_append_only
before update or delete or truncate on audit_seals
for each statement execute function refuse_change();

create function refuse_all_but_sealing() returns trigger
language plpgsql
as $$
begin
    if old.seal is null and new.seal is not null then
        old.seal := new.seal;
        -- Byte by byte: to "=" the numbers 1.0 and 1.00 are the same.
        if old *= new then
            return new;
        end if;
    end if;
    raise exception '% is append-only', tg_table_name;
end
$$;

drop trigger audit_events_append_only on audit_events;

create trigger audit_events_append_only
before delete or truncate on audit_events
for each statement execute function refuse_change();

create trigger audit_events_sealed_once
before update on audit_events
for each row execute function refuse_all_but_sealing();
