"""The SQL ledger's ground: engine, tables, migrations. What is kept in it belongs to the other folders."""
