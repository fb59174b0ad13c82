"""etcd: a client of its API, and who may do what in it."""
