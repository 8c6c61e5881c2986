"""Questions about tables, by SQL and by pandas: generated ones and WikiTableQuestions. See the README beside this file."""
