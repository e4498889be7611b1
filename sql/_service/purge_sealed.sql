-- Delete some thousand sealed copies of secrets; tell how many those were. No row: never.
-- $1 caller_user
with found as (
    select id from api_tokens where sealed is not null limit 10000
), purged as (
    update api_tokens t set sealed = null from found where t.id = found.id returning t.id
), counted as (
    select count(*) as copies from purged
), audited as (
    insert into audit_events (actor_user, action, details)
    select $1, 'recovery/purge', jsonb_build_object('copies', copies) from counted where copies > 0
)
select copies from counted
