"""PostgreSQL: sessions that carry the tenant, named queries, migrations, and the outbox."""
