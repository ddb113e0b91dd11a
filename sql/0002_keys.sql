-- Who may call: API keys, and what an operator sets for a company. The secret itself is kept nowhere: only
-- its SHA-256. scopes is a list of words (ingest, read, admin) with commas.
-- A limit is per second and key: null is the default of the settings, 0 is none.

create table api_keys (
    company_id  varbinary(32)  not null,
    key_id      varbinary(16)  not null,
    secret_hash binary(32)     not null,
    scopes      varbinary(64)  not null,
    label       varbinary(400) not null,
    created_at  datetime(3)    not null,
    expires_at  datetime(3)    null,
    revoked_at  datetime(3)    null,
    primary key (company_id, key_id),
    key api_keys_by_id (key_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

alter table companies
    add column disabled tinyint not null default 0,
    add column limit_ingest int unsigned null,
    add column limit_read int unsigned null,
    add column limit_admin int unsigned null;
