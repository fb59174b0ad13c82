SELECT json_build_object(
    'roles', (
        SELECT json_agg(json_build_object(
            'name', rolname,
            'verifier', rolpassword,
            'login', rolcanlogin,
            'privileged', rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls,
            'member_of', ARRAY(
                SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = pg_authid.oid ORDER BY 1
            )
        ))
        FROM pg_authid
        WHERE rolname !~ '^pg_'
    ),
    'databases', (
        SELECT json_agg(json_build_object(
            'name', datname,
            'owner', pg_get_userbyid(datdba),
            'encoding', pg_encoding_to_char(encoding),
            'collate', datcollate,
            'ctype', datctype,
            'size', pg_size_pretty(pg_database_size(oid)),
            'public', EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0),
            'connect', ARRAY(
                SELECT pg_get_userbyid(grantee)
                FROM aclexplode(datacl)
                WHERE privilege_type = 'CONNECT' AND grantee NOT IN (0, datdba)
                ORDER BY 1
            )
        ))
        FROM pg_database
    ),
    'look_up', (
        SELECT json_build_object(
            'source', prosrc,
            'definer', prosecdef,
            'owner', pg_get_userbyid(proowner),
            'everybody', has_function_privilege('public', oid, 'EXECUTE'),
            'pgbouncer', (
                SELECT has_schema_privilege(pg_roles.oid, pronamespace, 'USAGE')
                    AND has_function_privilege(pg_roles.oid, pg_proc.oid, 'EXECUTE')
                FROM pg_roles
                WHERE rolname = 'pgbouncer'
            )
        )
        FROM pg_proc
        WHERE oid = to_regprocedure('pgbouncer.look_up(text)')
    )
) AS state
