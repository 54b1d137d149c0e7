"""Asks for all that a type's open times follow from in one statement, which answers in texts."""

from __future__ import annotations

from sqlalchemy import Date, DateTime, bindparam, text

# Bookings lie further right in the import order, so all of it is read by name. An override counts as busy for everybody
# else, although the constraint lets it be; a lapsed hold takes nothing, also before the sweep has seen it. A booking
# that awaits payment is released by the payment's own end, never by the clock alone. An Outlook calendar that nobody
# has read for too long, or ever, is unknown: its text changes when that begins or ends, not with every reading.
STATEMENT = text(
    """
    with offered as (
        select who.id, who.slug, who.name, who.daily_cap, who.position, who.graph_user_id
        from practitioner who
        where who.is_active
          and (who.id in (select practitioner_id from type_practitioner where type_id = :type)
               or not exists (select from type_practitioner where type_id = :type))
          and (who.id in (select practitioner_id from working_hours where calendar_slug = :calendar)
               or who.id in (select practitioner_id from exception
                             where kind = 'extra' and calendar_slug = :calendar
                               and starts_at < :until and ends_at > :since))
    )
    select
    (select json_agg(json_build_array(id, slug, name, daily_cap) order by position, id)::text from offered),

    (select json_agg(json_build_array(hours.practitioner_id, hours.location_id, hours.weekday, hours.starts,
                                      hours.ends, hours.valid_from, hours.valid_until) order by hours.id)::text
     from working_hours hours
     join offered on offered.id = hours.practitioner_id
     join location place on place.id = hours.location_id and place.is_telehealth = :telehealth
     where hours.calendar_slug = :calendar
       and (hours.valid_from is null or hours.valid_from <= :last)
       and (hours.valid_until is null or hours.valid_until >= :first)),

    (select json_agg(json_build_array(extra.practitioner_id, extra.location_id,
                                      floor(extract(epoch from extra.starts_at)),
                                      floor(extract(epoch from extra.ends_at))) order by extra.id)::text
     from exception extra
     join offered on offered.id = extra.practitioner_id
     join location place on place.id = extra.location_id and place.is_telehealth = :telehealth
     where extra.kind = 'extra' and extra.calendar_slug = :calendar
       and extra.starts_at < :until and extra.ends_at > :since),

    (select json_agg(json_build_array(practitioner_id, floor(extract(epoch from starts_at)),
                                      ceil(extract(epoch from ends_at)), reason) order by starts_at, id)::text
     from exception
     where kind = 'closed' and starts_at < :until and ends_at > :since),

    (select json_agg(json_build_array(id, name, zone) order by id)::text from location),

    (select json_agg(json_build_array(id, location_id, name) order by id)::text from room),

    (select json_agg(json_build_array(place.id, day.day, day.name, day.state)
                     order by day.day, place.id, day.state)::text
     from holiday day
     join location place on place.id = day.location_id or place.state = day.state
     where day.is_kept and day.day between :first and :last),

    (select json_agg(json_build_array(offered.id, floor(extract(epoch from coalesce(known.failed_at, known.read_at))))
                     order by offered.id)::text
     from offered
     left join outside_calendar known on known.practitioner_id = offered.id and known.source = 'outlook'
     where offered.graph_user_id is not null and coalesce(known.unknown_from <= :now, true)),

    (select json_agg(json_build_array(practitioner_id, room_id, floor(extract(epoch from lower(blocked))),
                                      ceil(extract(epoch from upper(blocked))), appointment_type_id,
                                      floor(extract(epoch from starts_at)), ceil(extract(epoch from ends_at)), id)
                     order by starts_at, id)::text
     from booking
     where blocked && tstzrange(:since, :until)
       and status in ('held', 'awaiting_payment', 'confirmed', 'arrived', 'in_session', 'completed')
       and (status <> 'held' or hold_expires_at > :now)),

    (select json_agg(json_build_array(practitioner_id, floor(extract(epoch from starts_at)),
                                      ceil(extract(epoch from ends_at)), source) order by starts_at, id)::text
     from busy_time
     where starts_at < :until and ends_at > :since and not (in_person_only and :telehealth)),

    least(
        (select min(hold_expires_at) from booking
         where blocked && tstzrange(:since, :until) and status = 'held' and hold_expires_at > :now),
        (select min(unknown_from) from outside_calendar where source = 'outlook' and unknown_from > :now))
    """
).bindparams(
    bindparam("first", type_=Date),
    bindparam("last", type_=Date),
    # Written into the statement: only then does Postgres see that its plan for any value is as good as one made anew,
    # and keeps it. Callers ask for whole weeks, so there are few such statements.
    bindparam("since", type_=DateTime(timezone=True), literal_execute=True),
    bindparam("until", type_=DateTime(timezone=True), literal_execute=True),
    bindparam("now", type_=DateTime(timezone=True)),
)
