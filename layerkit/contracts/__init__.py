"""The contracts that the components of each kind keep, one file for each kind."""
