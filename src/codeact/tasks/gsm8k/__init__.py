"""GSM8K: word problems of grade school, by code actions or in one reply."""
