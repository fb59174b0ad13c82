"""The register of the certificates by which people log in: what it says, and what may be added to it.

The register is two things below inventory/model that must say the same: certificates.yml, a line for each certificate,
which reviewers read; and the directory certificates, with the certificates themselves, which their owners fetch.
"""
