-- Lists of tokens that stay quick however many tokens there are, and however many of them are others'.

drop index api_tokens_by_name;
drop index api_tokens_by_created;

-- One owner's tokens: all that they can be filtered and sorted by stands side by side here, while the
-- rows themselves are scattered over the table. In order of name, which is the default.
create index api_tokens_by_owner on api_tokens (user_id, name, id)
include (role, enabled, created, expires, last_used, hint);

-- Everybody's tokens, for administrators.
create index api_tokens_by_name on api_tokens (name, id);
create index api_tokens_by_created on api_tokens (created, id);

-- An index answers by itself only for pages of the table that vacuum has seen since they changed:
-- let it come after 1 % of changes, not after the 20 % that PostgreSQL waits for.
alter table api_tokens set (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_insert_scale_factor = 0.01
);

-- Whether a token answers to a secret with one of these digests, now. Plain enough to be inlined by
-- the planner, which then sees that there is an index for either.
create function bears(token api_tokens, digests bytea[]) returns boolean
language sql stable parallel safe
as $$
    select token.digest = any(digests)
        or (token.previous_digest = any(digests) and token.previous_until > now())
$$;
