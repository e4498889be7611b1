-- People who sign in, and what may be done to them.

-- Counts up whenever all sessions of a user end. A session made by a sign-in that began before
-- that bears the number of before, and so is dead however late it is stored.
alter table users add column session_epoch integer not null default 0;

create table sessions (
    id uuid primary key default uuid_v7(),
    user_id uuid not null references users on delete cascade,
    epoch integer not null,
    digest bytea not null,
    created timestamptz not null default now(),
    -- Moves on with use, up to so long after `created`.
    expires timestamptz not null,
    constraint sessions_digest_key unique (digest)
);

create index sessions_by_user on sessions (user_id, created desc);

alter table audit_events add column actor_session uuid;

-- The user that a caller wants to touch, locked; no row if there is none. `allowed` is dominance:
-- nobody touches a user who holds more than they do. `last_root`: no other enabled root is left.
create function touched_user(user_id uuid, caller_permissions jsonb, known jsonb)
returns table (id uuid, name text, root boolean, allowed boolean, last_root boolean)
language sql volatile
as $$
    -- Enabled roots are locked in one order, and looked at afterwards: of two that end each other
    -- at the same moment, one finds itself the last.
    select r.id
    from users r
    where r.root and r.enabled and exists (select from users u where u.id = user_id and u.root)
    order by r.id
    for update;

    select
        u.id, u.name, u.root,
        caller_permissions @> held_permissions(u.permissions, u.root, known),
        u.root and not exists (select from users r where r.root and r.enabled and r.id <> u.id)
    from users u
    where u.id = user_id
    for update;
$$;

-- How many tokens a user has who is locked: those are counted that were made while somebody waited
-- for the lock, which the statement that waited does not see itself.
create function count_tokens(owner uuid) returns bigint
language sql volatile
as $$
    select count(*) from api_tokens where user_id = owner
$$;
