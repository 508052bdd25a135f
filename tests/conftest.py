"""What all tests share: properties are not timed, for a loaded machine is no finding."""

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
