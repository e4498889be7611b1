-- Who holds what, and who may touch what; `known` is the service's registry: name → is default.

-- Whether a user holds a permission: root does, others if their map says so, or by default where
-- it is silent. Plain enough to be inlined by the planner.
create function holds(user_map jsonb, is_root boolean, name text, is_default jsonb) returns boolean
language sql immutable parallel safe
as $$
    select is_root or coalesce(user_map -> name, is_default) = 'true'
$$;

-- The permissions a user holds: {"name": true, …}.
create function held_permissions(user_map jsonb, is_root boolean, known jsonb) returns jsonb
language sql immutable parallel safe
as $$
    select coalesce(jsonb_object_agg(name, true), '{}')
    from jsonb_each(known) as permission (name, is_default)
    where holds(user_map, is_root, name, is_default)
$$;

-- The permissions a token has in effect: its own map ∩ what its owner holds now.
create function effective_permissions(
    token_map jsonb, user_map jsonb, is_root boolean, known jsonb
) returns jsonb
language sql immutable parallel safe
as $$
    select coalesce(jsonb_object_agg(name, true), '{}')
    from jsonb_each(known) as permission (name, is_default)
    where token_map -> name = 'true' and holds(user_map, is_root, name, is_default)
$$;

-- The token that a caller wants to touch, locked; no row if it is not there or not theirs to see.
-- `allowed` is dominance: nobody touches a token that holds more than they do.
create function touched_token(
    token_id uuid, caller_user uuid, caller_is_admin boolean, caller_permissions jsonb, known jsonb
) returns table (id uuid, name text, user_map jsonb, is_root boolean, allowed boolean)
language sql volatile
as $$
    select
        t.id, t.name, u.permissions, u.root,
        caller_permissions @> effective_permissions(t.permissions, u.permissions, u.root, known)
    from api_tokens t
    join users u on u.id = t.user_id
    where t.id = token_id and (t.user_id = caller_user or caller_is_admin)
    for update of t
$$;
