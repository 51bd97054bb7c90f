-- How many messages an account may keep, and who may set the quotas of an organization.
ALTER TABLE account
    ADD COLUMN quota_messages bigint CHECK (quota_messages > 0), -- NULL: no limit
    ADD COLUMN administrator boolean NOT NULL DEFAULT false; -- of its organization
