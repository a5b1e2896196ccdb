"""The inner loops of `Exposures`: who belongs to which arm of a coupon, what they spent since, and sums of both."""

from typing import Final

from schemas.kernels import inlined, kernel

HELD_OUT: Final = 0
EXPOSED: Final = 1
SQUARE_BITS: Final = 18
WIDTH: Final = 7
"""Users, net, and the square of net in five words: each is worth `2**SQUARE_BITS` of the one before."""

_WORD: Final = (1 << SQUARE_BITS) - 1


@inlined
def _tell(sums, coupon, arm, net, sign):
    """Add one user's part in a coupon's arm; in words of 18 bits, so that millions of squares fit."""
    size = abs(net)
    low, middle, high = size & _WORD, (size >> SQUARE_BITS) & _WORD, size >> (2 * SQUARE_BITS)
    to = sums[2 * coupon + arm]
    to[0] += sign
    to[1] += sign * net
    to[2] += sign * low * low
    to[3] += sign * 2 * low * middle
    to[4] += sign * (2 * low * high + middle * middle)
    to[5] += sign * 2 * middle * high
    to[6] += sign * high * high


@inlined
def _spent(spend_head, spend_time, amount, spend_next, since, upto):
    """Sum what a user spent in a stretch of time, both ends included."""
    total, at = 0, spend_head
    while at >= 0:
        if since <= spend_time[at] <= upto:
            total += amount[at]
        at = spend_next[at]
    return total


@kernel
def note_exposures(
    users, coupons, times, arms, member_head, spend_head, spend, member, used, ends, after_ms, sums
):
    """Make users members of coupons' arms by their first exposure; return how many memberships there are."""
    spend_time, amount, spend_next = spend
    coupon_of, first, arm_of, net, following, user_of = member
    for i in range(len(users)):
        user, coupon = users[i], coupons[i]
        at = member_head[user]
        while at >= 0 and coupon_of[at] != coupon:
            at = following[at]
        if at < 0:
            at = used
            used += 1
            user_of[at], coupon_of[at], following[at] = user, coupon, member_head[user]
            member_head[user] = at
        elif times[i] > first[at] or (times[i] == first[at] and arms[i] >= arm_of[at]):
            continue
        elif first[at] <= ends[coupon]:
            _tell(sums, coupon, arm_of[at], net[at], -1)
        first[at], arm_of[at] = times[i], arms[i]
        net[at] = _spent(spend_head[user], spend_time, amount, spend_next, times[i], ends[coupon] + after_ms)
        if first[at] <= ends[coupon]:
            _tell(sums, coupon, arm_of[at], net[at], 1)
    return used


@kernel
def note_spending(users, times, amounts, member_head, spend_head, spend, member, used, ends, after_ms, sums):
    """Add what users spent, or got back, to their memberships that it falls into; return how many entries there are."""
    spend_time, amount, spend_next = spend
    coupon_of, first, arm_of, net, following, _ = member
    for i in range(len(users)):
        user = users[i]
        spend_time[used], amount[used], spend_next[used] = times[i], amounts[i], spend_head[user]
        spend_head[user] = used
        used += 1
        at = member_head[user]
        while at >= 0:
            coupon = coupon_of[at]
            if first[at] <= times[i] <= ends[coupon] + after_ms:
                if first[at] <= ends[coupon]:
                    _tell(sums, coupon, arm_of[at], net[at], -1)
                    _tell(sums, coupon, arm_of[at], net[at] + amounts[i], 1)
                net[at] += amounts[i]
            at = following[at]
    return used


@kernel
def move_ends(before, ends, spend_head, spend, member, after_ms, sums):
    """Count memberships anew whose coupon ends at another time than before."""
    spend_time, amount, spend_next = spend
    coupon_of, first, arm_of, net, _, user_of = member
    for at in range(len(coupon_of)):
        coupon = coupon_of[at]
        if before[coupon] == ends[coupon]:
            continue
        if first[at] <= before[coupon]:
            _tell(sums, coupon, arm_of[at], net[at], -1)
        net[at] = _spent(
            spend_head[user_of[at]], spend_time, amount, spend_next, first[at], ends[coupon] + after_ms
        )
        if first[at] <= ends[coupon]:
            _tell(sums, coupon, arm_of[at], net[at], 1)


@kernel
def chain(users, following, heads):
    """Link rows to their users anew."""
    heads[:] = -1
    for i in range(len(users)):
        following[i] = heads[users[i]]
        heads[users[i]] = i
