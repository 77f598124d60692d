"""Settings: what the operator decides, read once into one frozen value."""

from service.settings.loading import NEEDED, SECRETS_DIR, Role, load, origins, variables
from service.settings.values import PREFIX, SLACK_HOSTS, Settings

__all__ = ["NEEDED", "PREFIX", "SECRETS_DIR", "SLACK_HOSTS", "Role", "Settings", "load", "origins", "variables"]
