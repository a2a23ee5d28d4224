-- The statements of one RecordCall that makes a lead or is counted on one, for pgbench in prepared mode.
-- Needs the line and tenant in :tenant and :line; the caller is one of :phones numbers.
\set number random(0, :phones - 1)
BEGIN;
SELECT l.*, t.* FROM business_lines l LEFT JOIN tenants t ON l.tenant_id = t.id
  WHERE l.phone = ANY (ARRAY[:line::text, '+9725' || lpad(:number::text, 8, '0')]::text[]);
INSERT INTO customers (id, tenant_id, phone, created_at, updated_at)
  VALUES (gen_random_uuid(), :tenant::uuid, '+9725' || lpad(:number::text, 8, '0'), now(), now())
  ON CONFLICT (tenant_id, phone) DO UPDATE SET updated_at = excluded.updated_at RETURNING *;
SELECT * FROM missed_calls WHERE tenant_id = :tenant::uuid AND provider = 'bench' AND call_id = :number::text || '-' || clock_timestamp();
SELECT * FROM leads WHERE tenant_id = :tenant::uuid AND customer_phone = '+9725' || lpad(:number::text, 8, '0');
INSERT INTO leads (id, tenant_id, source, customer_phone, status, call_count, last_call_at, captured_at, version, created_at, updated_at)
  VALUES (gen_random_uuid(), :tenant::uuid, 'missed_call', '+9725' || lpad(:number::text, 8, '0'), 'new', 1, now(), now(), 1, now(), now())
  ON CONFLICT (tenant_id, customer_phone) WHERE status NOT IN ('converted', 'lost')
  DO UPDATE SET call_count = leads.call_count + 1, last_call_at = now(), version = leads.version + 1, updated_at = now()
  RETURNING id AS lead \gset
INSERT INTO missed_calls (id, tenant_id, provider, call_id, caller_phone, caller_raw, business_phone, outcome, called_at, ended_at,
    received_at, processed_at, duration_ms, lead_id, disposition)
  VALUES (gen_random_uuid(), :tenant::uuid, 'bench', gen_random_uuid()::text, '+9725' || lpad(:number::text, 8, '0'), 'x', :line,
    'no_answer', now(), now(), now(), now(), 0, :lead::uuid, 'lead_created');
INSERT INTO follow_ups (id, tenant_id, lead_id, kind, round, due_at, status, created_at, updated_at)
  VALUES (gen_random_uuid(), :tenant::uuid, :lead::uuid, 'opener', 1, now(), 'pending', now(), now()) ON CONFLICT DO NOTHING;
INSERT INTO lead_events (tenant_id, lead_id, kind, to_status, actor, reason, details, occurred_at)
  VALUES (:tenant::uuid, :lead::uuid, 'created', 'new', 'bench', 'missed_call', '{"call_id": "x"}', now());
COMMIT;
