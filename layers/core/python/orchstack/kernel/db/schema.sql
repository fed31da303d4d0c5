-- The schema `app` after all migrations. Written by `make generate`; do not edit.

create table app.agent_aliases (
    tenant_id uuid not null,
    agent text not null,
    alias text not null,
    version integer not null
);

create table app.agent_versions (
    tenant_id uuid not null,
    agent text not null,
    version integer not null,
    digest bytea not null,
    document jsonb not null,
    published_at timestamp with time zone not null,
    published_by text not null
);

create table app.agents (
    tenant_id uuid not null,
    name text not null,
    created_at timestamp with time zone not null,
    updated_at timestamp with time zone not null
);

create table app.api_keys (
    tenant_id uuid not null,
    id uuid not null,
    name text not null,
    environment text not null,
    scopes text[] not null,
    digest bytea not null,
    bootstrap boolean not null default false,
    created_at timestamp with time zone not null,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone
);

create table app.audit_entries (
    tenant_id uuid not null,
    id uuid not null,
    seq bigint not null generated always as identity,
    at timestamp with time zone not null,
    actor text not null,
    action text not null,
    subject text not null,
    outcome text not null,
    facts jsonb not null
);

create table app.canaries (
    tenant_id uuid not null,
    agent text not null,
    alias text not null,
    generation integer not null,
    stable_version integer not null,
    version integer not null,
    weight double precision not null,
    rollback jsonb not null,
    trial jsonb not null,
    started_at timestamp with time zone not null,
    started_by text not null,
    ended_at timestamp with time zone,
    ended_by text,
    "end" text
);

create table app.canary_runs (
    tenant_id uuid not null,
    agent text not null,
    alias text not null,
    generation integer not null,
    run_id uuid not null
);

create table app.context_parts (
    tenant_id uuid not null,
    run_id uuid not null,
    hash text not null,
    part text not null
);

create table app.idempotency_answers (
    tenant_id uuid not null,
    operation text not null,
    key text not null,
    fingerprint text not null,
    status integer not null,
    headers jsonb not null,
    body text not null,
    expires_at timestamp with time zone not null
);

create table app.inbox (
    tenant_id uuid not null,
    consumer text not null,
    message_id text not null,
    taken_at timestamp with time zone not null default now()
);

create table app.outbox (
    tenant_id uuid not null,
    event_id uuid not null,
    seq bigint not null generated always as identity,
    event jsonb not null,
    published_at timestamp with time zone,
    publication bigint,
    refusal text
);

create table app.outcome_review_history (
    tenant_id uuid not null,
    run_id uuid not null,
    revision integer not null,
    success boolean,
    score double precision,
    label text,
    business_value_micro_usd bigint,
    reviewer text not null,
    comment text not null default ''::text,
    reviewed_at timestamp with time zone not null
);

create table app.outcome_reviews (
    tenant_id uuid not null,
    run_id uuid not null,
    revision integer not null,
    success boolean,
    score double precision,
    label text,
    business_value_micro_usd bigint,
    reviewer text not null,
    comment text not null default ''::text,
    reviewed_at timestamp with time zone not null
);

create table app.outcomes (
    tenant_id uuid not null,
    run_id uuid not null,
    agent text not null,
    version integer not null,
    status text not null,
    finish_reason text not null,
    error_code text,
    input_tokens bigint not null,
    output_tokens bigint not null,
    cost_micro_usd bigint not null,
    step_count integer not null,
    latency_ms double precision not null,
    finished_at timestamp with time zone not null,
    recorded_at timestamp with time zone not null default now(),
    key_id uuid,
    variant text,
    mode text not null default 'wait'::text,
    forked boolean not null default false,
    nested boolean not null default false,
    stages jsonb not null default '{}'::jsonb,
    guards_allowed integer not null default 0,
    guards_redacted integer not null default 0,
    guards_blocked integer not null default 0,
    tools_ok integer not null default 0,
    tools_failed integer not null default 0,
    handoffs integer not null default 0,
    created_at timestamp with time zone
);

