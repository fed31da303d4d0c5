"""The two layers of every function: our own package, and the libraries it stands on."""

from __future__ import annotations

import shutil
from typing import Any

import jsii
from aws_cdk import AssetHashType, BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra_cdk.package import BASE, CORE, build_base_layer, fingerprint

# The command, the client and the local cloud stay at home.
LEFT_OUT = [
    "**/__pycache__",
    "python/orchstack/cli",
    "python/orchstack/local",
    "python/orchstack/sdk",
]


@jsii.implements(ILocalBundling)
class _BuiltWithoutDocker:
    """Puts the built layer where the CDK wants it."""

    def try_bundle(self, output_dir: str, *_: Any, **__: Any) -> bool:
        """Copy the layer into `output_dir`; raises if it cannot be built: Docker is never asked."""
        shutil.copytree(build_base_layer(), output_dir, dirs_exist_ok=True)
        return True


def layers(scope: Construct) -> list[lambda_.ILayerVersion]:
    """Make both in the stack of `scope`: a version that other stacks import could never change."""
    core = lambda_.Code.from_asset(str(CORE), exclude=LEFT_OUT)
    base = lambda_.Code.from_asset(
        str(BASE),
        asset_hash=fingerprint(),
        asset_hash_type=AssetHashType.CUSTOM,
        bundling=BundlingOptions(
            image=DockerImage.from_registry("unused"), local=_BuiltWithoutDocker()
        ),
    )
    return [_layer(scope, "Base", base), _layer(scope, "Core", core)]


def _layer(scope: Construct, name: str, code: lambda_.Code) -> lambda_.LayerVersion:
    return lambda_.LayerVersion(
        scope,
        name,
        code=code,
        compatible_architectures=[lambda_.Architecture.ARM_64],
        compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
    )
