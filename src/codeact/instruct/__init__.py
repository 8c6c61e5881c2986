"""CodeActInstruct: from episodes to rows that a model is trained on (paper, section 3)."""
