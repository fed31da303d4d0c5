"""KMS, Secrets Manager, SSM parameters and Cognito."""

from __future__ import annotations

import json
from typing import Any

from orchstack.kernel.plain import JsonObject
from orchstack.local.resources.model import (
    Emulated,
    Providers,
    Site,
    arn,
    chosen,
    physical_name,
)
from orchstack.local.state import backends
from orchstack.local.template import Created, Resource

# Finds a key of an earlier start again: the key itself has no name.
_TAG = "orchstack:resource"


def _key(site: Site, resource: Resource) -> Created:
    key_id = _kept_key(resource.name) or _new_key(site, resource)
    return Created(key_id, {"Arn": arn("kms", f"key/{key_id}"), "KeyId": key_id})


def _kept_key(name: str) -> str | None:
    store = backends.keys()
    for key_id in store.keys:
        if store.tagger.get_tag_dict_for_resource(key_id).get(_TAG) == name:
            return str(key_id)
    return None


def _new_key(site: Site, resource: Resource) -> str:
    answer = site.clients.get("kms").create_key(
        Tags=[{"TagKey": _TAG, "TagValue": resource.name}],
        **chosen(resource.properties, "Description", "KeySpec", "KeyUsage", "MultiRegion"),
    )
    return str(answer["KeyMetadata"]["KeyId"])


def _key_alias(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    alias = properties["AliasName"]
    target = str(properties["TargetKeyId"]).rsplit("/", 1)[-1]
    client = site.clients.get("kms")
    known = {known["AliasName"] for known in client.list_aliases()["Aliases"]}
    change = client.update_alias if alias in known else client.create_alias
    change(AliasName=alias, TargetKeyId=target)
    return Created(alias, {"AliasName": alias})


def _secret(site: Site, resource: Resource) -> Created:
    name = physical_name(resource, "Name", 256)
    kept = backends.secrets().secrets.get(name)
    secret_arn = kept.arn if kept else _new_secret(site, name, resource.properties)
    return Created(secret_arn, {"Id": secret_arn})


def _new_secret(site: Site, name: str, properties: JsonObject) -> str:
    client = site.clients.get("secretsmanager")
    value = properties.get("SecretString")
    if value is None:
        value = _generated(client, properties.get("GenerateSecretString", {}))
    answer = client.create_secret(
        Name=name, SecretString=value, **chosen(properties, "Description", "KmsKeyId")
    )
    return str(answer["ARN"])


def _generated(client: Any, options: JsonObject) -> str:
    """A password, alone or inside the template's JSON."""
    wanted = {"PasswordLength": 32, **options}
    template = wanted.pop("SecretStringTemplate", None)
    key = wanted.pop("GenerateStringKey", None)
    password = str(client.get_random_password(**wanted)["RandomPassword"])
    return password if template is None else json.dumps({**json.loads(template), key: password})


def _parameter(site: Site, resource: Resource) -> Created:
    name = resource.properties.get("Name") or f"/{resource.name}"
    value = resource.properties["Value"]
    kind = resource.properties["Type"]
    site.clients.get("ssm").put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)
    return Created(name, {"Value": value, "Type": kind})


def _user_pool(site: Site, resource: Resource) -> Created:
    properties = resource.properties
    answer = site.clients.get("cognito-idp").create_user_pool(
        PoolName=physical_name(resource, "UserPoolName", 128),
        **chosen(
            properties, "AutoVerifiedAttributes", "Policies", "UsernameAttributes", "LambdaConfig"
        ),
    )
    pool = answer["UserPool"]["Id"]
    attributes = {
        "Arn": arn("cognito-idp", f"userpool/{pool}"),
        "UserPoolId": pool,
        "ProviderName": f"cognito-idp.us-east-1.amazonaws.com/{pool}",
        "ProviderURL": f"https://cognito-idp.us-east-1.amazonaws.com/{pool}",
    }
    return Created(pool, attributes)


def _user_pool_client(site: Site, resource: Resource) -> Created:
    answer = site.clients.get("cognito-idp").create_user_pool_client(
        UserPoolId=resource.properties["UserPoolId"],
        ClientName=physical_name(resource, "ClientName", 128),
        **chosen(
            resource.properties,
            "AccessTokenValidity",
            "ExplicitAuthFlows",
            "GenerateSecret",
            "IdTokenValidity",
            "TokenValidityUnits",
        ),
    )
    client_id = answer["UserPoolClient"]["ClientId"]
    return Created(client_id, {"ClientId": client_id})


PROVIDERS: Providers = {
    "AWS::KMS::Key": Emulated(
        _key, "survives a restart, with its id; the policy is not enforced and nothing rotates"
    ),
    "AWS::KMS::Alias": Emulated(_key_alias, "survives a restart"),
    "AWS::SecretsManager::Secret": Emulated(
        _secret, "survives a restart with its value, whatever the template says then"
    ),
    "AWS::SSM::Parameter": Emulated(_parameter, "has the template's value after each start"),
    "AWS::Cognito::UserPool": Emulated(
        _user_pool, "users end with the local cloud, and the pool's id changes; no mail is sent"
    ),
    "AWS::Cognito::UserPoolClient": Emulated(_user_pool_client),
}