create table app.relay_positions (
    tenant_id uuid not null,
    last_publication bigint not null default 0
);

create table app.run_steps (
    tenant_id uuid not null,
    run_id uuid not null,
    seq integer not null,
    kind text not null,
    status text not null,
    work jsonb not null,
    idempotency_key text,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    cost_micro_usd bigint not null default 0,
    started_at timestamp with time zone not null,
    finished_at timestamp with time zone
);

create table app.runs (
    tenant_id uuid not null,
    run_id uuid not null,
    agent text not null,
    version integer not null,
    key_id uuid not null,
    trace_id text not null,
    mode text not null,
    session_id uuid,
    metadata jsonb not null default '{}'::jsonb,
    input text not null,
    history jsonb not null default '[]'::jsonb,
    status text not null,
    finish_reason text,
    output text not null default ''::text,
    fault jsonb,
    input_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    cost_micro_usd bigint not null default 0,
    step_count integer not null default 0,
    stages jsonb not null default '{}'::jsonb,
    spans jsonb not null default '[]'::jsonb,
    created_at timestamp with time zone not null,
    finished_at timestamp with time zone,
    idempotency_key text,
    request_hash text,
    lease_owner uuid,
    lease_until timestamp with time zone,
    variant text,
    overrides jsonb not null default '{}'::jsonb,
    parent jsonb,
    forked_from jsonb,
    attachments jsonb not null default '[]'::jsonb,
    structured boolean not null default false,
    question text,
    begun_at timestamp with time zone,
    erased_at timestamp with time zone,
    cancel_requested_at timestamp with time zone,
    tries integer not null default 0,
    starts integer not null default 0,
    task_token text,
    wake_at timestamp with time zone
);

create table app.session_messages (
    tenant_id uuid not null,
    session_id uuid not null,
    seq bigint not null,
    run_id uuid not null,
    role text not null,
    content text not null,
    tool_calls jsonb not null default '[]'::jsonb,
    tool_call_id text,
    created_at timestamp with time zone not null default now(),
    images jsonb not null default '[]'::jsonb,
    token_count integer not null default 0
);

create table app.sessions (
    tenant_id uuid not null,
    session_id uuid not null,
    agent text not null,
    message_count bigint not null default 0,
    created_at timestamp with time zone not null default now(),
    updated_at timestamp with time zone not null default now(),
    title text not null default ''::text,
    metadata jsonb not null default '{}'::jsonb,
    token_count bigint not null default 0,
    version uuid not null default gen_random_uuid(),
    deleted_at timestamp with time zone
);

create table app.sockets (
    tenant_id uuid not null,
    connection_id text not null,
    key_id uuid not null,
    types text[] not null default '{}'::text[],
    connected_at timestamp with time zone not null,
    expires_at timestamp with time zone
);

create table app.tenants (
    id uuid not null,
    name text not null,
    status text not null default 'active'::text,
    created_at timestamp with time zone not null,
    requests_per_minute integer not null default 1200,
    requests_per_minute_per_key integer not null default 600
);

create table app.token_factors (
    tenant_id uuid not null,
    model text not null,
    factor double precision not null,
    samples integer not null,
    updated_at timestamp with time zone not null default now()
);

