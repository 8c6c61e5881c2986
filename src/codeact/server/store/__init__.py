"""Where the service keeps its chats: SQLite by itself, PostgreSQL for several replicas."""
