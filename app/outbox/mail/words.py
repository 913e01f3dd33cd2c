"""The sentences of emails, in the language of the recipient. A table has one for each kind of email."""

from collections.abc import Sequence
from typing import Final

from app.adapters.translations import N_, Translation
from app.domain.notifications.content import Content, Item
from app.domain.notifications.kinds import DIGEST
from app.outbox.mail.texts import clean_line, clean_name

_SUBJECTS: Final = {
    # docs/contracts/astuto.md, section 3.6.
    "comment": N_('[%(portal)s] New comment on "%(title)s"'),
    "reply": N_('[%(portal)s] New reply on your comment on post "%(title)s"'),
    "post_update": N_('[%(portal)s] New update for post "%(title)s"'),
    "status_change": N_('[%(portal)s] Status change on post "%(title)s"'),
    "mention": N_('[%(portal)s] You were mentioned on post "%(title)s"'),
    "new_post": N_('[%(portal)s] New post "%(title)s"'),
    "pending_post": N_('[%(portal)s] Post "%(title)s" waits for approval'),
    "invitation": N_("You are invited to %(portal)s"),
    "password_reset": N_("[%(portal)s] Reset your password"),
    "email_confirmation": N_("[%(portal)s] Confirm your email address"),
    "email_changed": N_("[%(portal)s] Your email address was changed"),
    "password_changed": N_("[%(portal)s] Your password was changed"),
    "passkey_added": N_("[%(portal)s] A passkey was added to your account"),
    "key_created": N_("[%(portal)s] An API key was created for your account"),
    "sign_in": N_("[%(portal)s] Sign in"),
    "approval": N_("[%(portal)s] Your account is ready"),
}
_RECAP_SUBJECTS: Final = {
    "daily": N_("[%(portal)s] Daily recap of feedback space activity"),
    "weekly": N_("[%(portal)s] Weekly recap of feedback space activity"),
    "monthly": N_("[%(portal)s] Monthly recap of feedback space activity"),
}
_RECAP_HEADINGS: Final = {
    "daily": N_("Daily recap"),
    "weekly": N_("Weekly recap"),
    "monthly": N_("Monthly recap"),
}
_LEADS: Final = {
    "comment": N_("%(author)s commented on your post:"),
    "reply": N_("%(author)s replied to your comment on this post:"),
    "post_update": N_("%(author)s wrote an update on a post that you follow:"),
    "status_change": N_("The status of a post that you follow has changed:"),
    "mention": N_("%(author)s mentioned you in a comment on this post:"),
    "new_post": N_("%(author)s wrote a new post:"),
    "pending_post": N_("%(author)s wrote a post that waits for approval:"),
}
_BUTTONS: Final = {
    "comment": N_("Show the comment"),
    "reply": N_("Show the reply"),
    "post_update": N_("Show the update"),
    "status_change": N_("Show the post"),
    "mention": N_("Show the comment"),
    "new_post": N_("Show the post"),
    "pending_post": N_("Show the post"),
    "recap": N_("Open the portal"),
    "digest": N_("Open the portal"),
    "invitation": N_("Accept the invitation"),
    "password_reset": N_("Choose a new password"),
    "email_confirmation": N_("Confirm the address"),
    "sign_in": N_("Sign in"),
    "approval": N_("Open the portal"),
}
_HEADINGS: Final = {
    "digest": N_("What is new"),
    "invitation": N_("You are invited"),
    "password_reset": N_("Reset your password"),
    "email_confirmation": N_("Confirm your email address"),
    "email_changed": N_("Your email address was changed"),
    "password_changed": N_("Your password was changed"),
    "passkey_added": N_("A passkey was added to your account"),
    "key_created": N_("An API key was created for your account"),
    "sign_in": N_("Sign in"),
    "approval": N_("Your account is ready"),
}
_PARAGRAPHS: Final = {
    "invitation": (
        N_("You are invited to %(portal)s, where you can suggest ideas, vote and comment."),
        N_("Accept the invitation to choose your name and your password."),
    ),
    "password_reset": (
        N_("Somebody asked for a new password for your account. If that was you, choose one with the link below."),
        N_("Otherwise you need not do anything: your password stays as it is."),
    ),
    "email_confirmation": (
        N_("Please confirm that %(email)s is your address."),
        N_("If you do not know why you get this email, you need not do anything."),
    ),
    "email_changed": (
        N_("The email address of your account is now %(email)s."),
        N_("If that was not you, please tell the team of %(portal)s."),
    ),
    "password_changed": (
        N_("The password of your account was changed."),
        N_("If that was not you, please tell the team of %(portal)s, and ask for a new password."),
    ),
    "passkey_added": (
        N_("Somebody who was signed in as you added a passkey, which can sign in to your account."),
        N_("If that was not you, delete it on your profile, change your password, and tell the team of %(portal)s."),
    ),
    "key_created": (
        N_("Somebody who was signed in as you created an API key, by which a program may do what you may do."),
        N_("If that was not you, revoke it on your profile, change your password, and tell the team of %(portal)s."),
    ),
    "sign_in": (
        N_(
            "To sign in to %(portal)s, enter this code in the browser in which you asked for it, or use the link below."
        ),
        N_("The code and the link are valid once, for 15 minutes."),
        N_("If you did not ask for them, you need not do anything. Do not pass them on to anybody."),
    ),
    "approval": (N_("The team of %(portal)s has approved your account: you can sign in now."),),
}
_SIGN_IN_WITHOUT_CODE: Final = (
    N_("To sign in to %(portal)s, use the link below."),
    N_("Too many wrong codes were entered for your account today, so there is no code."),
    N_("The link is valid once, for 15 minutes."),
    N_("If you did not ask for it, you need not do anything. Do not pass it on to anybody."),
)
_VALIDITIES: Final = {
    # As `one_time_tokens.LIFETIMES`.
    "invitation": N_("The link is valid for 90 days."),
    "password_reset": N_("The link is valid for one hour."),
    "email_confirmation": N_("The link is valid for three days."),
}
_REASONS: Final = {
    "comment": N_("You get this email because you wrote the post."),
    "reply": N_("You get this email because you wrote the comment that was answered."),
    "post_update": N_("You get this email because you follow the post."),
    "status_change": N_("You get this email because you follow the post."),
    "mention": N_("You get this email because you were mentioned."),
    "new_post": N_("You get this email because you want to be told of new posts."),
    "pending_post": N_("You get this email because you want to be told of posts that wait for approval."),
    "recap": N_("You get this email because you want a recap."),
    "digest": N_("You get this email because you want your notifications together."),
    "invitation": N_("You get this email because somebody at %(portal)s has invited %(address)s."),
    "password_reset": N_("You get this email because somebody entered %(address)s at %(portal)s."),
    "email_confirmation": N_("You get this email because somebody entered %(address)s at %(portal)s."),
    "sign_in": N_("You get this email because somebody entered %(address)s at %(portal)s."),
    "approval": N_("You get this email because somebody signed up with %(address)s at %(portal)s."),
    "email_changed": N_("You get this email because it is about the security of your account at %(portal)s."),
    "password_changed": N_("You get this email because it is about the security of your account at %(portal)s."),
    "passkey_added": N_("You get this email because it is about the security of your account at %(portal)s."),
    "key_created": N_("You get this email because it is about the security of your account at %(portal)s."),
}


