-- The record: companies, what they pushed, and how far Kafka has been read.
-- Runs on MariaDB 10.11 and MySQL 8. Strings that are compared are VARBINARY (byte-exact); times are UTC
-- with milliseconds; every table of company data has a primary key that begins with company_id; no
-- auto-increment and no foreign keys, so that it can be sharded by company and user.
-- position = generation * 2^48 + Kafka offset: comparable within a partition.

create table companies (
    company_id      varbinary(32)    not null,
    name            varbinary(400)   not null,
    partitions      smallint unsigned not null,
    include_started tinyint          not null default 0,
    created_at      datetime(3)      not null,
    primary key (company_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

create table users (
    company_id        varbinary(32)   not null,
    user_id           varbinary(64)   not null,
    birth_year        smallint        not null,
    country           varbinary(400)  not null,
    currency          varbinary(200)  not null,
    gender            varbinary(200)  not null,
    registration_date datetime(3)     not null,
    version           bigint          null,
    position          bigint unsigned not null,
    primary key (company_id, user_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- A withdrawn event keeps its attributes: it is still history. One that was withdrawn before it was ever put
-- has none (sport is null): a mark that holds the version against late puts.
create table events (
    company_id   varbinary(32)   not null,
    event_id     varbinary(64)   not null,
    withdrawn    tinyint         not null,
    sport        varbinary(200)  null,
    league       varbinary(200)  null,
    country      varbinary(400)  null,
    participants blob            null,
    begin_at     datetime(3)     null,
    end_at       datetime(3)     null,
    version      bigint          null,
    position     bigint unsigned not null,
    primary key (company_id, event_id),
    key events_by_begin (company_id, withdrawn, begin_at, event_id),
    key events_by_group (company_id, withdrawn, sport, league, country, begin_at, event_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- One row per participant of an event that is not withdrawn; written together with the event's row.
create table event_participants (
    company_id  varbinary(32)  not null,
    sport       varbinary(200) not null,
    participant varbinary(400) not null,
    begin_at    datetime(3)    not null,
    event_id    varbinary(64)  not null,
    league      varbinary(200) not null,
    country     varbinary(400) not null,
    primary key (company_id, sport, participant, begin_at, event_id),
    key event_participants_by_event (company_id, event_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

create table coupons (
    company_id   varbinary(32)   not null,
    user_id      varbinary(64)   not null,
    coupon_id    varbinary(64)   not null,
    stake        decimal(14, 4)  not null,
    placed_at    datetime(3)     not null,
    content_hash binary(32)      not null,
    position     bigint unsigned not null,
    primary key (company_id, user_id, coupon_id),
    key coupons_by_id (company_id, coupon_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- In the order in which a user's history is read: newest first, then by event.
create table selections (
    company_id varbinary(32)  not null,
    user_id    varbinary(64)  not null,
    placed_at  datetime(3)    not null,
    event_id   varbinary(64)  not null,
    coupon_id  varbinary(64)  not null,
    odds       decimal(14, 4) null,
    primary key (company_id, user_id, placed_at desc, event_id, coupon_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- How often an event was bet on, one row per Kafka partition of the coupons, so that no row is hot:
-- an event's count is the sum.
create table event_counts (
    company_id   varbinary(32)     not null,
    event_id     varbinary(64)     not null,
    partition_id smallint unsigned not null,
    n            bigint            not null,
    position     bigint unsigned   not null,
    primary key (company_id, event_id, partition_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- What could not be stored, with the reason (a stable code) and the payload as it came.
create table rejected (
    company_id   varbinary(32)     not null,
    topic        varbinary(249)    not null,
    partition_id smallint unsigned not null,
    position     bigint unsigned   not null,
    kind         varbinary(16)     not null,
    record_id    varbinary(64)     not null,
    user_id      varbinary(64)     not null,
    reason       varbinary(32)     not null,
    detail       varbinary(400)    not null,
    request_id   varbinary(64)     not null,
    payload      mediumblob        not null,
    rejected_at  datetime(3)       not null,
    primary key (company_id, topic, partition_id, position),
    key rejected_by_time (company_id, rejected_at, topic, partition_id, position),
    key rejected_by_user (company_id, user_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- How far each partition is stored, in the same transaction as its rows. epoch rises with each owner, so
-- that an owner who was taken for dead cannot write any more.
create table stream_offsets (
    topic        varbinary(249)    not null,
    partition_id smallint unsigned not null,
    cluster_id   varbinary(64)     not null,
    topic_id     varbinary(64)     not null,
    generation   smallint unsigned not null,
    next_offset  bigint unsigned   not null,
    epoch        bigint unsigned   not null,
    primary key (topic, partition_id)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;

-- What each ingest process last said of itself (every few seconds), shown in /metrics of serve.
create table ingest_status (
    instance         varbinary(128)  not null,
    updated_at       datetime(3)     not null,
    users_stored     bigint unsigned not null,
    events_stored    bigint unsigned not null,
    coupons_stored   bigint unsigned not null,
    absorbed         bigint unsigned not null,
    superseded       bigint unsigned not null,
    rejected         bigint unsigned not null,
    batches          bigint unsigned not null,
    database_retries bigint unsigned not null,
    fenced           bigint unsigned not null,
    primary key (instance)
) engine = InnoDB default charset = utf8mb4 collate = utf8mb4_bin;
