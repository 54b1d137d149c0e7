"""Bookings for the clinic under measure, written straight into its database."""

from __future__ import annotations

from sqlalchemy import text

from portal.db import db, transaction
from tests.bench.stage import Stage

# Visits of a clinic that was open day and night: an hour each, one after the other into the past.
_HISTORY = text(
    """
    with person as (select id, row_number() over (order by id) - 1 as place, count(*) over () as people
                    from practitioner)
    insert into booking (reference, appointment_type_id, practitioner_id, location_id, status, starts_at, ends_at,
                         blocked, held_at, terms, source, overlap_allowed, overlap_reason, version, booked_for,
                         booked_by, cancelled_by)
    select 'OLD-' || number, type.id, person.id, location.id, 'completed', at, at + interval '15 minutes',
           tstzrange(at, at + interval '15 minutes'), at, '{}', 'web', false, '', 0, 'self', '', ''
    from generate_series(cast(:first as int), cast(:last as int)) as number
    join person on person.place = number % person.people
    cross join lateral (
        select date_trunc('hour', now()) - interval '1 hour' * (24 + number / person.people) as at
    ) visit
    cross join (select id from appointment_type order by id limit 1) type
    cross join (select id from location order by id limit 1) location
    """
)


def history(stage: Stage, visits: int) -> int:
    """Let there be so many completed visits in the past; -> how many bookings there are now."""
    with stage.app.app_context():
        with transaction():
            have = db.session.scalar(text("select count(*) from booking where reference like 'OLD-%'")) or 0
            db.session.execute(_HISTORY, {"first": have, "last": visits - 1})
            db.session.execute(
                text("delete from booking where reference like 'OLD-%' and substr(reference, 5)::int >= :visits"),
                {"visits": visits},
            )
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum analyze booking"))
            return int(connection.scalar(text("select count(*) from booking")) or 0)
