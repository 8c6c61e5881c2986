"""Results of `codeact bench` and `codeact instruct collect`, to be looked through: pages without any script."""
