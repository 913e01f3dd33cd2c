"""The addresses in a serialized post."""

from typing import NamedTuple, Self

from app.adapters.storage.signed_urls import FileSigner
from app.api.request import PortalRequest


class PostLinks(NamedTuple):
    """What the addresses of posts in the response to one request are made of."""

    base_url: str
    signer: FileSigner
    is_private: bool
    """Whether the portal is private, so that visitors need signed addresses of all its files."""

    @classmethod
    def of(cls, request: PortalRequest) -> Self:
        """For the response to this request."""
        return cls(request.context.base_url or "", request.services.signer, request.is_private)

    def image(self, name: str, *, is_public: bool) -> str:
        """The address of an image, signed unless visitors can see its post (`is_public`) in this portal."""
        if is_public and not self.is_private:
            return f"{self.base_url}/files/{name}"
        return self.base_url + self.signer.path(name)
