"""Where tests that are not in this folder look for the type of `start_site`."""

from .site import StartSite as StartSite
