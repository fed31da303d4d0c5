"""moto's stores of the one account and region there are here."""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError, ServiceException
from moto.events.models import events_backends
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.scheduler.models import scheduler_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from orchstack.local.state import Moto
from orchstack.local.template import ACCOUNT, REGION

# Every refusal a store raises, such as "no such queue", is one of these.
REFUSALS: tuple[type[Exception], ...] = (ServiceException, JsonRESTError)


def queues() -> Moto:
    """The store of SQS."""
    return sqs_backends[ACCOUNT][REGION]


def event_buses() -> Moto:
    """The store of EventBridge."""
    return events_backends[ACCOUNT][REGION]


def schedules() -> Moto:
    """The store of EventBridge Scheduler."""
    return scheduler_backends[ACCOUNT][REGION]


def machines() -> Moto:
    """The store of Step Functions, the one that executes."""
    return stepfunctions_parser_backends[ACCOUNT][REGION]


def keys() -> Moto:
    """The store of KMS."""
    return kms_backends[ACCOUNT][REGION]


def secrets() -> Moto:
    """The store of Secrets Manager."""
    return secretsmanager_backends[ACCOUNT][REGION]


def buckets() -> Moto:
    """The store of S3, which knows no regions."""
    return s3_backends[ACCOUNT]["aws"]
