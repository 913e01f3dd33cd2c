"""The form with the choices of notifications: its texts, and how it is stored."""

from collections.abc import Mapping
from typing import Final

from app.adapters.translations import N_
from app.domain.notifications import choices
from app.domain.notifications.kinds import RECAP
from app.domain.unit_of_work import UnitOfWork

LABELS: Final = {
    "post_update": N_("Updates on posts that you follow"),
    "status_change": N_("Changes of the status of posts that you follow"),
    "comment": N_("Comments on your posts"),
    "reply": N_("Replies to your comments"),
    "mention": N_("Comments that mention you"),
    "new_post": N_("New posts"),
    "pending_post": N_("Posts that wait for approval"),
    RECAP: N_("Summary for the team"),
}
CADENCES: Final = (
    ("at_once", N_("At once")),
    ("daily", N_("Once a day, together")),
    ("weekly", N_("Once a week, together")),
    ("never", N_("Never")),
)
RECAPS: Final = (
    ("never", N_("Never")),
    ("daily", N_("Every day")),
    ("weekly", N_("Every week")),
    ("monthly", N_("Every month")),
)


def save_choices(work: UnitOfWork, user_id: int, form: Mapping[str, str]) -> None:
    """Store what differs. A field that is missing changes nothing. Raises Forbidden, NotFound, ValidationFailed."""
    chosen = choices.get_choices(work, user_id)
    for kind, cadence in chosen.cadences.items():
        if form.get(kind, cadence) != cadence:
            choices.set_choice(work, user_id, kind, form[kind])
    if chosen.recap is not None and form.get(RECAP, chosen.recap) != chosen.recap:
        choices.set_recap(work, user_id, form[RECAP])
    if "enabled" in form:
        choices.set_enabled(work, user_id, form["enabled"] == "true")
