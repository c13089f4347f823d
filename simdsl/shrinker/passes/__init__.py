"""The passes, each a function that proposes simpler cases: ``driver`` says how to write one."""
