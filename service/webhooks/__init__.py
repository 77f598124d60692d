"""Webhooks as desired state: what they should be, how they stand, and how the one becomes the other.

`desired` and `plan` are pure; `apply`, `rotation` and `circuits` carry out and keep watch, through the clients. The web
process imports nothing of this: it knows secrets (`service.intake.keys`) and calls nobody.
"""
