-- What is inside of one database: extensions, and who but their owners may do what with which objects.
WITH entries AS (
    SELECT 'schema' AS type, nspname AS schema, '' AS name, nspowner AS owner, nspacl AS acl
    FROM pg_namespace
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, nspname, relname, relowner, relacl
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        -- An extension's are as it made them.
        AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
    UNION ALL
    -- What tables and sequences get that the database's owner will make.
    SELECT CASE defaclobjtype WHEN 'S' THEN 'sequence' ELSE 'table' END, nspname, '', defaclrole, defaclacl
    FROM pg_default_acl
    JOIN pg_namespace ON pg_namespace.oid = defaclnamespace
    JOIN pg_database ON datname = current_database() AND datdba = defaclrole
    WHERE defaclobjtype IN ('r', 'S')
)
SELECT json_build_object(
    'extensions', (SELECT json_agg(extname ORDER BY extname) FROM pg_extension),
    'objects', (
        SELECT json_agg(json_build_object(
            'type', type,
            'schema', schema,
            'name', name,
            'privileges', ARRAY(
                SELECT json_build_array(coalesce(rolname, 'PUBLIC'), privilege_type)
                FROM aclexplode(acl)
                LEFT JOIN pg_roles ON pg_roles.oid = grantee
                WHERE grantee <> owner
                ORDER BY 1::text
            )
        ) ORDER BY type, schema, name)
        FROM entries
        WHERE schema !~ '^pg_' AND schema <> 'information_schema'
    )
) AS inside