alter table app.agent_aliases add constraint agent_aliases_pkey PRIMARY KEY (tenant_id, agent, alias);
alter table app.agent_aliases add constraint agent_aliases_alias_check CHECK ((alias ~ '^[a-z][a-z0-9-]{0,30}$'::text));
alter table app.agent_aliases add constraint agent_aliases_tenant_id_agent_version_fkey FOREIGN KEY (tenant_id, agent, version) REFERENCES app.agent_versions(tenant_id, agent, version);
alter table app.agent_versions add constraint agent_versions_pkey PRIMARY KEY (tenant_id, agent, version);
alter table app.agent_versions add constraint agent_versions_digest_check CHECK ((octet_length(digest) = 32));
alter table app.agent_versions add constraint agent_versions_tenant_id_agent_digest_key UNIQUE (tenant_id, agent, digest);
alter table app.agent_versions add constraint agent_versions_tenant_id_agent_fkey FOREIGN KEY (tenant_id, agent) REFERENCES app.agents(tenant_id, name);
alter table app.agent_versions add constraint agent_versions_version_check CHECK ((version > 0));
alter table app.agents add constraint agents_pkey PRIMARY KEY (tenant_id, name);
alter table app.agents add constraint agents_name_check CHECK ((name ~ '^[a-z][a-z0-9-]{0,62}$'::text));
alter table app.agents add constraint agents_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);
alter table app.api_keys add constraint api_keys_pkey PRIMARY KEY (tenant_id, id);
alter table app.api_keys add constraint api_keys_digest_check CHECK ((octet_length(digest) = 32));
alter table app.api_keys add constraint api_keys_environment_check CHECK ((environment = ANY (ARRAY['live'::text, 'test'::text])));
alter table app.api_keys add constraint api_keys_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 100)));
alter table app.api_keys add constraint api_keys_scopes_check CHECK ((cardinality(scopes) > 0));
alter table app.api_keys add constraint api_keys_tenant_id_digest_key UNIQUE (tenant_id, digest);
alter table app.api_keys add constraint api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES app.tenants(id);
alter table app.audit_entries add constraint audit_entries_pkey PRIMARY KEY (tenant_id, id);
alter table app.audit_entries add constraint audit_entries_outcome_check CHECK ((outcome = ANY (ARRAY['allowed'::text, 'denied'::text, 'succeeded'::text, 'failed'::text])));
alter table app.canaries add constraint canaries_pkey PRIMARY KEY (tenant_id, agent, alias, generation);
alter table app.canaries add constraint canaries_alias_check CHECK ((alias ~ '^[a-z][a-z0-9-]{0,30}$'::text));
alter table app.canaries add constraint canaries_check CHECK ((version <> stable_version));
alter table app.canaries add constraint canaries_check1 CHECK ((num_nulls(ended_at, ended_by, "end") = ANY (ARRAY[0, 3])));
alter table app.canaries add constraint canaries_end_check CHECK (("end" = ANY (ARRAY['promoted'::text, 'aborted'::text, 'rolled_back'::text, 'replaced'::text])));
alter table app.canaries add constraint canaries_generation_check CHECK ((generation > 0));
alter table app.canaries add constraint canaries_tenant_id_agent_stable_version_fkey FOREIGN KEY (tenant_id, agent, stable_version) REFERENCES app.agent_versions(tenant_id, agent, version);
alter table app.canaries add constraint canaries_tenant_id_agent_version_fkey FOREIGN KEY (tenant_id, agent, version) REFERENCES app.agent_versions(tenant_id, agent, version);
alter table app.canaries add constraint canaries_weight_check CHECK (((weight > (0)::double precision) AND (weight <= (1)::double precision)));
alter table app.canary_runs add constraint canary_runs_pkey PRIMARY KEY (tenant_id, agent, alias, generation, run_id);
alter table app.canary_runs add constraint canary_runs_tenant_id_agent_alias_generation_fkey FOREIGN KEY (tenant_id, agent, alias, generation) REFERENCES app.canaries(tenant_id, agent, alias, generation);
alter table app.context_parts add constraint context_parts_pkey PRIMARY KEY (tenant_id, run_id, hash);
alter table app.context_parts add constraint context_parts_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, run_id);
alter table app.idempotency_answers add constraint idempotency_answers_pkey PRIMARY KEY (tenant_id, operation, key);
alter table app.idempotency_answers add constraint idempotency_answers_key_check CHECK (((char_length(key) >= 1) AND (char_length(key) <= 255)));
alter table app.inbox add constraint inbox_pkey PRIMARY KEY (tenant_id, consumer, message_id);
alter table app.inbox add constraint inbox_message_id_check CHECK (((char_length(message_id) >= 1) AND (char_length(message_id) <= 255)));
alter table app.outbox add constraint outbox_pkey PRIMARY KEY (tenant_id, event_id);
alter table app.outcome_review_history add constraint outcome_review_history_pkey PRIMARY KEY (tenant_id, run_id, revision);
alter table app.outcome_review_history add constraint outcome_review_history_revision_check CHECK ((revision > 0));
alter table app.outcome_review_history add constraint outcome_review_history_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, run_id);
alter table app.outcome_reviews add constraint outcome_reviews_pkey PRIMARY KEY (tenant_id, run_id);
alter table app.outcome_reviews add constraint outcome_reviews_revision_check CHECK ((revision > 0));
alter table app.outcome_reviews add constraint outcome_reviews_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision)));
alter table app.outcome_reviews add constraint outcome_reviews_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, run_id);
alter table app.outcomes add constraint outcomes_pkey PRIMARY KEY (tenant_id, run_id);
alter table app.outcomes add constraint outcomes_status_check CHECK ((status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])));
alter table app.outcomes add constraint outcomes_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, run_id);
alter table app.outcomes add constraint outcomes_variant_check CHECK ((variant = ANY (ARRAY['stable'::text, 'canary'::text])));
alter table app.relay_positions add constraint relay_positions_pkey PRIMARY KEY (tenant_id);
alter table app.run_steps add constraint run_steps_pkey PRIMARY KEY (tenant_id, run_id, seq);
alter table app.run_steps add constraint run_steps_check CHECK (((status = 'started'::text) = (finished_at IS NULL)));
alter table app.run_steps add constraint run_steps_kind_check CHECK ((kind = ANY (ARRAY['guard'::text, 'model'::text, 'tool'::text, 'wait'::text, 'handoff'::text, 'finish'::text])));
alter table app.run_steps add constraint run_steps_seq_check CHECK ((seq > 0));
alter table app.run_steps add constraint run_steps_status_check CHECK ((status = ANY (ARRAY['started'::text, 'finished'::text])));
alter table app.run_steps add constraint run_steps_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, run_id);
alter table app.runs add constraint runs_pkey PRIMARY KEY (tenant_id, run_id);
alter table app.runs add constraint runs_check CHECK (((idempotency_key IS NULL) = (request_hash IS NULL)));
alter table app.runs add constraint runs_end_check CHECK (((status = ANY (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text])) = (finished_at IS NOT NULL)));
alter table app.runs add constraint runs_mode_check CHECK ((mode = ANY (ARRAY['wait'::text, 'stream'::text, 'background'::text])));
alter table app.runs add constraint runs_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'waiting'::text, 'completed'::text, 'failed'::text, 'cancelled'::text])));
alter table app.runs add constraint runs_tenant_id_idempotency_key_key UNIQUE (tenant_id, idempotency_key);
alter table app.runs add constraint runs_tenant_id_session_id_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES app.sessions(tenant_id, session_id);
alter table app.runs add constraint runs_variant_check CHECK ((variant = ANY (ARRAY['stable'::text, 'canary'::text])));
alter table app.session_messages add constraint session_messages_pkey PRIMARY KEY (tenant_id, session_id, seq);
alter table app.session_messages add constraint session_messages_role_check CHECK ((role = ANY (ARRAY['system'::text, 'user'::text, 'assistant'::text, 'tool'::text])));
alter table app.session_messages add constraint session_messages_seq_check CHECK ((seq > 0));
alter table app.session_messages add constraint session_messages_tenant_id_run_id_fkey FOREIGN KEY (tenant_id, run_id) REFERENCES app.runs(tenant_id, run_id);
alter table app.session_messages add constraint session_messages_tenant_id_session_id_fkey FOREIGN KEY (tenant_id, session_id) REFERENCES app.sessions(tenant_id, session_id);
alter table app.sessions add constraint sessions_pkey PRIMARY KEY (tenant_id, session_id);
alter table app.sessions add constraint sessions_title_check CHECK ((char_length(title) <= 200));
alter table app.sockets add constraint sockets_pkey PRIMARY KEY (tenant_id, connection_id);
alter table app.sockets add constraint sockets_connection_id_check CHECK (((char_length(connection_id) >= 1) AND (char_length(connection_id) <= 128)));
alter table app.sockets add constraint sockets_types_check CHECK ((cardinality(types) <= 50));
alter table app.tenants add constraint tenants_pkey PRIMARY KEY (id);
alter table app.tenants add constraint tenants_name_check CHECK (((char_length(name) >= 1) AND (char_length(name) <= 200)));
alter table app.tenants add constraint tenants_requests_per_minute_check CHECK (((requests_per_minute >= 1) AND (requests_per_minute <= 1000000)));
alter table app.tenants add constraint tenants_requests_per_minute_per_key_check CHECK (((requests_per_minute_per_key >= 1) AND (requests_per_minute_per_key <= 1000000)));
alter table app.tenants add constraint tenants_status_check CHECK ((status = ANY (ARRAY['active'::text, 'suspended'::text])));
alter table app.token_factors add constraint token_factors_pkey PRIMARY KEY (tenant_id, model);
alter table app.token_factors add constraint token_factors_factor_check CHECK ((factor > (0)::double precision));

