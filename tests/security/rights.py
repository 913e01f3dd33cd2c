"""Who may do what: a table of docs/contracts/astuto.md (1.3) and productlift.md (2), independent of the code."""

from dataclasses import dataclass
from typing import Final

ROLES: Final = ("user", "moderator", "admin", "owner")
STATES: Final = ("approved", "pending", "rejected")

# The lowest role that may call the route, and the state that the post must have, if any.
TABLE: Final = """
astuto
    GET     /boards                                     moderator
    POST    /boards                                     admin
    GET     /boards/{id}                                moderator
    GET     /post_statuses                              moderator
    GET     /posts                                      moderator
    POST    /posts                                      moderator
    GET     /posts/{id}                                 moderator
    PUT     /posts/{id}                                 moderator
    PATCH   /posts/{id}                                 moderator
    DELETE  /posts/{id}                                 moderator
    PUT     /posts/{id}/update_board                    moderator
    PUT     /posts/{id}/update_status                   moderator
    PUT     /posts/{id}/approve                         moderator   pending
    PUT     /posts/{id}/reject                          moderator   pending
    GET     /comments                                   moderator
    POST    /comments                                   moderator
    GET     /comments/{id}                              moderator
    PUT     /comments/{id}                              moderator
    PATCH   /comments/{id}                              moderator
    DELETE  /comments/{id}                              moderator
    PUT     /comments/{id}/mark_as_post_update          moderator
    PUT     /comments/{id}/unmark_as_post_update        moderator
    GET     /users                                      moderator
    POST    /users                                      moderator
    GET     /users/{id}                                 moderator
    GET     /users/get_by_email                         moderator
    PUT     /users/{id}/block                           moderator
    GET     /votes                                      moderator
    POST    /votes                                      moderator
    GET     /votes/{id}                                 moderator
    DELETE  /votes/{id}                                 moderator
productlift
    GET     /posts                                      admin
    GET     /posts/search                               admin
    GET     /posts/search_duplicates                    admin
    GET     /posts/all                                  admin
    GET     /posts/{post}                               admin
    POST    /posts                                      admin
    PATCH   /posts/{post}                               admin
    PUT     /posts/{post}                               admin
    DELETE  /posts/{post}                               admin
    GET     /posts/{post}/votes                         admin
    POST    /posts/{post}/votes/{user}                  admin       approved
    DELETE  /posts/{post}/votes/{user}                  admin       approved
    POST    /posts/{post}/anonymous_votes/{anonymous_id}    admin   approved
    DELETE  /posts/{post}/anonymous_votes/{anonymous_id}    admin   approved
    PUT     /posts/{post}/toggle-publish                admin
    POST    /posts/{post}/adjust                        admin
    POST    /posts/{post}/improve                       admin
    POST    /feedback/summarize                         admin
    POST    /product-vision/generate                    admin
    GET     /posts/{post}/comments                      admin
    POST    /posts/{post}/comments                      admin
    PATCH   /posts/{post}/comments/{comment}            admin
    PUT     /posts/{post}/comments/{comment}            admin
    DELETE  /posts/{post}/comments/{comment}            admin
    GET     /users                                      admin
    POST    /users                                      admin
    GET     /users/find_by_email                        admin
    GET     /users/{user}                               admin
    PUT     /users/{user}                               admin
    PATCH   /users/{user}                               admin
    DELETE  /users/{user}                               admin
    GET     /categories                                 admin
    POST    /categories                                 admin
    PATCH   /categories/{id}                            admin
    PUT     /categories/{id}                            admin
    DELETE  /categories/{id}                            admin
    GET     /statuses                                   admin
    POST    /statuses                                   admin
    PATCH   /statuses/{status}                          admin
    PUT     /statuses/{status}                          admin
    DELETE  /statuses/{status}                          admin
    GET     /sections                                   admin
    GET     /sections/{section}/children                admin
    POST    /sections                                   admin
    PATCH   /sections/{section}                         admin
    PUT     /sections/{section}                         admin
    DELETE  /sections/{section}                         admin
    GET     /tabs                                       admin
    GET     /tabs/{key}                                 admin
    GET     /tabs/{key}/fetch                           admin
    GET     /tags                                       admin
    POST    /tags                                       admin
    PATCH   /tags/{tag}                                 admin
    PUT     /tags/{tag}                                 admin
    DELETE  /tags/{tag}                                 admin
    GET     /groups                                     admin
    POST    /groups                                     admin
    GET     /groups/{group}                             admin
    PATCH   /groups/{group}                             admin
    PUT     /groups/{group}                             admin
    DELETE  /groups/{group}                             admin
    GET     /groups/{group}/users                       admin
    POST    /groups/{group}/users/{user}                admin
    DELETE  /groups/{group}/users/{user}                admin
    GET     /moderation/pending                         admin
    GET     /moderation/rejected                        admin
    POST    /moderation/approve/{type}/{id}             admin       pending
    POST    /moderation/reject/{type}/{id}              admin       pending
    GET     /portal                                     admin
    GET     /users/groups-filter                        admin
    GET     /users/plan-types                           admin
    GET     /users/segment-metadata-keys                admin
    POST    /users/bulk-block                           admin
    POST    /users/bulk-unblock                         admin
    POST    /users/bulk-delete                          admin
    GET     /feedback                                   admin
    POST    /feedback                                   admin
    PATCH   /feedback/{id}                              admin
    PUT     /feedback/{id}                              admin
    DELETE  /feedback/{id}                              admin
    GET     /product-vision                             admin
    POST    /product-vision                             admin
    DELETE  /product-vision                             admin
    GET     /widgets                                    admin
    GET     /widgets/{widget}                           admin
"""

