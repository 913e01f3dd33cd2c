"""The settings. No other package reads the environment.

`model` has the settings and their rules, `urls` the rules of the URLs among them, `names` the names of their variables,
`env_file` reads the file `.env`, `display` shows values without secrets, `errors` describes invalid ones, and
`secret_file` creates the server's secret.
"""

from app.settings.display import mask_secrets
from app.settings.errors import InvalidSettings
from app.settings.model import Settings
from app.settings.secret_file import SECRET_FILE

__all__ = ["SECRET_FILE", "InvalidSettings", "Settings", "mask_secrets"]