class Words:
    """The sentences of one email, as plain text in one line each."""

    def __init__(self, content: Content, translation: Translation) -> None:
        self._content = content
        self._catalogue = translation.catalogue
        self.portal = clean_line(content.portal_title)

    @property
    def subject(self) -> str:
        """The subject."""
        content = self._content
        if content.kind == DIGEST:
            count = len(content.items)
            ngettext = self._catalogue.ngettext
            text = ngettext(
                "[%(portal)s] %(count)s new notification", "[%(portal)s] %(count)s new notifications", count
            )
            return text % {"portal": self.portal, "count": count}
        if content.recap is not None:
            return self._say(_RECAP_SUBJECTS[content.recap.frequency])
        return self._say(
            _SUBJECTS[content.kind], title=clean_line(content.items[0].post.title) if content.items else ""
        )

    @property
    def greeting(self) -> str:
        """The greeting, by name if there is one."""
        name = clean_name(self._content.to_name)
        return self._say(N_("Hello %(name)s,"), name=name) if name else self._say(N_("Hello,"))

    @property
    def heading(self) -> str:
        """The heading of an email that is not about one post."""
        if self._content.recap is not None:
            return self._say(_RECAP_HEADINGS[self._content.recap.frequency])
        return self._say(_HEADINGS[self._content.kind])

    @property
    def paragraphs(self) -> Sequence[str]:
        """The sentences of an email that is not about posts."""
        content = self._content
        if content.recap is not None:
            return self._count_posts(content.recap.published, content.recap.pending)
        account = content.account
        email = clean_line((account and account.new_email) or content.to_email)
        has_no_code = content.kind == "sign_in" and account is not None and account.code is None
        texts = _SIGN_IN_WITHOUT_CODE if has_no_code else _PARAGRAPHS[content.kind]
        return [*(self._say(text, email=email) for text in texts), *self.validity]

    @property
    def validity(self) -> Sequence[str]:
        """How long the link is valid, in an email about the account that has one."""
        text = _VALIDITIES.get(self._content.kind)
        return [] if text is None else [self._say(text)]

    @property
    def button(self) -> str | None:
        """The label of the button; None for an email without one."""
        label = _BUTTONS.get(self._content.kind)
        return None if label is None else self._say(label)

    @property
    def reason(self) -> str:
        """Why the reader gets the email."""
        return self._say(_REASONS[self._content.kind], address=clean_line(self._content.to_email))

    def introduce(self, item: Item) -> str:
        """The sentence before the post, the text or the status of a notification."""
        author = clean_line(item.author) if item.author else self._say(N_("Somebody"))
        return self._say(_LEADS[item.kind], author=author)

    def _count_posts(self, published: int, pending: int) -> list[str]:
        ngettext = self._catalogue.ngettext
        counts = (
            ngettext("%(count)s new post was published.", "%(count)s new posts were published.", published),
            ngettext("%(count)s post waits for approval.", "%(count)s posts wait for approval.", pending),
        )
        return [text % {"count": count} for text, count in zip(counts, (published, pending), strict=True)]

    def _say(self, message: str, **values: str) -> str:
        return self._catalogue.gettext(message) % {"portal": self.portal, **values}
