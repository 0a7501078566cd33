"""What this room tells the rooms above it, inside the transaction in which it happens.

A receiver that fails undoes the change, so that there is never a person without the row of theirs.
"""

from __future__ import annotations

from django.dispatch import Signal

# A person's row is about to be locked. Rooms above that lock rows of theirs together with it do that
# first: mentor, mentee, person is the order everywhere, so that nobody waits in a circle.
# Arguments: user_id.
locking = Signal()

# A person signed up by themselves. Arguments: user, now.
signed_up = Signal()

# A person's time zone is another one. Arguments: user, before (the old name), now.
time_zone_changed = Signal()
