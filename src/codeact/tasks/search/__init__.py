"""Information seeking: questions that take one to three pages of an encyclopedia, which a tool searches."""
