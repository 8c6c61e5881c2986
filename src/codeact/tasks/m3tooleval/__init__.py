"""M3ToolEval: 82 tasks that need several tools, in five domains. See the README beside this file."""
