"""The pictures of a form: checked and stored, and kept while the form comes back with errors."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Final

from app.adapters.images import InvalidImage
from app.adapters.sealed_values import SealedValues
from app.adapters.storage.stored_uploads import StoredUploads
from app.adapters.translations import N_
from app.domain.posts import texts
from app.domain.posts.attachments import DEFAULT_NAME, StoredFile
from app.http.multipart import Upload
from app.web.field_messages import translate
from app.web.forms import UploadForm
from app.web.viewer import Viewer

FIELD: Final = "images"
KEPT_FIELD: Final = "pictures"
"""The pictures that are stored already. Unlike files, they are part of the page that comes back."""
MAX_PICTURES: Final = 8
MAX_PICTURE_BYTES: Final = 20 * 1024 * 1024
MAX_FORM_BYTES: Final = 28 * 1024 * 1024
"""All pictures of a form together: the limit of a request of the APIs as well."""
KEEP: Final = timedelta(minutes=45)
"""Less than the age at which the sweep of files deletes a file without a row."""
TYPES: Final = ("png", "jpeg", "gif", "webp")
FIELD_LIMITS: Final[Mapping[str, Any]] = {"max_pictures": MAX_PICTURES, "max_megabytes": MAX_PICTURE_BYTES >> 20}
"""What the field says about its limits, as values of templates."""
_PURPOSE: Final = "picture"

_TOO_MANY: Final = N_("A post can have at most %(maximum)s pictures.")
_TOO_LARGE: Final = N_("%(name)s is larger than %(maximum)s MB.")
_NO_PICTURE: Final = N_("%(name)s is not a picture: PNG, JPEG, GIF and WebP can be used.")
_TOO_LARGE_TOGETHER: Final = N_("The pictures are larger than %(maximum)s MB together. Choose fewer or smaller ones.")
_FORM_TOO_LARGE: Final = N_(
    "A text can have at most %(characters)s characters, and all pictures together %(megabytes)s MB. Go back and "
    "shorten the text, or choose fewer pictures."
)
CHOOSE_AGAIN: Final = N_("Choose the pictures again: only your text could be kept.")


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A stored picture as the page that comes back has it."""

    name: str
    sealed: str


@dataclass(frozen=True, slots=True)
class FormPictures:
    """The pictures of a form that can be used, and messages about the others."""

    kept: Sequence[KeptPicture]
    errors: Sequence[str]


NO_PICTURES: Final = FormPictures((), ())


class Pictures:
    """Reads the pictures of forms. Only users may send some, because whoever stores a file should have an account."""

    def __init__(self, sealed_values: SealedValues) -> None:
        self._sealed_values = sealed_values

    async def store(
        self, viewer: Viewer, form: UploadForm, stored: StoredUploads, *, existing_count: int = 0
    ) -> FormPictures:
        """Store the pictures of the form, for a post that has so many others already.

        Without others, the first one becomes the image of the post. The rest are attachments. Raises
        StorageUnavailable, ServiceUnavailable.
        """
        max_pictures = max(0, MAX_PICTURES - existing_count)
        kept, errors = [], []
        for sealed in form.list_texts(KEPT_FIELD)[:max_pictures]:
            file = self._open(viewer, sealed)
            if file is not None:
                stored.earlier.append(file)
                # Sealed again it would be younger than its file.
                kept.append(KeptPicture(file.original_name or DEFAULT_NAME, sealed))
        uploads = form.list_files(FIELD)
        free = max_pictures - len(kept)
        if len(uploads) > free:
            errors.append(translate(viewer.locale, _TOO_MANY, maximum=MAX_PICTURES))
        for upload in uploads[:free]:
            name = upload.filename or DEFAULT_NAME
            try:
                file = await _store_picture(upload, stored)
            except _Unusable as unusable:
                errors.append(translate(viewer.locale, unusable.text, name=name, maximum=MAX_PICTURE_BYTES >> 20))
            else:
                kept.append(KeptPicture(file.original_name or DEFAULT_NAME, self._seal(viewer, file)))
        if not form.is_complete:
            errors.append(translate(viewer.locale, _TOO_LARGE_TOGETHER, maximum=MAX_FORM_BYTES >> 20))
        if not existing_count:
            _choose_main_picture(stored)
        return FormPictures(kept, errors)

    def _seal(self, viewer: Viewer, file: StoredFile) -> str:
        assert viewer.user is not None
        content = {"user": viewer.user.user_id, "file": asdict(file)}
        return self._sealed_values.seal(_PURPOSE, viewer.portal["id"], content)

    def _open(self, viewer: Viewer, sealed: str) -> StoredFile | None:
        opened = self._sealed_values.open(_PURPOSE, viewer.portal["id"], sealed, max_age=KEEP)
        if opened is None or viewer.user is None or opened.content["user"] != viewer.user.user_id:
            return None
        return StoredFile(**opened.content["file"])


class _Unusable(Exception):
    """The picture can't be used; `text` says why."""

    def __init__(self, text: str) -> None:
        self.text = text


async def _store_picture(upload: Upload, stored: StoredUploads) -> StoredFile:
    if (upload.size or 0) > MAX_PICTURE_BYTES:
        raise _Unusable(_TOO_LARGE)
    if upload.image_type not in TYPES:
        raise _Unusable(_NO_PICTURE)
    try:
        return await stored.add_image(upload.file, upload.image_type, upload.filename or "", kind="attachment")
    except InvalidImage:
        raise _Unusable(_NO_PICTURE) from None


def has_pictures(form: UploadForm) -> bool:
    """Whether the form has pictures, or was cut off and may have had some."""
    return bool(form.list_files(FIELD) or form.list_texts(KEPT_FIELD) or not form.is_complete)


def describe_limits(locale: str) -> str:
    """What to say about a form that is too large to be read."""
    megabytes = MAX_FORM_BYTES >> 20
    return translate(locale, _FORM_TOO_LARGE, characters=texts.MAX_DESCRIPTION, megabytes=megabytes)


def _choose_main_picture(stored: StoredUploads) -> None:
    for files in (stored.earlier, stored.files):
        if files:
            files[0] = replace(files[0], kind="image")
            return
