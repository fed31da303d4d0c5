"""Control plane: who may use the installation, how fast, and which agents they have published.

Functions: authorize_request, create_tenant, list_tenants, create_key, list_keys, revoke_key,
publish_agent, validate_agent, list_agents, get_agent, list_versions, set_alias, get_alias,
describe_api, check_health, migrate_database.
Events out: TenantCreated, KeyCreated, KeyRevoked, AgentPublished, AliasMoved, CanaryStarted,
CanaryAdjusted, CanaryEnded, CanaryRolledBack.
Events in: none; the runtime tells the canary watch how runs ended.
"""
