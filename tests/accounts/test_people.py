from __future__ import annotations

import pytest

from accounts.models import User
from tests import people
from tests.factories import MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db


def test_the_four_people_can_be_made_together():
    alice, bob, carol, mallory = (
        people.alice(), people.bob(areas=["Sales"]), people.carol(), people.mallory(),
    )  # fmt: skip
    assert alice.mentee.company == "Acorn"
    assert [e.area for e in bob.mentor.expertise.all()] == ["Sales"]
    assert carol.is_staff
    assert carol.groups.exists()
    assert mallory.is_active
    assert MentorFactory(areas=["Legal"]).expertise.count() == 1
    assert MenteeFactory(user__verified=False).user.emailaddress_set.get().verified is False


@pytest.mark.parametrize(
    ("name", "short", "initials"),
    [
        ("Alice Moreau", "Alice", "AM"),
        ("Dr Olumide Fashola", "Olumide", "OF"),
        ("Prof. Tran Van Minh", "Tran", "TM"),
        ("Madonna", "Madonna", "M"),
        ("Dr", "Dr", "D"),
        ("", "x@example.com", "X"),
    ],
)
def test_people_are_spoken_of_without_their_title(name, short, initials):
    user = User(name=name, email="x@example.com")
    assert (user.get_short_name(), user.initials) == (short, initials)
