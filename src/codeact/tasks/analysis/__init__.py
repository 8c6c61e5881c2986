"""Questions about a file of data, answered in words: pandas, scikit-learn, matplotlib."""
