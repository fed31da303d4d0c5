"""moto's queues lose messages when threads meet; here every change of a queue holds its lock.

Deleting a message replaces the list of messages, so one sent meanwhile would be gone; two receivers
could get the same message. Waiting for messages gives the lock up, as a condition variable does.
"""

from __future__ import annotations

from moto.sqs.models import Queue, SQSBackend

from orchstack.local.state import Moto

_delete_message = Queue.delete_message
_purge = SQSBackend.purge_queue
_receive_message = SQSBackend.receive_message
_change_message_visibility = SQSBackend.change_message_visibility


def install() -> None:
    """Make the operations of a queue take turns."""
    Queue.delete_message = _locked_delete
    SQSBackend.purge_queue = _locked(_purge)
    SQSBackend.receive_message = _locked(_receive_message)
    SQSBackend.change_message_visibility = _locked(_change_message_visibility, wakes=True)


def lock_of(queue: Moto) -> Moto:
    """The condition that is notified whenever a queue's messages change."""
    return queue._messages_lock  # noqa: SLF001 - moto's own lock


def _locked_delete(queue: Moto, receipt_handle: str) -> None:
    with lock_of(queue):
        _delete_message(queue, receipt_handle)
        # Who waits for the messages of this one's group may have them now.
        lock_of(queue).notify_all()


def _locked(operation: Moto, *, wakes: bool = False) -> Moto:
    def run(backend: Moto, queue_name: str, *args: Moto, **kwargs: Moto) -> Moto:
        lock = lock_of(backend.get_queue(queue_name))
        with lock:
            result = operation(backend, queue_name, *args, **kwargs)
            if wakes:
                lock.notify_all()
            return result

    return run
