"""What may happen to an order, and what then becomes true.

Statuses, triggers and their effect on payment and fulfilment: Commerce Layer documentation, Orders. Where `_cancel`
is allowed: what the official dashboard offers (dashboard-apps, orderDictionary.ts); the server's own guard is not
published.
"""

from __future__ import annotations

from service.sandbox.problems import Problem, invalid
from service.sandbox.state import Record, State

_NOT_SHIPPED = ("unfulfilled", "not_required")
# (status, payment_status) to the fulfilment statuses in which a cancellation is offered.
_CANCELLABLE: dict[tuple[str, str], tuple[str, ...]] = {
    ("placed", "authorized"): _NOT_SHIPPED,
    ("placed", "paid"): _NOT_SHIPPED,
    ("placed", "partially_refunded"): _NOT_SHIPPED,
    ("placed", "free"): _NOT_SHIPPED,
    ("placed", "unpaid"): ("unfulfilled",),
    ("placed", "partially_authorized"): ("unfulfilled",),
    ("approved", "authorized"): _NOT_SHIPPED,
}
_VOIDED = {"authorized": "voided", "partially_authorized": "voided"}


def price(cents: int) -> dict[str, object]:
    """The attributes that say what an order costs, from whole cents of euros."""
    return {
        "total_amount_with_taxes_cents": cents,
        "total_amount_with_taxes_float": cents / 100,
        "formatted_total_amount_with_taxes": f"€{cents // 100},{cents % 100:02d}",
    }


def may_cancel(order: Record) -> bool:
    """Tell whether a cancellation would be accepted, an order that is already cancelled aside."""
    fulfilments = _CANCELLABLE.get((order["status"], order["payment_status"]), ())
    return order["fulfillment_status"] in fulfilments


def pull(state: State, order: Record, trigger: str, *, by: str = "api", cause: str = "") -> None:
    """Carry out one trigger attribute of an order, such as _cancel.

    Doing to an order what has already been done to it changes nothing and fires nothing ("order status changes are
    idempotent", Commerce Layer documentation, Orders).

    Args:
        state: its lock is held.
        order: the order.
        trigger: one of the triggers of the resource.
        by: who asked, for the log of effects: "api" or "platform".
        cause: the factory that asked, or "".

    Raises:
        Problem: 422, the order is in no state for it.
    """
    _TRIGGERS[trigger](state, order, by, cause)


def _refused(order: Record, wanted: str) -> Problem:
    """The 422 of a refused transition; its exact body is not public, its sentence is (errors_log in the reference)."""
    return invalid("status", f"cannot transition from {order['status']} to {wanted}", error="invalid_transition")


def _pending(state: State, order: Record, by: str, cause: str) -> None:
    if order["status"] == "pending":
        return
    if order["status"] not in ("draft", "placing"):
        raise _refused(order, "pending")
    state.change(order, status="pending")
    state.note("pending", order, by, cause)
    state.fire("pending", order, cause)


def _place(state: State, order: Record, by: str, cause: str) -> None:
    if order["status"] == "placed":
        return
    if order["status"] not in ("pending", "placing"):
        raise _refused(order, "placed")
    unpaid = order["payment_status"] == "unpaid"
    payment = "authorized" if unpaid else order["payment_status"]
    state.change(order, stamps=("placed_at",), status="placed", payment_status=payment)
    state.note("place", order, by, cause)
    if unpaid:
        state.fire("authorize", order, cause)
    state.fire("place", order, cause)


def _cancel(state: State, order: Record, by: str, cause: str) -> None:
    if order["status"] == "cancelled":
        return
    if not may_cancel(order):
        raise _refused(order, "cancelled")
    payment = order["payment_status"]
    state.change(order, stamps=("cancelled_at",), status="cancelled", payment_status=_VOIDED.get(payment, payment))
    state.note("cancel", order, by, cause)
    if payment in _VOIDED:
        state.fire("void", order, cause)
    state.fire("cancel", order, cause)


def _approve(state: State, order: Record, by: str, cause: str) -> None:
    if order["status"] == "approved":
        return
    if order["status"] != "placed":
        raise _refused(order, "approved")
    state.change(order, stamps=("approved_at",), status="approved")
    state.note("approve", order, by, cause)
    state.fire("approve", order, cause)


def _capture(state: State, order: Record, by: str, cause: str) -> None:
    if order["payment_status"] == "paid":
        return
    if (order["status"], order["payment_status"]) != ("approved", "authorized"):
        raise invalid(
            "payment_status",
            f"cannot transition from {order['payment_status']} to paid",
            error="invalid_transition",
        )
    moving = order["fulfillment_status"] == "unfulfilled"
    fulfillment = "in_progress" if moving else order["fulfillment_status"]
    state.change(order, payment_status="paid", fulfillment_status=fulfillment)
    state.note("capture", order, by, cause)
    state.fire("pay", order, cause)


def _approve_and_capture(state: State, order: Record, by: str, cause: str) -> None:
    _approve(state, order, by, cause)
    _capture(state, order, by, cause)


def _refund(state: State, order: Record, by: str, cause: str) -> None:
    """Refund in full, which cancels the order too."""
    if order["payment_status"] == "refunded":
        return
    if order["payment_status"] not in ("paid", "partially_refunded"):
        raise invalid(
            "payment_status",
            f"cannot transition from {order['payment_status']} to refunded",
            error="invalid_transition",
        )
    moving = order["fulfillment_status"] == "in_progress"
    fulfillment = "unfulfilled" if moving else order["fulfillment_status"]
    state.change(
        order,
        stamps=("cancelled_at",),
        status="cancelled",
        payment_status="refunded",
        fulfillment_status=fulfillment,
    )
    state.note("refund", order, by, cause)
    state.fire("refund", order, cause)
    state.fire("cancel", order, cause)


_TRIGGERS = {
    "_pending": _pending,
    "_place": _place,
    "_cancel": _cancel,
    "_approve": _approve,
    "_capture": _capture,
    "_approve_and_capture": _approve_and_capture,
    "_refund": _refund,
}
