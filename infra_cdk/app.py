"""The CDK app: `python infra_cdk/app.py --stage dev` writes cdk.out, as `cdk synth` does.

`--local` is for the local cloud: no rules are checked, no layers built; the templates are equal.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orchstack.kernel.plain import JsonObject

if TYPE_CHECKING:
    from aws_cdk import App

    from infra_cdk.stages import Stage

ROOT = Path(__file__).resolve().parents[1]
# The layers stay folders, and functions are read where they are written: so they reload.
LOCAL = {
    "aws:cdk:bundling-stacks": [],
    "aws:cdk:disable-asset-staging": True,
    "@aws-cdk/core:validateAgainstDefaultRules": False,
}


def context() -> JsonObject:
    """Return the flags of cdk.json, which only the cdk command reads by itself."""
    flags: JsonObject = json.loads((ROOT / "cdk.json").read_text())["context"]
    return {**flags, "aws:cdk:enable-path-metadata": True}


def build(app: App, stage: Stage) -> App:
    """Add every stack of `stage` to `app`: no look-ups, no network, no environment."""
    from infra_cdk.stacks.data import DataStack
    from infra_cdk.stacks.edge import EdgeStack
    from infra_cdk.stacks.migrations import MigrationsStack
    from infra_cdk.stacks.network import NetworkStack
    from infra_cdk.stacks.services import ServicesStack

    network = NetworkStack(app, stage)
    data = DataStack(app, stage, network)
    migrations = MigrationsStack(app, stage, network, data)
    services = ServicesStack(app, stage, network, data)
    services.add_stack_dependency(migrations, reason="the code expects the migrated database")
    EdgeStack(app, stage, services)
    return app


def main() -> None:
    """Synthesize one stage, chosen by `--stage` or the context `stage`."""
    # jsii reads this when it is imported; a newer Node does not mind.
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    from aws_cdk import App

    from infra_cdk.nag import check
    from infra_cdk.stages import STAGES

    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--stage", choices=sorted(STAGES))
    arguments.add_argument("--output", default=os.environ.get("CDK_OUTDIR", str(ROOT / "cdk.out")))
    arguments.add_argument("--local", action="store_true", help="for the local cloud only")
    given = arguments.parse_args()
    app = App(
        outdir=given.output,
        context={**context(), **(LOCAL if given.local else {})},
        analytics_reporting=False,
    )
    stage = STAGES[given.stage or app.node.try_get_context("stage") or "dev"]
    if not given.local:
        check(app)
    build(app, stage).synth()


if __name__ == "__main__":
    if not __package__:
        # Run as a file, its folder would come first, and `constructs` there hide the library.
        sys.path[0] = str(ROOT)
    main()
