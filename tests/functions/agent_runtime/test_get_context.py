"""What a model was shown, as API Gateway asks for it."""

from __future__ import annotations

from uuid import uuid4

from orchstack.kernel.db.session import Database
from orchstack.kernel.tenancy import Principal
from orchstack.wiring.control_plane import agents
from tests import make
from tests.functions.agent_runtime.conftest import QUESTION, Ask, a_tenant


def test_the_context_of_each_call_is_shown(ask: Ask, get: Ask) -> None:
    """Its parts and their tokens; the second call begins as the first did."""
    run_id = ask({"input": QUESTION}).body["id"]
    steps = get("list_steps", run_id=run_id).body["items"]
    first, second = (
        get("get_context", run_id=run_id, seq=str(step["seq"])).body
        for step in steps
        if step["kind"] == "model"
    )

    assert {"tools", "system", "input"} == set(first["sections"])
    assert QUESTION == first["parts"][-1]["messages"][0]["content"]
    assert first["tokens"] - 3 == second["prefix_tokens"]
    assert ("words", []) == (second["tokenizer"], second["left_out"])


def test_other_steps_and_other_tenants_see_nothing(
    ask: Ask, get: Ask, platform_database: Database
) -> None:
    """A guard's step shows a model nothing, and nobody else's run exists."""
    run_id = ask({"input": QUESTION}).body["id"]
    other = a_tenant(platform_database)

    assert 404 == get("get_context", run_id=run_id, seq="1").status
    assert 404 == get("get_context", run_id=run_id, seq="99").status
    assert 404 == get("get_context", run_id=str(uuid4()), seq="2").status
    assert 404 == get("get_context", run_id=run_id, seq="2", reader=other).status


def test_an_input_larger_than_the_context_is_refused(ask: Ask, caller: Principal) -> None:
    """With how much there is, and how much would fit; the same with every mode."""
    tight = make.agent_document(
        model="builtin/echo", tools=("calculator",), context={"max_input_tokens": 300}
    )
    agents().publish(caller, "adder", tight)
    for mode in ("wait", "stream", "background"):
        refused = ask({"input": "many words " * 400, "mode": mode})

        assert (413, "context_too_large") == (refused.status, refused.body["code"])
        assert "804 tokens" in refused.body["detail"]
