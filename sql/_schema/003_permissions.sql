-- Who holds what, as design section 4 says; `known` is the service's registry: name → is default.

-- The permissions a user holds: root all, others what their map says, or the default where it is
-- silent. Answers {"name": true, …}.
create function held_permissions(user_map jsonb, is_root boolean, known jsonb) returns jsonb
language sql immutable parallel safe
as $$
    select coalesce(jsonb_object_agg(name, true), '{}')
    from jsonb_each(known) as permission (name, is_default)
    where is_root or coalesce(user_map -> name, is_default) = 'true'
$$;

-- The permissions a token has in effect: its own map ∩ what its owner holds now.
create function effective_permissions(
    token_map jsonb, user_map jsonb, is_root boolean, known jsonb
) returns jsonb
language sql immutable parallel safe
as $$
    select coalesce(jsonb_object_agg(name, true), '{}')
    from jsonb_each(known) as permission (name, is_default)
    where token_map -> name = 'true'
    and (is_root or coalesce(user_map -> name, is_default) = 'true')
$$;
