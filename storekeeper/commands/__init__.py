"""The commands, one file each; ``storekeeper.cli`` lists them."""