CREATE INDEX audit_entries_in_order ON app.audit_entries USING btree (tenant_id, seq);
CREATE UNIQUE INDEX canaries_running ON app.canaries USING btree (tenant_id, agent, alias) WHERE (ended_at IS NULL);
CREATE INDEX idempotency_answers_expired ON app.idempotency_answers USING btree (expires_at);
CREATE INDEX inbox_taken ON app.inbox USING btree (taken_at);
CREATE UNIQUE INDEX outbox_in_publishing_order ON app.outbox USING btree (tenant_id, publication) WHERE (publication IS NOT NULL);
CREATE INDEX outbox_published ON app.outbox USING btree (published_at) WHERE (published_at IS NOT NULL);
CREATE INDEX outbox_waiting ON app.outbox USING btree (tenant_id, seq) WHERE ((published_at IS NULL) AND (refusal IS NULL));
CREATE INDEX outcome_reviews_by_label ON app.outcome_reviews USING btree (tenant_id, label) WHERE (label IS NOT NULL);
CREATE INDEX outcomes_by_agent ON app.outcomes USING btree (tenant_id, agent, version, finished_at);
CREATE INDEX outcomes_in_order ON app.outcomes USING btree (tenant_id, finished_at DESC, run_id DESC);
CREATE INDEX runs_adrift ON app.runs USING btree (COALESCE(cancel_requested_at, GREATEST(wake_at, lease_until), created_at)) WHERE (finished_at IS NULL);
CREATE INDEX runs_by_agent ON app.runs USING btree (tenant_id, agent, run_id DESC);
CREATE INDEX runs_by_parent ON app.runs USING btree (tenant_id, ((parent ->> 'run_id'::text))) WHERE (parent IS NOT NULL);
CREATE INDEX runs_by_session ON app.runs USING btree (tenant_id, session_id) WHERE (session_id IS NOT NULL);
CREATE INDEX runs_by_status ON app.runs USING btree (tenant_id, status, run_id DESC);
CREATE INDEX runs_under_way ON app.runs USING btree (tenant_id, session_id, run_id) WHERE ((finished_at IS NULL) AND (session_id IS NOT NULL));
CREATE INDEX session_messages_by_run ON app.session_messages USING btree (tenant_id, run_id);
CREATE INDEX sessions_by_activity ON app.sessions USING btree (tenant_id, updated_at DESC, session_id DESC) WHERE (deleted_at IS NULL);
CREATE INDEX sessions_by_agent ON app.sessions USING btree (tenant_id, agent, updated_at DESC, session_id DESC) WHERE (deleted_at IS NULL);
CREATE INDEX sockets_by_connection ON app.sockets USING btree (connection_id);

