"""The attacks, by family. To add one: write it into its family's list; see docs/security.md."""
