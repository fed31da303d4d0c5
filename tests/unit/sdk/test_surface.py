"""What the client package shows."""

from __future__ import annotations

from orchstack import sdk


def test_what_is_exported_is_what_is_named() -> None:
    """`__all__` names exactly the public names of the package, none twice."""
    modules = {"client", "connection", "errors", "models", "resources", "retry", "runs"}
    modules |= {"session", "sessions", "sse", "transport", "annotations", "following", "records"}
    modules |= {"contexts", "outcomes"}
    public = {name for name in vars(sdk) if not name.startswith("_")} - modules

    assert sorted(public) == sdk.__all__


def test_every_error_stands_in_the_tree() -> None:
    """The tree at the top of the module names every error class."""
    errors = {name for name in sdk.__all__ if isinstance(getattr(sdk, name), type)}
    errors = {name for name in errors if issubclass(getattr(sdk, name), sdk.OrchStackError)}
    tree = sdk.errors.__doc__ or ""

    assert [] == [name for name in errors if name not in tree]
