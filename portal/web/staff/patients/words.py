"""What a record calls the things that happened to visits, who did them, and the mails about them."""

from __future__ import annotations

from portal.notices.kinds import MailKind

EVENTS = {
    "booking.held": "Time held",
    "booking.payment_started": "Went to pay",
    "booking.payment_not_started": "The payment page could not be opened",
    "booking.paid_too_late": "Paid after the time was let go",
    "booking.confirmed": "Booked",
    "booking.put_back": "Undone: put back as it was before",
    "booking.patient_changed": "Given to another patient",
    "booking.not_told": "Decided not to tell the patient",
    "booking.told_now": "Had the patient told at once",
    "booking.paid_at_clinic": "Paid at the clinic",
    "booking.payment_taken_back": "The payment at the clinic was a slip",
    "booking.released": "Time let go",
    "booking.expired": "The hold lapsed",
    "booking.not_placed": "No time was left; everything paid goes back",
    "offer.made": "Other times offered",
    "offer.accepted": "Took one of the other times",
    "offer.declined": "None of the other times suited",
}
ACTORS = {"patient": "The patient", "stripe": "Stripe", "clock": "By itself", "clinic": "The clinic"}
MAILS: dict[str, str] = {
    MailKind.CONFIRMATION: "Confirmation",
    MailKind.MOVED: "New time",
    MailKind.CANCELLED: "Cancellation",
    MailKind.NOT_PLACED: "Money on its way back",
    MailKind.PERSONAL_LINK: "Personal link",
    MailKind.CONFIRMATION_AGAIN: "Confirmation, sent again",
    MailKind.OFFER: "Other times",
}
