"""CodeActAgent: fine-tuning on the very weights that are served (paper, section 4)."""