# Below this role a key of the dialect is invalid; from this role on, a denied request has its own message.
MIN_ROLE_OF_A_KEY: Final = {"astuto": "moderator", "productlift": "admin"}

Response = tuple[int, object]
DENIED: Final[dict[str, Response]] = {
    "astuto": (401, {"errors": ["Access denied."]}),
    "productlift": (401, {"message": "Unauthenticated."}),
}
NOT_AUTHORIZED: Final[Response] = (401, {"errors": ["You are not authorized to perform this action."]})

# The response when the post has another state than the required one.
WRONG_STATE: Final[dict[str, dict[str, Response]]] = {
    "astuto": {"pending": (422, {"errors": ["Post is not pending approval"]})},
    "productlift": {
        "pending": (422, {"message": "Post is not pending approval."}),
        "approved": (422, {"message": "Post is not voteable."}),
    },
}

# What a missing row is called, by its attribute of SamplePortal.
ASTUTO_NAMES: Final = {
    "board": "Board", "post": "Post", "pending": "Post", "comment": "Comment", "official": "Comment", "user": "User",
    "vote": "Like",
}  # fmt: skip
PRODUCTLIFT_NAMES: Final = {
    "code": "Post", "pending_code": "Post", "uuid": "User", "voter_uuid": "User", "comment": "Comment",
    "category": "Category", "tag": "Tag", "group": "Group", "status": "Status", "section": "Section", "tab": "Tab",
    "feedback": "Feedback",
    "widget": "Widget",
}  # fmt: skip

# Routes where a parameter, not the path, refers to a row: the parameter, the attribute of SamplePortal, and the
# response to an unknown value.
NAMED_BY_INPUT: Final[dict[str, tuple[str, str, int, object]]] = {
    "astuto GET /users/get_by_email": ("email", "email", 404, {"errors": ["User with email {} not found"]}),
    "productlift GET /users/find_by_email": ("email", "email", 404, {"message": "User not found"}),
    "astuto POST /votes": ("post_id", "post", 422, {"errors": ["Post is mandatory"]}),
    "astuto POST /comments": ("post_id", "post", 422, {"errors": ["Post is mandatory"]}),
}


@dataclass(frozen=True)
class Right:
    """What a route requires."""

    min_role: str
    state: str | None
    """The state that the post must have, None for any."""


def parse_table() -> dict[str, Right]:
    """The table by the route's name, such as `astuto GET /posts/{id}`."""
    rights: dict[str, Right] = {}
    dialect = ""
    for line in TABLE.strip().splitlines():
        if not line.startswith(" "):
            dialect = line
            continue
        method, path, min_role, *state = line.split()
        rights[f"{dialect} {method} {path}"] = Right(min_role, state[0] if state else None)
    return rights


def not_found(dialect: str, attribute: str, value: object) -> Response:
    """The response to an id that the portal does not have."""
    if dialect == "astuto":
        return 404, {"errors": [f"{ASTUTO_NAMES[attribute]} with id {value} not found"]}
    if attribute == "tab":
        return 404, {"message": "No query results for model [App\\Tab]."}
    return 404, {"message": f"No query results for model [App\\{PRODUCTLIFT_NAMES[attribute]}] {value}"}


def is_at_least(role: str, min_role: str) -> bool:
    """Whether a role has the rights of another."""
    return ROLES.index(role) >= ROLES.index(min_role)
