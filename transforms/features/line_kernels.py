"""The inner loop over events of paid order lines: what each takes back and what it gives, compiled by numba."""

from typing import Final

from schemas.kernels import kernel
from transforms import event_kernels as kinds_of
from transforms.state.index import find_or_add

NOTHING: Final = -1
"""The net amount of a line that is not paid, cancelled, or wholly refunded."""
_PAID: Final = kinds_of.PAID
_CANCELLED: Final = kinds_of.CANCELLED
_REFUNDED: Final = kinds_of.REFUNDED


@kernel
def _net(paid, refunded, payments, cancelled, line):
    if payments[line] == 0 or cancelled[line]:
        return NOTHING
    left = paid[line] - refunded[line]
    if refunded[line] > 0 and left <= 0:
        return NOTHING
    return left


@kernel
def _tell(out, used, sign, time, event, amount, amount_field, numbers, hashes):
    """Emit a line as it was or is: the event that paid it, with its net amount."""
    out_sign, out_time, out_event, out_numbers, out_hashes = out
    out_sign[used], out_time[used], out_event[used] = sign, time, event
    for field in range(len(numbers)):
        out_numbers[field, used] = numbers[field]
    out_numbers[amount_field, used] = amount
    for column in range(len(hashes)):
        out_hashes[column, used] = hashes[column]
    return used + 1


@kernel
def absorb(
    kinds, lines, times, events, numbers, hashes, amount_field, horizon_ms, index_keys, index_rows, used, paid, refunded,
    payments, cancelled, cancelled_ms, refunded_ms, pay_ms, pay_event, seen_ms, line_numbers, line_hashes, keys, out,
):  # fmt: skip
    """Take order events; returns how many lines there are, and how many rows were emitted."""
    emitted = 0
    for i in range(len(kinds)):
        kind = kinds[i]
        if kind != _PAID and kind != _CANCELLED and kind != _REFUNDED:
            continue
        before = used
        line, used = find_or_add(index_keys, index_rows, used, lines[i])
        time = times[i]
        if used > before:
            keys[line] = lines[i]
            paid[line], refunded[line], payments[line], cancelled[line] = 0, 0, 0, 0
            cancelled_ms[line], refunded_ms[line], pay_ms[line], pay_event[line], seen_ms[line] = (
                0,
                0,
                0,
                0,
                time,
            )
        seen_ms[line] = max(seen_ms[line], time)
        held = _net(paid, refunded, payments, cancelled, line)
        held_ms, held_event = pay_ms[line], pay_event[line]
        if held != NOTHING:
            emitted = _tell(
                out,
                emitted,
                -1,
                held_ms,
                held_event,
                held,
                amount_field,
                line_numbers[line],
                line_hashes[line],
            )
        amount = numbers[amount_field, i]
        if kind == _PAID:
            if payments[line] == 0:
                if refunded_ms[line] and abs(time - refunded_ms[line]) > horizon_ms:
                    refunded[line] = 0
                if cancelled_ms[line] and abs(time - cancelled_ms[line]) > horizon_ms:
                    cancelled[line] = 0
            if payments[line] == 0 or time < held_ms or (time == held_ms and events[i] < held_event):
                pay_ms[line], pay_event[line] = time, events[i]
                line_numbers[line], line_hashes[line] = numbers[:, i], hashes[:, i]
            payments[line] += 1
            paid[line] += amount
        elif payments[line] == 0 or abs(time - pay_ms[line]) <= horizon_ms:
            if kind == _CANCELLED:
                cancelled[line], cancelled_ms[line] = 1, max(cancelled_ms[line], time)
            else:
                refunded[line] += amount
                refunded_ms[line] = max(refunded_ms[line], time)
        now = _net(paid, refunded, payments, cancelled, line)
        unchanged = now == held and pay_ms[line] == held_ms and pay_event[line] == held_event
        if held != NOTHING and unchanged:
            emitted -= 1
        elif now != NOTHING:
            emitted = _tell(
                out,
                emitted,
                1,
                pay_ms[line],
                pay_event[line],
                now,
                amount_field,
                line_numbers[line],
                line_hashes[line],
            )
    return used, emitted
