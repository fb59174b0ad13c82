"""The lab: the whole fleet as containers on one machine, reached by SSH as in production.

`python -m lab up` makes it or completes it, `python -m lab down` removes every trace. One module a concern: each has
pure functions that say what must be (tested without root) and few functions that do it.

    fleet         what the model says, as the lab needs it
    network       namespaces, bridges, addresses, routes
    mounts        the mount namespace that podman needs where cgroup v2 is not mounted
    podman        podman with storage of its own
    image         Debian's root file system
    authorities   user authority (token), host and TLS authorities (pass)
    people        the RTs' keys, the register, the certificate of who runs the lab
    packages      apt-cacher-ng
    firstboot     what a host finds at its first boot, as cloud-init would give it
    hosts         creates, starts and awaits the containers
    access        SSH configuration, authorities for the inventory
    faults        power, cables, freezing: for the tests
    report        the table at the end
"""
