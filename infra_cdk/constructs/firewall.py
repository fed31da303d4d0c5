"""A web application firewall: who calls too often or is known to be hostile does not get in.

The managed rules that read bodies are left out: prompts hold code, and would be refused for it.
"""

from __future__ import annotations

from aws_cdk import aws_wafv2 as waf
from constructs import Construct

# Requests of one address in five minutes.
TOO_MANY = 10_000


class Firewall(Construct):
    """Stands before a stage of API Gateway."""

    def __init__(self, scope: Construct, stage_arn: str) -> None:
        super().__init__(scope, "Firewall")
        acl = waf.CfnWebACL(
            self,
            "Rules",
            scope="REGIONAL",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visible("Firewall"),
            rules=[self._known_hostile(), self._too_many()],
        )
        waf.CfnWebACLAssociation(self, "Stands", resource_arn=stage_arn, web_acl_arn=acl.attr_arn)

    def _known_hostile(self) -> waf.CfnWebACL.RuleProperty:
        group = waf.CfnWebACL.ManagedRuleGroupStatementProperty(
            vendor_name="AWS", name="AWSManagedRulesAmazonIpReputationList"
        )
        return waf.CfnWebACL.RuleProperty(
            name="KnownHostile",
            priority=0,
            override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
            statement=waf.CfnWebACL.StatementProperty(managed_rule_group_statement=group),
            visibility_config=_visible("KnownHostile"),
        )

    def _too_many(self) -> waf.CfnWebACL.RuleProperty:
        rate = waf.CfnWebACL.RateBasedStatementProperty(aggregate_key_type="IP", limit=TOO_MANY)
        return waf.CfnWebACL.RuleProperty(
            name="TooMany",
            priority=1,
            action=waf.CfnWebACL.RuleActionProperty(block={}),
            statement=waf.CfnWebACL.StatementProperty(rate_based_statement=rate),
            visibility_config=_visible("TooMany"),
        )


def _visible(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