alter table app.agent_aliases enable row level security;
alter table app.agent_aliases force row level security;
alter table app.agent_versions enable row level security;
alter table app.agent_versions force row level security;
alter table app.agents enable row level security;
alter table app.agents force row level security;
alter table app.api_keys enable row level security;
alter table app.api_keys force row level security;
alter table app.audit_entries enable row level security;
alter table app.audit_entries force row level security;
alter table app.canaries enable row level security;
alter table app.canaries force row level security;
alter table app.canary_runs enable row level security;
alter table app.canary_runs force row level security;
alter table app.context_parts enable row level security;
alter table app.context_parts force row level security;
alter table app.idempotency_answers enable row level security;
alter table app.idempotency_answers force row level security;
alter table app.inbox enable row level security;
alter table app.inbox force row level security;
alter table app.outbox enable row level security;
alter table app.outbox force row level security;
alter table app.outcome_review_history enable row level security;
alter table app.outcome_review_history force row level security;
alter table app.outcome_reviews enable row level security;
alter table app.outcome_reviews force row level security;
alter table app.outcomes enable row level security;
alter table app.outcomes force row level security;
alter table app.relay_positions enable row level security;
alter table app.relay_positions force row level security;
alter table app.run_steps enable row level security;
alter table app.run_steps force row level security;
alter table app.runs enable row level security;
alter table app.runs force row level security;
alter table app.session_messages enable row level security;
alter table app.session_messages force row level security;
alter table app.sessions enable row level security;
alter table app.sessions force row level security;
alter table app.sockets enable row level security;
alter table app.sockets force row level security;
alter table app.tenants enable row level security;
alter table app.tenants force row level security;
alter table app.token_factors enable row level security;
alter table app.token_factors force row level security;

