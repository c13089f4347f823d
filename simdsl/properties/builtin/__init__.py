"""The properties that come with simdsl, a family of them in each module. Whatever a module holds is registered."""
