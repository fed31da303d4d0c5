"""The types that exist by name only: what they do has no meaning on one machine."""

from __future__ import annotations

from collections.abc import Mapping

from orchstack.kernel.plain import JsonMapping
from orchstack.local.template import ACCOUNT, REGION, Created, Resource

_NO_ACCESS_CONTROL = "no permission is checked"
_NO_NETWORK = "there is one network: loopback"
_NO_MONITORING = "nobody measures or alarms"
_ENDPOINT = "part of the one local server"
_CDK_HELPER = "a helper of CDK, of no use here"

STUBS: Mapping[str, str] = {
    "AWS::ApiGateway::Account": _NO_MONITORING,
    "AWS::ApiGateway::BasePathMapping": "the gateway has one address",
    "AWS::ApiGateway::DomainName": "the gateway has one address",
    "AWS::ApiGatewayV2::ApiMapping": "the gateway has one address",
    "AWS::ApiGatewayV2::DomainName": "the gateway has one address",
    "AWS::CDK::Metadata": "only counted by CDK",
    "AWS::CertificateManager::Certificate": "no TLS",
    "AWS::CloudWatch::Alarm": _NO_MONITORING,
    "AWS::CloudWatch::CompositeAlarm": _NO_MONITORING,
    "AWS::CloudWatch::Dashboard": _NO_MONITORING,
    "AWS::EC2::EIP": _NO_NETWORK,
    "AWS::EC2::EgressOnlyInternetGateway": _NO_NETWORK,
    "AWS::EC2::FlowLog": _NO_NETWORK,
    "AWS::EC2::InternetGateway": _NO_NETWORK,
    "AWS::EC2::NatGateway": _NO_NETWORK,
    "AWS::EC2::Route": _NO_NETWORK,
    "AWS::EC2::RouteTable": _NO_NETWORK,
    "AWS::EC2::SecurityGroup": _NO_NETWORK,
    "AWS::EC2::SecurityGroupEgress": _NO_NETWORK,
    "AWS::EC2::SecurityGroupIngress": _NO_NETWORK,
    "AWS::EC2::Subnet": _NO_NETWORK,
    "AWS::EC2::SubnetRouteTableAssociation": _NO_NETWORK,
    "AWS::EC2::VPC": _NO_NETWORK,
    "AWS::EC2::VPCCidrBlock": _NO_NETWORK,
    "AWS::EC2::VPCEndpoint": _NO_NETWORK,
    "AWS::EC2::VPCGatewayAttachment": _NO_NETWORK,
    "AWS::ElastiCache::User": _ENDPOINT,
    "AWS::ElastiCache::UserGroup": _ENDPOINT,
    "AWS::Events::EventBusPolicy": _NO_ACCESS_CONTROL,
    "AWS::IAM::ManagedPolicy": _NO_ACCESS_CONTROL,
    "AWS::IAM::Policy": _NO_ACCESS_CONTROL,
    "AWS::IAM::Role": _NO_ACCESS_CONTROL,
    "AWS::Logs::LogGroup": "the functions' logs are in .orchstack/logs",
    "AWS::Logs::MetricFilter": _NO_MONITORING,
    "AWS::Logs::ResourcePolicy": _NO_ACCESS_CONTROL,
    "AWS::RDS::DBClusterParameterGroup": _ENDPOINT,
    "AWS::RDS::DBInstance": _ENDPOINT,
    "AWS::RDS::DBSubnetGroup": _NO_NETWORK,
    "AWS::S3::BucketPolicy": _NO_ACCESS_CONTROL,
    "AWS::SNS::TopicPolicy": _NO_ACCESS_CONTROL,
    "AWS::SQS::QueuePolicy": _NO_ACCESS_CONTROL,
    "AWS::SecretsManager::ResourcePolicy": _NO_ACCESS_CONTROL,
    "AWS::SecretsManager::SecretTargetAttachment": "the database takes no password",
    "AWS::WAFv2::LoggingConfiguration": _NO_MONITORING,
    "AWS::WAFv2::WebACL": "nothing is filtered",
    "AWS::WAFv2::WebACLAssociation": "nothing is filtered",
    "Custom::LogRetention": _CDK_HELPER,
    "Custom::S3AutoDeleteObjects": _CDK_HELPER,
    "Custom::VpcRestrictDefaultSG": _CDK_HELPER,
}

_ARNS = {
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{name}:*",
}

_ATTRIBUTES: Mapping[str, JsonMapping] = {
    "AWS::EC2::VPC": {
        "CidrBlock": "10.0.0.0/16",
        "CidrBlockAssociations": ["vpc-cidr-assoc-local"],
        "DefaultNetworkAcl": "acl-local",
        "DefaultSecurityGroup": "sg-local",
        "Ipv6CidrBlocks": ["fd00:10:0:0::/56"],
    },
    "AWS::EC2::Subnet": {"AvailabilityZone": f"{REGION}a", "Ipv6CidrBlocks": ["fd00:10::/64"]},
    "AWS::EC2::VPCEndpoint": {"DnsEntries": ["local:localhost"], "NetworkInterfaceIds": []},
}


def create(resource: Resource) -> Created:
    """Give the resource a name, and its ARN where others may parse it."""
    name = str(resource.properties.get("LogGroupName") or resource.name)
    pattern = _ARNS.get(resource.type)
    if pattern is None:
        return Created(name, _ATTRIBUTES.get(resource.type, {}), open_ended=True)
    full = pattern.format(account=ACCOUNT, region=REGION, name=name)
    return Created(name, {"Arn": full}, open_ended=True)
