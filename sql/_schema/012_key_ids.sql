-- Short ids of tokens, and sealed copies of their secrets where an operator wants some.

-- Each number once, and so each id: an odd factor takes no two numbers of 32 bits to the same one.
-- It only makes neighbours look different, so that nobody mistakes one for the other.
create sequence key_numbers maxvalue 4294967295 cache 32;

create function new_key_id() returns text
language sql volatile
as $$
    select lpad(to_hex((nextval('key_numbers') * 1640531527) & 4294967295), 8, '0')
$$;

alter table api_tokens
    -- What people and older clients call a token: eight hexadecimal digits, for good.
    add column key_id text not null default new_key_id(),
    -- See app/recovery.py; null: the secret was shown once, and nobody can tell it again.
    add column sealed bytea,
    add constraint api_tokens_key_id_key unique (key_id);

create index api_tokens_sealed on api_tokens (id) where sealed is not null;

alter table import_rows add column sealed bytea;

-- Who makes a token, by the names of today, and by the short id of the token that was used.
create function creator(told jsonb, caller_token uuid) returns jsonb
language sql stable
as $$
    select told || jsonb_build_object(
        'key_id', (select key_id from api_tokens where id = caller_token)
    )
$$;

drop function shown_token(api_tokens, jsonb);

-- A token as it may be shown, for statements that change one.
create function shown_token(token api_tokens, known jsonb)
returns table (
    id uuid, key_id text, user_id uuid, name text, role text, hint text, permissions jsonb,
    enabled boolean, created timestamptz, created_by jsonb, updated timestamptz,
    expires timestamptz, last_used timestamptz, metadata jsonb, rotation jsonb
)
language sql stable
as $$
    select
        token.id, token.key_id, token.user_id, token.name, token.role, token.hint,
        effective_permissions(token.permissions, u.permissions, u.root, known),
        token.enabled, token.created, token.created_by, token.updated, token.expires,
        token.last_used, token.metadata,
        rotation(token.previous_until, token.previous_until_first_use)
    from users u
    where u.id = token.user_id
$$;
