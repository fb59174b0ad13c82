"""Ends the term of a primary that is silent, sooner than Patroni can: on each member, beside Patroni.

Patroni gives a silent primary 20 seconds at least, since it cannot know whether it still works. The replicas can see to
it that it does not: what is acknowledged has been flushed by one of them, so a primary to which none of them listens
acknowledges nothing. Once each has stopped listening, and said so in etcd, its term can be ended at once.
"""
