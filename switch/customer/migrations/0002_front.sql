-- +goose Up
-- Values of one kind have room of their own: seq counts them, so that the first
-- and the last tell, without counting, that there are not too many.
ALTER TABLE talk ADD COLUMN room TEXT NOT NULL DEFAULT '';
ALTER TABLE talk ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX talk_room ON talk (room, seq);
ALTER TABLE once ADD COLUMN room TEXT NOT NULL DEFAULT '';
ALTER TABLE once ADD COLUMN seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX once_room ON once (room, seq);

-- When the follower last came or left, as its platform says.
ALTER TABLE customer ADD COLUMN followed_at BIGINT NOT NULL DEFAULT 0;
