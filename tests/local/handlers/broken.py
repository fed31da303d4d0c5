"""A module that cannot be imported."""

import module_that_nobody_wrote  # type: ignore[import-not-found] # the point of this file

handler = module_that_nobody_wrote.handler
