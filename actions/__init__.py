"""Everything that changes a shop: the actions, the playbooks that call them, and the receiver."""
