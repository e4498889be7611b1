-- Switch the API on or off for every token; a token can switch on only what is on. No row: never.
-- $1 enabled, $2 caller_user, $3 caller_token, $4 caller_session
with changed as (
    update settings
    set api_enabled = $1
    -- Looked at anew once the row is locked: whoever switches off at the same moment has done so.
    where singleton and ($3::uuid is null or not $1 or api_enabled)
    returning api_enabled
), audited as (
    insert into audit_events (actor_user, actor_token, actor_session, action, details)
    values (
        $2, $3, $4, 'settings/set-api-enabled',
        jsonb_build_object('enabled', $1, 'allowed', exists (select from changed))
    )
)
select exists (select from changed) as allowed
