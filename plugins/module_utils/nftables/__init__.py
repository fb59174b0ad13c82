"""What `aurore.infra.nftables_ruleset` is made of: `agent` on the host."""
