BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE channels (
	id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	server_id INTEGER, 
	parent_id INTEGER, 
	cleared_at INTEGER, 
	last_seen_id INTEGER, 
	CONSTRAINT pk_channels PRIMARY KEY (id), 
	CONSTRAINT fk_channels_server_id FOREIGN KEY(server_id) REFERENCES servers (id) ON DELETE CASCADE
);
INSERT INTO "channels" VALUES(10,'thread',10,100,NULL,12);
INSERT INTO "channels" VALUES(100,'channel',10,NULL,NULL,14);
CREATE TABLE examples (
	id INTEGER NOT NULL, 
	scope_id INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	answer VARCHAR NOT NULL, 
	CONSTRAINT pk_examples PRIMARY KEY (id), 
	CONSTRAINT fk_examples_sha256 FOREIGN KEY(sha256) REFERENCES photos (sha256)
);
CREATE TABLE message_photos (
	message_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	sha256 VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_message_photos PRIMARY KEY (message_id, position), 
	CONSTRAINT fk_message_photos_message_id FOREIGN KEY(message_id) REFERENCES messages (id) ON DELETE CASCADE, 
	CONSTRAINT fk_message_photos_sha256 FOREIGN KEY(sha256) REFERENCES photos (sha256)
);
INSERT INTO "message_photos" VALUES(10,0,'abababababababababababababababababababababababababababababababab');
CREATE TABLE messages (
	id INTEGER NOT NULL, 
	place_id INTEGER NOT NULL, 
	author_id INTEGER NOT NULL, 
	origin VARCHAR NOT NULL, 
	text VARCHAR NOT NULL, 
	addressed BOOLEAN NOT NULL, 
	mentions_bot BOOLEAN NOT NULL, 
	reply_to_id INTEGER, 
	replies_to_bot BOOLEAN NOT NULL, 
	CONSTRAINT pk_messages PRIMARY KEY (id), 
	CONSTRAINT fk_messages_author_id FOREIGN KEY(author_id) REFERENCES people (id) ON DELETE CASCADE, 
	CONSTRAINT fk_messages_place_id FOREIGN KEY(place_id) REFERENCES channels (id) ON DELETE CASCADE
);
INSERT INTO "messages" VALUES(10,100,1,'person','What is this?',1,0,NULL,0);
INSERT INTO "messages" VALUES(12,10,2,'person','Which colour?',1,0,NULL,0);
INSERT INTO "messages" VALUES(14,100,1,'person','And this?',1,0,NULL,0);
CREATE TABLE own_threads (
	thread_id INTEGER NOT NULL, 
	request_id INTEGER, 
	CONSTRAINT pk_own_threads PRIMARY KEY (thread_id), 
	CONSTRAINT fk_own_threads_request_id FOREIGN KEY(request_id) REFERENCES requests (id) ON DELETE SET NULL, 
	CONSTRAINT fk_own_threads_thread_id FOREIGN KEY(thread_id) REFERENCES channels (id) ON DELETE CASCADE
);
INSERT INTO "own_threads" VALUES(10,10);
CREATE TABLE people (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	CONSTRAINT pk_people PRIMARY KEY (id)
);
INSERT INTO "people" VALUES(1,'Anna');
INSERT INTO "people" VALUES(2,'Ben');
CREATE TABLE photos (
	sha256 VARCHAR(64) NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_photos PRIMARY KEY (sha256)
);
INSERT INTO "photos" VALUES('abababababababababababababababababababababababababababababababab',30,20,X'726564');
CREATE TABLE request_answers (
	message_id INTEGER NOT NULL, 
	request_id INTEGER NOT NULL, 
	CONSTRAINT pk_request_answers PRIMARY KEY (message_id), 
	CONSTRAINT fk_request_answers_request_id FOREIGN KEY(request_id) REFERENCES requests (id) ON DELETE CASCADE
);
INSERT INTO "request_answers" VALUES(11,10);
CREATE TABLE requests (
	id INTEGER NOT NULL, 
	place_id INTEGER NOT NULL, 
	asker_id INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	text VARCHAR, 
	token_ids JSON, 
	finish_reason VARCHAR, 
	prompt_tokens INTEGER, 
	cached_tokens INTEGER, 
	completion_tokens INTEGER, 
	queued_seconds DOUBLE, 
	first_token_seconds DOUBLE, 
	total_seconds DOUBLE, 
	error VARCHAR, 
	CONSTRAINT pk_requests PRIMARY KEY (id), 
	CONSTRAINT fk_requests_asker_id FOREIGN KEY(asker_id) REFERENCES people (id) ON DELETE CASCADE, 
	CONSTRAINT fk_requests_place_id FOREIGN KEY(place_id) REFERENCES channels (id) ON DELETE CASCADE
);
INSERT INTO "requests" VALUES(10,100,1,'done','A house.','[5, 6]','end',0,0,0,0.0,0.0,0.0,NULL);
INSERT INTO "requests" VALUES(14,100,1,'waiting',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE servers (
	id INTEGER NOT NULL, 
	CONSTRAINT pk_servers PRIMARY KEY (id)
);
INSERT INTO "servers" VALUES(10);
CREATE TABLE settings (
	scope_id INTEGER NOT NULL, 
	settings JSON NOT NULL, 
	CONSTRAINT pk_settings PRIMARY KEY (scope_id)
);
INSERT INTO "settings" VALUES(10,'{"mode": "vqa"}');
CREATE INDEX ix_channels_parent_id ON channels (parent_id);
CREATE INDEX ix_channels_server_id ON channels (server_id);
CREATE INDEX ix_examples_scope_id ON examples (scope_id);
CREATE INDEX ix_examples_sha256 ON examples (sha256);
CREATE INDEX ix_messages_author_id ON messages (author_id);
CREATE INDEX ix_messages_place_id_id ON messages (place_id, id);
CREATE INDEX ix_requests_asker_id ON requests (asker_id);
CREATE INDEX ix_requests_place_id ON requests (place_id);
CREATE INDEX ix_requests_state ON requests (state);
CREATE INDEX ix_message_photos_sha256 ON message_photos (sha256);
CREATE INDEX ix_own_threads_request_id ON own_threads (request_id);
CREATE INDEX ix_request_answers_request_id_message_id ON request_answers (request_id, message_id);
COMMIT;
