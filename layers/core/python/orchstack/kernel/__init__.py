"""What every service stands on: errors, ids, time, tenancy, events, HTTP and the database."""
