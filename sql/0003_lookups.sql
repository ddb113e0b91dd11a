-- What erasure, lists and statistics need.

alter table ingest_status add column erased bigint unsigned not null default 0 after rejected;

-- How many rows a company has, and how many were ever stored, one row per kind and Kafka partition, written
-- in the transactions that store the rows: the numbers are the sums. kind: user, event, coupon, and
-- rejected_user, rejected_event, rejected_coupon for the rejects of each topic.
create table record_counts (
    company_id   varbinary(32)     not null,
    kind         varbinary(16)     not null,
    partition_id smallint unsigned not null,
    n            bigint            not null,
    stored_total bigint            not null,
    position     bigint unsigned   not null,
    primary key (company_id, kind, partition_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- What was stored before there were counts stands under a partition that no topic has.
insert into record_counts (company_id, kind, partition_id, n, stored_total, position)
select company_id, 'user', 65535, count(*), count(*), 0 from users group by company_id
on duplicate key update position = 0;

insert into record_counts (company_id, kind, partition_id, n, stored_total, position)
select company_id, 'event', 65535, count(*), count(*), 0 from events group by company_id
on duplicate key update position = 0;

insert into record_counts (company_id, kind, partition_id, n, stored_total, position)
select company_id, 'coupon', 65535, count(*), count(*), 0 from coupons group by company_id
on duplicate key update position = 0;

insert into record_counts (company_id, kind, partition_id, n, stored_total, position)
select company_id, concat('rejected_', kind), 65535, count(*), count(*), 0 from rejected
where company_id <> '' group by company_id, kind
on duplicate key update position = 0;
