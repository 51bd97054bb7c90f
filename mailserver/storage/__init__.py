"""Every fact in Postgres: the one door to asyncpg, SQL grouped by what it is about."""
