"""The generator of the embedded default; `uwm.shipped` says where its files are."""
