-- What a database is, and what is in it beside what PostgreSQL and extensions bring along: one value in JSON.
WITH extras AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), spaces AS (
    SELECT oid, nspname, nspowner
    FROM pg_namespace
    WHERE nspname NOT IN ('pg_catalog', 'information_schema') AND nspname !~ '^pg_(toast|temp)'
        AND ('pg_namespace'::regclass, oid) NOT IN (SELECT classid, objid FROM extras)
), relations AS (
    SELECT c.oid, c.relname, c.relkind, c.relowner, s.nspname
    FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm', 'S', 'f', 'p')
        AND ('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM extras)
), functions AS (
    SELECT p.oid, p.proname, p.proowner, p.prolang, s.nspname
    FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace
    WHERE ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM extras)
), types AS (
    SELECT t.oid, t.typname, t.typowner, t.typtype, s.nspname
    FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r', 'b') AND t.typelem = 0
        AND ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM extras)
), objects AS (
    SELECT format('schema %I', nspname) AS name, nspowner AS owner FROM spaces WHERE nspname <> 'public'
    UNION ALL SELECT format('%I.%I', nspname, relname), relowner FROM relations
    UNION ALL SELECT oid::regprocedure::text, proowner FROM functions
    UNION ALL SELECT format('type %I.%I', nspname, typname), typowner FROM types
    UNION ALL SELECT format('large object %s', oid), lomowner FROM pg_largeobject_metadata
), special AS (
    -- What only a superuser makes.
    SELECT format('event trigger %I', evtname) AS name FROM pg_event_trigger
    WHERE ('pg_event_trigger'::regclass, oid) NOT IN (SELECT classid, objid FROM extras)
    UNION ALL
    SELECT format('function %s in %s', f.oid::regprocedure, l.lanname)
    FROM functions f JOIN pg_language l ON l.oid = f.prolang
    WHERE NOT l.lanpltrusted AND l.lanname NOT IN ('sql', 'plpgsql')
    UNION ALL
    SELECT format('foreign data wrapper %I', fdwname) FROM pg_foreign_data_wrapper
    WHERE ('pg_foreign_data_wrapper'::regclass, oid) NOT IN (SELECT classid, objid FROM extras)
    UNION ALL SELECT format('foreign server %I', srvname) FROM pg_foreign_server
    UNION ALL SELECT format('type %I.%I', nspname, typname) FROM types WHERE typtype = 'b'
)
SELECT json_build_object(
    'version', current_setting('server_version_num')::int / 10000,
    'recovers', pg_is_in_recovery(),
    'encoding', pg_encoding_to_char(d.encoding),
    'order', d.datcollate,
    'owner', pg_get_userbyid(d.datdba),
    'size', pg_database_size(d.oid),
    'comment', coalesce(shobj_description(d.oid, 'pg_database'), ''),
    'extensions', (
        SELECT coalesce(json_object_agg(e.extname, n.nspname), '{}')
        FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
        WHERE e.extname <> 'plpgsql'
    ),
    'objects', ARRAY(SELECT name FROM objects ORDER BY name LIMIT 50),
    'owners', ARRAY(SELECT DISTINCT pg_get_userbyid(owner) FROM objects ORDER BY 1),
    'special', ARRAY(SELECT name FROM special ORDER BY name),
    'collations', ARRAY(
        SELECT DISTINCT c.collname
        FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation JOIN relations r ON r.oid = a.attrelid
        WHERE c.collnamespace = 'pg_catalog'::regnamespace
        ORDER BY 1
    ),
    'known_collations', ARRAY(
        SELECT DISTINCT collname FROM pg_collation
        WHERE collnamespace = 'pg_catalog'::regnamespace AND collencoding IN (-1, d.encoding)
        ORDER BY 1
    ),
    'policy_roles', ARRAY(
        SELECT DISTINCT pg_get_userbyid(role) FROM pg_policy, unnest(polroles) AS role WHERE role <> 0 ORDER BY 1
    ),
    'grantees', ARRAY(
        SELECT DISTINCT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END
        FROM pg_class c JOIN relations r ON r.oid = c.oid, aclexplode(c.relacl) AS g
        WHERE g.grantee <> c.relowner
        ORDER BY 1
    ),
    'publications', ARRAY(SELECT pubname FROM pg_publication ORDER BY 1),
    'subscriptions', ARRAY(SELECT subname FROM pg_subscription WHERE subdbid = d.oid ORDER BY 1),
    'views', ARRAY(SELECT format('%I.%I', nspname, relname) FROM relations WHERE relkind = 'm' ORDER BY 1),
    'settings', ARRAY(
        SELECT one
        FROM pg_db_role_setting s, unnest(s.setconfig) AS one
        WHERE s.setdatabase = d.oid AND one NOT LIKE 'default\_transaction\_read\_only=%'
        ORDER BY 1
    ),
    'prepared', (SELECT count(*) FROM pg_prepared_xacts WHERE database = d.datname)
)
FROM pg_database d
WHERE d.datname = current_database();
