"""The RTs' office: notices about certificates that end, the watch over logins, the campaign of January.

Runs on a host of the fleet, without a controller, from the register that Ansible has put there.
"""
