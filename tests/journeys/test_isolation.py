"""Three tenants do 10,000 random things with hostile strings; none ever sees another's row."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.cloud import Caller, Reply, RunningCloud
from tests.make import agent_document

OPERATIONS = 10_000
TENANTS = 3
HOSTILE = (
    "'; drop table app.runs; --",
    "' or tenant_id is not null --",
    "{tenant}:*",
    "../../other-tenant/secret",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "\u202e\ufeff\u0301",
    "a" * 3000,
    "%s%s%(tenant_id)s",
    '"},{"tenant_id": "00000000-0000-7000-8000-000000000000"',
    "<script>alert(1)</script>",
)
text = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60),
)
who = st.integers(0, TENANTS - 1)


@dataclass
class Member:
    """A tenant, a mark that stands in all it writes, and the ids of what it owns."""

    caller: Caller
    mark: str = field(default_factory=lambda: f"mark-{uuid4().hex}")
    runs: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=lambda: [str(uuid4())])


class Tenants(RuleBasedStateMachine):
    """What three tenants can do to each other: nothing."""

    members: ClassVar[list[Member]] = []
    count: ClassVar[int] = 0

    def _own(self, member: Member, reply: Reply) -> Reply:
        """The reply holds no other tenant's mark, and is no server error."""
        type(self).count += 1
        shown = json.dumps(reply.body)
        assert reply.status < 500, reply
        assert [] == [m.mark for m in self.members if m is not member and m.mark in shown]
        return reply

    def _denied(self, member: Member, theirs: Reply, absent: Reply) -> None:
        """Another's object is answered exactly as an absent one."""
        self._own(member, theirs)
        assert absent.status == theirs.status == 404
        assert absent.body["detail"] == theirs.body["detail"]

    @rule(me=who, words=text)
    def publish(self, me: int, words: str) -> None:
        """Publish a new version of an agent that all three call by the same name."""
        member = self.members[me]
        document = agent_document(
            name="clerk", description=member.mark, instructions=f"{words[:200]} {member.mark}"
        )
        self._own(member, member.caller.put("/v1/agents/clerk", document.model_dump(mode="json")))

    @rule(me=who, words=text, theirs=who)
    def run(self, me: int, words: str, theirs: int) -> None:
        """Run the agent in a session whose id another tenant uses too."""
        member = self.members[me]
        session = self.members[theirs].sessions[0]
        reply = member.caller.run("clerk", f"{words} {member.mark}", session_id=session)
        if self._own(member, reply).status == 200:
            member.runs.append(reply.body["id"])

    @rule(
        me=who, listing=st.sampled_from(("runs", "agents", "keys", "sessions", "events", "audit"))
    )
    def listings(self, me: int, listing: str) -> None:
        """List what the tenant owns."""
        member = self.members[me]
        self._own(member, member.caller.get(f"/v1/{listing}?limit=5"))

    @rule(me=who, theirs=who, words=text)
    def read_runs(self, me: int, theirs: int, words: str) -> None:
        """Read a run by its id: one's own is there, another's is absent."""
        member, other = self.members[me], self.members[theirs]
        if other.runs:
            reply = member.caller.get(f"/v1/runs/{other.runs[-1]}")
            if me == theirs:
                assert 200 == self._own(member, reply).status
            else:
                self._denied(member, reply, member.caller.get(f"/v1/runs/{uuid4()}"))
        self._own(member, member.caller.get(f"/v1/runs?agent={quote(words)}"))

    @rule(me=who, theirs=who, part=st.sampled_from(("", "/messages", "/export?format=markdown")))
    def read_session(self, me: int, theirs: int, part: str) -> None:
        """Read a session by an id that two tenants use: only one's own words come back."""
        member, session = self.members[me], self.members[theirs].sessions[0]
        self._own(member, member.caller.get(f"/v1/sessions/{session}{part}"))

    @rule(me=who, theirs=who, title=text)
    def rename_session(self, me: int, theirs: int, title: str) -> None:
        """Rename a session of that id: another's of the same id keeps its name."""
        member, session = self.members[me], self.members[theirs].sessions[0]
        body = {"title": f"{title[:100]} {member.mark}"}
        self._own(member, member.caller.send("PATCH", f"/v1/sessions/{session}", body))

    @rule(me=who, theirs=who)
    def delete_session(self, me: int, theirs: int) -> None:
        """Delete a session that only another tenant has: it cannot be."""
        member, other = self.members[me], self.members[theirs]
        if me != theirs:
            made = other.caller.post("/v1/sessions", {"agent": "clerk", "title": other.mark})
            reply = member.caller.delete(f"/v1/sessions/{self._own(other, made).body['id']}")
            self._denied(member, reply, member.caller.delete(f"/v1/sessions/{uuid4()}"))

    @rule(me=who, name=text)
    def make_key(self, me: int, name: str) -> None:
        """Make a key."""
        member = self.members[me]
        body = {"name": f"{name[:40]} {member.mark}", "scopes": ["runs:read"]}
        reply = self._own(member, member.caller.post("/v1/keys", body))
        if reply.status == 201:
            member.keys.append(reply.body["key"]["id"])

    @rule(me=who, theirs=who)
    def revoke_key(self, me: int, theirs: int) -> None:
        """Revoke a key by its id: another's cannot be."""
        member, other = self.members[me], self.members[theirs]
        if me != theirs and other.keys:
            reply = member.caller.delete(f"/v1/keys/{other.keys[-1]}")
            self._denied(member, reply, member.caller.delete(f"/v1/keys/{uuid4()}"))

    @rule(me=who, theirs=who)
    def borrow_cursor(self, me: int, theirs: int) -> None:
        """Go on from another tenant's cursor: at most one's own rows come back."""
        member, other = self.members[me], self.members[theirs]
        cursor = other.caller.get("/v1/audit?limit=1").body.get("next_cursor")
        if cursor:
            self._own(member, member.caller.get(f"/v1/audit?limit=5&cursor={quote(cursor)}"))

    @rule(me=who, theirs=who, key=st.sampled_from(("one", "two")))
    def same_idempotency_key(self, me: int, theirs: int, key: str) -> None:
        """Two tenants that choose the same Idempotency-Key never share an answer."""
        for member in (self.members[me], self.members[theirs]):
            body = {"input": f"same {member.mark}"}
            reply = member.caller.post("/v1/agents/clerk/runs", body, Idempotency_Key=key)
            self._own(member, reply)