create policy own_rows on app.agent_aliases as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.agent_versions as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.agents as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy all_rows on app.api_keys as permissive for all to orchstack_platform using (true) with check (true);
create policy own_rows on app.api_keys as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy all_rows on app.audit_entries as permissive for all to orchstack_platform using (true) with check (true);
create policy own_rows on app.audit_entries as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.canaries as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.canary_runs as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.context_parts as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy all_rows on app.idempotency_answers as permissive for all to orchstack_platform using (true) with check (true);
create policy own_rows on app.idempotency_answers as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy all_rows on app.inbox as permissive for all to orchstack_platform using (true) with check (true);
create policy own_rows on app.inbox as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy all_rows on app.outbox as permissive for all to orchstack_platform using (true) with check (true);
create policy own_rows on app.outbox as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.outcome_review_history as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.outcome_reviews as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.outcomes as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy all_rows on app.relay_positions as permissive for all to orchstack_platform using (true) with check (true);
create policy own_rows on app.relay_positions as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.run_steps as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy all_rows on app.runs as permissive for all to orchstack_platform using (true) with check (true);
create policy own_rows on app.runs as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.session_messages as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.sessions as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy all_rows on app.sockets as permissive for all to orchstack_platform using (true) with check (true);
create policy own_rows on app.sockets as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));
create policy all_rows on app.tenants as permissive for all to orchstack_platform using (true) with check (true);
create policy own_rows on app.tenants as permissive for all to orchstack_app using ((id = ( SELECT app.current_tenant() AS current_tenant))) with check ((id = ( SELECT app.current_tenant() AS current_tenant)));
create policy own_rows on app.token_factors as permissive for all to orchstack_app using ((tenant_id = ( SELECT app.current_tenant() AS current_tenant))) with check ((tenant_id = ( SELECT app.current_tenant() AS current_tenant)));

CREATE OR REPLACE FUNCTION app.current_tenant()
 RETURNS uuid
 LANGUAGE sql
 STABLE
