-- People, their tokens, the settings, and what happened.

create table users (
    id uuid primary key default uuid_v7(),
    name text not null check (name <> ''),
    password_hash text,
    enabled boolean not null default true,
    root boolean not null default false,
    permissions jsonb not null default '{}',
    created timestamptz not null default now(),
    constraint users_name_key unique (name)
);

create table api_tokens (
    id uuid primary key default uuid_v7(),
    user_id uuid not null references users on delete cascade,
    name text not null check (name <> ''),
    role text,
    permissions jsonb not null default '{}',
    enabled boolean not null default true,
    digest bytea not null,
    digest_scheme text not null,
    hint text not null,
    created timestamptz not null default now(),
    created_by jsonb not null,
    updated timestamptz not null default now(),
    expires timestamptz,
    last_used timestamptz,
    metadata jsonb not null default '{}',
    constraint api_tokens_digest_key unique (digest)
);

-- Lists are one owner's, by name unless asked otherwise; the id breaks ties.
create index api_tokens_by_name on api_tokens (user_id, name, id);
create index api_tokens_by_created on api_tokens (user_id, created, id);

-- One row. `digest_key_id` tells which server key the digests here were last made with.
create table settings (
    singleton boolean primary key default true check (singleton),
    api_enabled boolean not null default true,
    digest_key_id text
);
insert into settings default values;

-- Nothing refers to rows elsewhere: an event outlives what it tells of.
create table audit_events (
    id uuid primary key default uuid_v7(),
    at timestamptz not null default now(),
    actor_user uuid,
    actor_token uuid,
    action text not null,
    target uuid,
    details jsonb not null default '{}'
);

create function refuse_change() returns trigger
language plpgsql
as $$
begin
    raise exception '% is append-only', tg_table_name;
end
$$;

create trigger audit_events_append_only
before update or delete or truncate on audit_events
for each statement execute function refuse_change();