@pytest.fixture
def members(cloud: RunningCloud) -> list[Member]:
    """Three tenants that each have an agent called `clerk`."""
    made = [Member(cloud.tenant(f"isolation {n}")) for n in range(TENANTS)]
    for member in made:
        document = agent_document(name="clerk", instructions=f"Echo. {member.mark}")
        member.caller.put("/v1/agents/clerk", document.model_dump(mode="json"))
    return made


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_nobody_sees_anybody(cloud: RunningCloud, members: list[Member]) -> None:
    """10,000 operations: 0 foreign rows, 0 leaks in answers, stores, events or logs."""
    Tenants.members, Tenants.count = members, 0
    plan = settings(
        max_examples=50,
        stateful_step_count=60,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    while Tenants.count < OPERATIONS:
        run_state_machine_as_test(Tenants, settings=plan)

    marks = {member.mark for member in members}
    assert [] == _foreign_rows(cloud, marks)
    assert [] == _foreign_cache_entries(cloud, marks)
    assert [] == _foreign_objects(cloud, marks)
    assert set() == {m for m in marks if m in _logs(cloud)}


def test_the_search_sees_what_does_not_belong(cloud: RunningCloud, members: list[Member]) -> None:
    """A mark in another tenant's answer and row is found: the test above can fail."""
    one, two, _ = members
    document = agent_document(name="clerk", instructions=f"Echo. {one.mark} {two.mark}")
    two.caller.put("/v1/agents/clerk", document.model_dump(mode="json"))
    Tenants.members = members

    with pytest.raises(AssertionError):
        Tenants()._own(two, two.caller.get("/v1/agents/clerk"))
    tables = {table for table, _, _ in _foreign_rows(cloud, {one.mark, two.mark})}
    assert {"agent_versions"} == tables


def _foreign_rows(cloud: RunningCloud, marks: set[str]) -> list[tuple[str, str, set[str]]]:
    """Tables in which one tenant's rows hold more than one tenant's mark."""
    found = []
    with psycopg.connect(cloud.state["database_dsn"]) as connection:
        tables = connection.execute(
            "select distinct table_name from information_schema.columns"
            " where table_schema = 'app' and column_name = 'tenant_id'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f'select tenant_id::text, t::text from app."{table}" t')  # noqa: S608
            found += _shared(table, rows.fetchall(), marks)
    return found


def _shared(
    table: str, rows: list[tuple[Any, ...]], marks: set[str]
) -> list[tuple[str, str, set[str]]]:
    seen: dict[str, set[str]] = {}
    for owner, row in rows:
        seen.setdefault(owner, set()).update(mark for mark in marks if mark in row)
    return [(table, owner, held) for owner, held in seen.items() if len(held) > 1]


def _foreign_cache_entries(cloud: RunningCloud, marks: set[str]) -> list[str]:
    """Keys of Valkey that carry no tenant, or text of a tenant, or hold another tenant's text."""
    with redis.Redis(port=cloud.state["cache_port"], decode_responses=True) as client:
        keys = [str(key) for key in client.scan_iter(count=1000)]
        lists = [key for key in keys if client.type(key) == "list"]
        rows = [(key.partition("}")[0], str(client.lrange(key, 0, -1))) for key in lists]
    named = [key for key in keys if not key.startswith("{") or any(m in key for m in marks)]
    return named + [owner for _, owner, _ in _shared("cache", rows, marks)]


def _foreign_objects(cloud: RunningCloud, marks: set[str]) -> list[str]:
    """Objects in S3 that hold a mark outside their tenant's prefix."""
    s3 = cloud.aws("s3")
    found = []
    for bucket in s3.list_buckets()["Buckets"]:
        for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            kept = s3.get_object(Bucket=bucket["Name"], Key=item["Key"])["Body"].read()
            held = {mark for mark in marks if mark.encode() in kept}
            found += [item["Key"]] if len(held) > 1 else []
    return found


def _logs(cloud: RunningCloud) -> str:
    return "".join(p.read_text() for p in (cloud.state_dir / "logs").glob("*.jsonl*"))
