"""Host certificates: what a host must be able to prove itself with, and who may sign it.

- `certificate`: what a certificate says, and the decision whether it still serves (pure).
- `keys`: the kinds of keys, their fingerprints, an authority's private half.
- `ssh`, `tls`: read and sign the two kinds, in memory.
- `plan`: from a host's files and the model to the steps that bring them together (pure).
- `agent`: the standard-library program that runs on the host; imported here only by the tests.
"""
