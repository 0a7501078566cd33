"""The generation of everything that answers are made of: one number that every change counts up.

A kept answer is of one generation, and is given again only while that is still the newest. Who counts is a
trigger on the rows themselves, so it does not matter which path wrote them: a page, the admin, Airtable, a
bulk update, SQL.

Counting up comes before the change can be seen by others, for that happens at the commit. In between, somebody
could read the new number and the old rows, and would keep the old answer under the new number. Hence
the lock: whoever counts up holds it, shared with everyone else who does, until their transaction has
ended *and* can be seen (Postgres lets go of locks last). Who finds nobody holding it after having read
the number sees, in every statement from then on, all changes up to that number.

A sequence, because a number in a row would be locked by its writer until the commit, and make all writers
wait for each other.
"""

from __future__ import annotations

from typing import Final

import pgtrigger

# Advisory locks share one number space per database; this one is ours. Never waited for: it is only
# ever taken shared, and readers just look who holds it.
CHANGE_LOCK: Final = 0x0FF1_CE04

# Once in a transaction is enough, because the lock is held to its end; noted in a setting that ends with it,
# and is taken back where the change is (a savepoint), as the lock is. A load of 100,000 rows asks each
# time and counts once.
COUNT_UP: Final = f"""
    IF current_setting('matching.counted', true) IS DISTINCT FROM 'yes' THEN
        PERFORM pg_advisory_xact_lock_shared({CHANGE_LOCK});
        PERFORM nextval('matching_generation');
        PERFORM set_config('matching.counted', 'yes', true);
    END IF;
"""


def outdates_answers(
    name: str,
    operation: pgtrigger.Operation,
    *,
    columns: tuple[str, ...] = (),
    condition: str = "",
    only_if: str = "",
) -> pgtrigger.Trigger:
    """A trigger by which a change of the row ends every kept answer.

    Args:
        columns: an update counts where one of these has another value; Django saves all columns.
        condition: SQL on OLD and NEW, in place of `columns`.
        only_if: SQL on NEW and OLD that may ask other tables, in PL/pgSQL.
    """
    differs = condition or " OR ".join(
        f'OLD."{column}" IS DISTINCT FROM NEW."{column}"' for column in columns
    )
    body = f"IF {only_if} THEN {COUNT_UP} END IF;" if only_if else COUNT_UP
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=operation,
        condition=pgtrigger.Condition(differs) if differs else None,
        func=pgtrigger.Func(f"{body} RETURN NULL;"),
    )


def rows_outdate_answers(*columns: str, condition: str = "") -> list[pgtrigger.Trigger]:
    """Triggers by which a row that comes or goes ends every kept answer, and one that changes in these columns."""
    return [
        outdates_answers("outdate_answers_by_number", pgtrigger.Insert | pgtrigger.Delete),
        outdates_answers("outdate_answers", pgtrigger.Update, columns=columns, condition=condition),
    ]
