-- A token whose secret was rotated may go on answering to the one before, for a while.

alter table api_tokens
    add column previous_digest bytea,
    add column previous_until timestamptz,
    add column previous_until_first_use boolean not null default false,
    -- When the secret was last rotated, at whose request (a digest), and what its new value was
    -- derived with: so that the same request gets the same answer again.
    add column rotated timestamptz,
    add column rotation_key bytea,
    add column rotation_nonce bytea,
    -- Requests that were answered before the last one, and are not answered again.
    add column past_rotation_keys bytea[] not null default '{}';

create unique index api_tokens_previous_digest_key on api_tokens (previous_digest)
where previous_digest is not null;

-- The rotation that is running, as it is shown; null if none is.
create function rotation(until timestamptz, until_first_use boolean) returns jsonb
language sql stable parallel safe
as $$
    select case when until > now() then jsonb_build_object(
        'ends', to_char(until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'until_first_use', until_first_use
    ) end
$$;

-- A token as it may be shown, for statements that change one.
create function shown_token(token api_tokens, known jsonb)
returns table (
    id uuid, user_id uuid, name text, role text, hint text, permissions jsonb, enabled boolean,
    created timestamptz, created_by jsonb, updated timestamptz, expires timestamptz,
    last_used timestamptz, metadata jsonb, rotation jsonb
)
language sql stable
as $$
    select
        token.id, token.user_id, token.name, token.role, token.hint,
        effective_permissions(token.permissions, u.permissions, u.root, known),
        token.enabled, token.created, token.created_by, token.updated, token.expires,
        token.last_used, token.metadata,
        rotation(token.previous_until, token.previous_until_first_use)
    from users u
    where u.id = token.user_id
$$;

drop function touched_token(uuid, uuid, boolean, jsonb, jsonb);

-- The token that a caller wants to touch, locked; no row if it is not there or not theirs to see.
-- `allowed` is dominance: nobody touches a token that holds more than they do.
create function touched_token(
    token_id uuid, caller_user uuid, caller_is_admin boolean, caller_permissions jsonb, known jsonb
) returns table (
    id uuid, name text, digest bytea, enabled boolean, expires timestamptz, rotated timestamptz,
    rotation_key bytea, rotation_nonce bytea, past_rotation_keys bytea[], user_map jsonb, is_root boolean, allowed boolean
)
language sql volatile
as $$
    select
        t.id, t.name, t.digest, t.enabled, t.expires, t.rotated, t.rotation_key, t.rotation_nonce,
        t.past_rotation_keys, u.permissions, u.root,
        caller_permissions @> effective_permissions(t.permissions, u.permissions, u.root, known)
    from api_tokens t
    join users u on u.id = t.user_id
    where t.id = token_id and (t.user_id = caller_user or caller_is_admin)
    for update of t
$$;
