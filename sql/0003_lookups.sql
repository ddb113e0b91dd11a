-- What erasure, lists and statistics need.

alter table ingest_status add column erased bigint unsigned not null default 0 after rejected;
