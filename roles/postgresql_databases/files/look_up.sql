SELECT rolname::text, rolpassword
FROM pg_catalog.pg_authid
WHERE rolname = asked
    AND rolcanlogin
    AND NOT rolsuper
    AND NOT rolreplication
    AND coalesce(rolvaliduntil > pg_catalog.now(), true)