AS $function$ select nullif(current_setting('app.tenant_id', true), '')::uuid $function$;
CREATE OR REPLACE FUNCTION app.isolate(table_name text, application text, platform text DEFAULT ''::text, tenant_column text DEFAULT 'tenant_id'::text)
 RETURNS void
 LANGUAGE plpgsql
AS $function$
declare
    own_rows text := format('%I = (select app.current_tenant())', tenant_column);
begin
    execute format('alter table app.%I enable row level security', table_name);
    execute format('alter table app.%I force row level security', table_name);
    execute format(
        'create policy own_rows on app.%I to orchstack_app using (%s) with check (%s)',
        table_name, own_rows, own_rows
    );
    if application <> '' then
        execute format('grant %s on app.%I to orchstack_app', application, table_name);
    end if;
    if platform <> '' then
        execute format(
            'create policy all_rows on app.%I to orchstack_platform using (true) with check (true)',
            table_name
        );
        execute format('grant %s on app.%I to orchstack_platform', platform, table_name);
    end if;
end
$function$;
CREATE OR REPLACE FUNCTION app.name_version()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    new.version := gen_random_uuid();
    return new;
end
$function$;
CREATE OR REPLACE FUNCTION app.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    raise exception 'app.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end
$function$;
CREATE OR REPLACE FUNCTION app.set_tenant(tenant uuid)
 RETURNS void
 LANGUAGE sql
AS $function$ select set_config('app.tenant_id', tenant::text, true) $function$;

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON app.audit_entries FOR EACH ROW EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON app.audit_entries FOR EACH STATEMENT EXECUTE FUNCTION app.refuse_change();
CREATE TRIGGER version_of_messages BEFORE UPDATE ON app.sessions FOR EACH ROW WHEN ((old.message_count IS DISTINCT FROM new.message_count)) EXECUTE FUNCTION app.name_version();

grant execute on function app.current_tenant() to orchstack_app;
grant execute on function app.current_tenant() to orchstack_platform;
grant execute on function app.set_tenant(tenant uuid) to orchstack_app;
grant execute on function app.set_tenant(tenant uuid) to orchstack_platform;
grant insert, select, update on table app.agent_aliases to orchstack_app;
grant insert, select on table app.agent_versions to orchstack_app;
grant insert, select, update on table app.agents to orchstack_app;
grant insert, select, update on table app.api_keys to orchstack_app;
grant insert, select, update on table app.api_keys to orchstack_platform;
grant insert, select on table app.audit_entries to orchstack_app;
grant insert on table app.audit_entries to orchstack_platform;
grant insert, select, update on table app.canaries to orchstack_app;
grant delete, insert, select on table app.canary_runs to orchstack_app;
grant delete, insert, select on table app.context_parts to orchstack_app;
grant insert, select, update on table app.idempotency_answers to orchstack_app;
grant delete, insert, select, update on table app.idempotency_answers to orchstack_platform;
grant insert, select on table app.inbox to orchstack_app;
grant delete, insert, select on table app.inbox to orchstack_platform;
grant insert, select on table app.outbox to orchstack_app;
grant delete, insert, select, update on table app.outbox to orchstack_platform;
grant insert, select on table app.outcome_review_history to orchstack_app;
grant insert, select, update on table app.outcome_reviews to orchstack_app;
grant insert, select on table app.outcomes to orchstack_app;
grant insert, select, update on table app.relay_positions to orchstack_platform;
grant insert, select, update on table app.run_steps to orchstack_app;
grant insert, select, update on table app.runs to orchstack_app;
grant delete, insert, select on table app.session_messages to orchstack_app;
grant insert, select, update on table app.sessions to orchstack_app;
grant delete, insert, select on table app.sockets to orchstack_app;
grant delete, select, update on table app.sockets to orchstack_platform;
grant select on table app.tenants to orchstack_app;
grant insert, select, update on table app.tenants to orchstack_platform;
grant delete, insert, select, update on table app.token_factors to orchstack_app;

alter schema app owner to orchstack_owner;
-- orchstack_owner owns what is in it
