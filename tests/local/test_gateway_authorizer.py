from __future__ import annotations

import pytest

from orchstack.local.gateway.policy import InvalidPolicy, Verdict, evaluate
from tests.local.edge_kit import Answer, Edge

ARN = "arn:aws:execute-api:us-east-1:000000000000:rest123/live/GET/private/1"


def _ask(edge: Edge, word: str, item: str = "1") -> Answer:
    return edge.ask("GET", f"/private/{item}", headers={"Authorization": word})


def _asked(edge: Edge, word: str) -> int:
    return edge.notes.read_text().splitlines().count(word)


def test_the_authorizers_context_reaches_the_function(edge: Edge) -> None:
    """Principal and context stand in the request context, every value as a string."""
    authorizer = _ask(edge, "context").document["requestContext"]["authorizer"]

    assert ("someone", "context", "7", "true") == (
        authorizer["principalId"],
        authorizer["word"],
        authorizer["number"],
        authorizer["flag"],
    )


def test_a_request_without_identity_is_refused_unasked(edge: Edge) -> None:
    """Without the identity source the answer is 401, and the authorizer is not called."""
    before = edge.notes.read_text()

    answer = edge.ask("GET", "/private/1")

    assert (401, {"message": "Unauthorized"}) == (answer.status, answer.document)
    assert before == edge.notes.read_text()


def test_the_word_unauthorized_answers_401(edge: Edge) -> None:
    """An authorizer that raises `Unauthorized` answers 401."""
    answer = _ask(edge, "unauthorized")

    assert (401, {"message": "Unauthorized"}) == (answer.status, answer.document)


def test_a_denied_request_answers_403(edge: Edge) -> None:
    """A policy that denies answers 403 and says so."""
    answer = _ask(edge, "deny")

    assert 403 == answer.status
    assert answer.document["message"].endswith("with an explicit deny")


@pytest.mark.parametrize(
    ("word", "kind"),
    [("confused", "AUTHORIZER_CONFIGURATION_ERROR"), ("crash", "AUTHORIZER_FAILURE")],
)
def test_a_broken_authorizer_lets_nobody_in(edge: Edge, word: str, kind: str) -> None:
    """An authorizer that fails or answers nonsense yields the API's 5XX response."""
    answer = _ask(edge, word)

    assert (503, kind) == (answer.status, answer.document["type"])


def test_an_answer_counts_for_its_identity(edge: Edge) -> None:
    """Within its TTL an answer is not asked for again for the same identity, only for others."""
    for _ in range(3):
        assert 200 == _ask(edge, "remembered").status
        assert 200 == _ask(edge, "another").status

    assert (1, 1) == (_asked(edge, "remembered"), _asked(edge, "another"))


def test_a_remembered_policy_is_held_against_each_method(edge: Edge) -> None:
    """A remembered policy for one path does not open another one."""
    assert 200 == _ask(edge, "narrow", "1").status

    assert 403 == _ask(edge, "narrow", "2").status
    assert 1 == _asked(edge, "narrow")


@pytest.mark.parametrize(
    ("effect", "action", "resource", "verdict"),
    [
        ("Allow", "execute-api:Invoke", "*", Verdict.ALLOWED),
        ("Allow", "execute-api:*", "arn:aws:execute-api:*:*:rest123/*/GET/*", Verdict.ALLOWED),
        ("Allow", ["s3:Get", "EXECUTE-API:INVOKE"], ["x", ARN], Verdict.ALLOWED),
        ("Allow", "execute-api:Invoke", ARN.replace("/1", "/?"), Verdict.ALLOWED),
        ("Allow", "execute-api:Invoke", ARN.replace("GET", "POST"), Verdict.DENIED),
        ("Allow", "execute-api:ManageConnections", "*", Verdict.DENIED),
        ("Deny", "execute-api:Invoke", "*", Verdict.FORBIDDEN),
        ("Deny", "execute-api:Invoke", "arn:aws:s3:::other", Verdict.DENIED),
    ],
)
def test_policies_are_evaluated(
    effect: str, action: object, resource: object, verdict: Verdict
) -> None:
    """Actions and resources match with wildcards; what nothing allows is denied."""
    statement = {"Effect": effect, "Action": action, "Resource": resource}

    assert verdict is evaluate({"Statement": statement}, ARN)


def test_a_deny_wins() -> None:
    """An explicit Deny wins over an Allow, in whichever order they stand."""
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deny = {**allow, "Effect": "Deny"}

    for statements in ([allow, deny], [deny, allow]):
        assert Verdict.FORBIDDEN is evaluate({"Statement": statements}, ARN)


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Maybe", "Action": "*", "Resource": "*"},
        {"Effect": "Allow", "Action": "*"},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {}},
    ],
)
def test_a_policy_that_is_not_understood_is_refused(statement: dict[str, object]) -> None:
    """A part of the language the local gateway does not know is an error, never an Allow."""
    with pytest.raises(InvalidPolicy):
        evaluate({"Statement": [statement]}, ARN)
