"""The web process: Flask under gunicorn. It never calls out and never loads the engine."""

from service.web.app import create_app

__all__ = ["create_app"]
