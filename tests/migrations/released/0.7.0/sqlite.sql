BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0013');
CREATE TABLE anonymous_posts (
	post_id INTEGER NOT NULL, 
	device_digest VARCHAR(64) NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	CONSTRAINT pk_anonymous_posts PRIMARY KEY (post_id), 
	CONSTRAINT fk_anonymous_posts_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_anonymous_posts_post_id FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE CASCADE
);
INSERT INTO "anonymous_posts" VALUES(8,'3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0','2026-11-22 09:41:07.123456',1);
CREATE TABLE api_keys (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	user_id INTEGER NOT NULL, 
	dialect VARCHAR(16) NOT NULL, 
	scheme VARCHAR(16) DEFAULT 'earshot' NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	prefix VARCHAR(32) NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	last_used_at VARCHAR(26), 
	revoked_at VARCHAR(26), 
	portal_id INTEGER NOT NULL, name VARCHAR(100), expires_at VARCHAR(26), 
	CONSTRAINT ck_api_keys_dialect CHECK (dialect in ('productlift', 'astuto')), 
	CONSTRAINT ck_api_keys_scheme CHECK (scheme in ('earshot', 'astuto')), 
	CONSTRAINT fk_api_keys_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_api_keys_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_api_keys_digest UNIQUE (digest)
);
INSERT INTO "api_keys" VALUES(1,1,'astuto','earshot','1ec7892004a03ba63de751560d91a5d6fe853ea18b4b3addf5f29689ff8d8b8a','tkn_admin_aaaaaa','2026-11-22 09:00:07.123456','2026-11-22 09:42:07.123456',NULL,1,NULL,NULL);
INSERT INTO "api_keys" VALUES(2,1,'productlift','earshot','21151e4da38eadc838a50c83e78e16a4f1a2e3ec0452d5ae9142185b3df13919','1|','2026-11-22 09:00:07.123456','2026-11-22 09:42:07.123456',NULL,1,NULL,NULL);
INSERT INTO "api_keys" VALUES(3,6,'astuto','earshot','00e07c36e64d627c5fe37ed1cccc36f8196d68a9b07802edc94f3a2440445cb0','tkn_admin_rrrrrr','2026-11-22 09:41:07.123456',NULL,'2026-11-22 09:41:07.123456',1,NULL,NULL);
INSERT INTO "api_keys" VALUES(4,8,'astuto','earshot','84a59b9a430bec9c3e7d765d4faf58e690fadde14c183c8216575482b2ec3112','tkn_admin_ssssss','2026-11-22 09:41:07.123456',NULL,NULL,2,NULL,NULL);
CREATE TABLE attachments (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	post_id INTEGER, 
	kind VARCHAR(16) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	original_name VARCHAR(255) NOT NULL, 
	media_type VARCHAR(127) NOT NULL, 
	size BIGINT NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	CONSTRAINT ck_attachments_kind CHECK (kind in ('image', 'attachment')), 
	CONSTRAINT fk_attachments_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_attachments_post_id FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE SET NULL, 
	CONSTRAINT uq_attachments_name UNIQUE (name)
);
INSERT INTO "attachments" VALUES(1,6,'image','bDsuz3un1o2V12x4icVtnA.png','one.png','image/png',77,'2026-11-22 09:13:07.123456',1);
INSERT INTO "attachments" VALUES(2,6,'attachment','wC52cGOzoUVF9zPM51Frbl','log.txt','application/octet-stream',14,'2026-11-22 09:13:07.123456',1);
CREATE TABLE boards (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	slug TEXT NOT NULL, 
	description TEXT, 
	position INTEGER NOT NULL, 
	is_default BOOLEAN DEFAULT false NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_boards_description CHECK (length(description) <= 1024), 
	CONSTRAINT fk_boards_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT uq_boards_portal_id_name UNIQUE (portal_id, name), 
	CONSTRAINT uq_boards_portal_id_slug UNIQUE (portal_id, slug)
);
INSERT INTO "boards" VALUES(1,'Feature Requests','feature-requests',NULL,0,1,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "boards" VALUES(2,'Bug Reports','bug-reports',NULL,1,0,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "boards" VALUES(3,'Feature Requests','feature-requests',NULL,0,1,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
INSERT INTO "boards" VALUES(4,'Bug Reports','bug-reports',NULL,1,0,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
CREATE TABLE categories (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(255) NOT NULL, 
	name_key VARCHAR(255) NOT NULL, 
	color VARCHAR(7) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_categories_color CHECK (color like '#___' or color like '#______'), 
	CONSTRAINT fk_categories_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT uq_categories_portal_id_name_key UNIQUE (portal_id, name_key)
);
INSERT INTO "categories" VALUES(1,'Speed','speed','#336699',1,'2026-11-22 09:06:07.123456','2026-11-22 09:06:07.123456');
INSERT INTO "categories" VALUES(2,'Überblick 📊','überblick 📊','#aabbcc',1,'2026-11-22 09:07:07.123456','2026-11-22 09:07:07.123456');
CREATE TABLE comments (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	post_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	parent_id INTEGER, 
	body TEXT NOT NULL, 
	official BOOLEAN DEFAULT false NOT NULL, 
	internal BOOLEAN DEFAULT false NOT NULL, 
	pinned BOOLEAN DEFAULT false NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_comments_parent_id FOREIGN KEY(parent_id) REFERENCES comments (id) ON DELETE SET NULL, 
	CONSTRAINT fk_comments_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_comments_post_id FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE CASCADE, 
	CONSTRAINT fk_comments_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO "comments" VALUES(1,1,1,NULL,'Please, at night.',0,0,0,1,'2026-11-22 09:22:07.123456','2026-11-22 09:22:07.123456');
INSERT INTO "comments" VALUES(2,1,3,1,'Yes.

*Soon*.',0,0,0,1,'2026-11-22 09:23:07.123456','2026-11-22 09:23:07.123456');
INSERT INTO "comments" VALUES(3,2,1,NULL,'We have begun.',1,0,0,1,'2026-11-22 09:24:07.123456','2026-11-22 09:25:07.123456');
INSERT INTO "comments" VALUES(4,1,1,NULL,'Between us',0,1,0,1,'2026-11-22 09:25:07.123456','2026-11-22 09:25:07.123456');
INSERT INTO "comments" VALUES(5,2,1,NULL,'It is ready.',1,0,0,1,'2026-11-22 09:39:07.123456','2026-11-22 09:39:07.123456');
CREATE TABLE deliveries (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	uuid VARCHAR(36) NOT NULL, 
	event_id INTEGER, 
	channel VARCHAR(8) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	webhook_id INTEGER, 
	user_id INTEGER, 
	post_id INTEGER, 
	dedup_key VARCHAR(120), 
	state VARCHAR(10) DEFAULT 'pending' NOT NULL, 
	due_at VARCHAR(26) NOT NULL, 
	claim VARCHAR(36), 
	attempts INTEGER DEFAULT 0 NOT NULL, 
	earlier_attempts INTEGER DEFAULT 0 NOT NULL, 
	payload TEXT, 
	is_encrypted BOOLEAN DEFAULT false NOT NULL, 
	request TEXT, 
	response_status INTEGER, 
	response_body TEXT, 
	error TEXT, 
	duration_ms INTEGER, 
	created_at VARCHAR(26) NOT NULL, 
	attempted_at VARCHAR(26), 
	finished_at VARCHAR(26), 
	portal_id INTEGER NOT NULL, 
	CONSTRAINT ck_deliveries_channel CHECK (channel in ('email', 'webhook')), 
	CONSTRAINT ck_deliveries_state CHECK (state in ('pending', 'delivered', 'failed', 'cancelled')), 
	CONSTRAINT fk_deliveries_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_deliveries_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE SET NULL, 
	CONSTRAINT fk_deliveries_webhook_id FOREIGN KEY(webhook_id) REFERENCES webhooks (id) ON DELETE SET NULL, 
	CONSTRAINT uq_deliveries_dedup_key UNIQUE (dedup_key), 
	CONSTRAINT uq_deliveries_uuid UNIQUE (uuid)
);
INSERT INTO "deliveries" VALUES(1,'5a057d43-6a0c-4757-83ce-723e934da7ba',3,'email','invitation',NULL,2,NULL,NULL,'pending','2026-11-22 09:39:07.123456',NULL,0,0,'gAAAAABrCxJr-cMKiwm2kZoLdt74soHLhP3YGgD-kul3XnH6rlgw7HXltP2Y8ejiXCdBHkItal62GpH0KHHulyRcLrnADeYfXpTT0LLM2jKZB991yybHl8GE9Dy2t_JRk36HXC_zNbZFzkw0lOYpKXnv1PZcNcGlKCa21cv6Wvah-VRXyIecQoiMOIm-VSAxgvPQdklK2F--9_8O3k3WWr1KYL3EIuZzBuRMBQy3YuzuxRwvCr2Vp-UEjlGR0_cGfDjLBHleDMBe',1,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:39:07.123456',NULL,NULL,1);
INSERT INTO "deliveries" VALUES(2,'e1e5dfc0-12c7-47d1-892c-668c093e1d35',5,'email','invitation',NULL,3,NULL,NULL,'pending','2026-11-22 09:39:07.123456',NULL,0,0,'gAAAAABrCxJrk_SW8nXnH4QxpTQKf6bfeYbcqtgD-OX_6gQTBydO5WrK29JHbcSDrk_kEsmZt7FnnJCGTu5O2Lz2QDbw0o99BNXbAdYqiWukHpqWbIi3vGtFqDZ9lmg9TIPZp98KAecqsvZqe97YoApdJlATosr8QZeNMme2tAk6f5R3LRYgmjGknPpi0NVkEbQYLUQGP3wcAO5kuMY72JAgLaLKFu07OtpRl8rM1hUcd-vQPp113sZ0veXYXKWyIlhwN7dMqIHS',1,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:39:07.123456',NULL,NULL,1);
INSERT INTO "deliveries" VALUES(3,'7d2c9f08-d1c9-4ad5-aa38-46b83be96b3a',7,'email','invitation',NULL,4,NULL,NULL,'pending','2026-11-22 09:39:07.123456',NULL,0,0,'gAAAAABrCxJrCsNS59q_TGIn12VokQlZII0IkI-M5zgtaPUCMX1LotApQ39UHyWF4JdK0nCFO44CPeNenM5Oj7040bQocvn3lE4xCcF5IAAx2i6fsa0YIFxQBVXefCrhowfBHis-QioU48bjlp2MN1aLXPsvKxePg_Ut_vcImlEg89P39ThxwL6JdRxhLVsrLC50RicP9tczpcgzakJVXpjSf4_YWIj0j6KlTjB5hZq0sFAPmFcBmzKAc-XFV8BdyXZwh0ntM_Vf',1,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:39:07.123456',NULL,NULL,1);
INSERT INTO "deliveries" VALUES(4,'8ed86cc4-e290-4af1-885a-f6cbd3075036',9,'email','invitation',NULL,5,NULL,NULL,'pending','2026-11-22 09:39:07.123456',NULL,0,0,'gAAAAABrCxJrprl3qvIgIYs0CyEK7xzeRpQwsuKF11s9idypfZuZUbMpprSH5FMwH1XIcD-LK7YcpifVuHT7viAUxppuBEoUQg5KxlN9jEYHbpdVvOTawnCESRe1u-Qhq-Tznub5qgUtC1M_P7pyc3QkNcdZHROurW95_hNyELUfQzSgkRDFfJ76CuF7C-6XJY1PJE1bCcTd5Udkz3gYZKmdcXpM3syf5U7enADaBFL9ajvFitMbXdrGFGdbEnsujyDjqwk9L4uZ',1,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:39:07.123456',NULL,NULL,1);
INSERT INTO "deliveries" VALUES(5,'6527f069-dbac-4913-a342-4d53a20f249b',11,'email','invitation',NULL,6,NULL,NULL,'pending','2026-11-22 09:39:07.123456',NULL,0,0,'gAAAAABrCxJr5T5UUEXyi4Hd-ij8w9dIVpF8zQTeJ-vIrtH3fNn7P4PwPVQeIIFeAas4e2ukAupSHHrC_xAUcpifjbkjxVc5wA82zKA3lrAufeSIwaJ6Z9L0PP2kU2o5R7NzBnwGL-8QZ2mSkDJPs46XljcThFKgTbjKsw9zxvc1USUKT7nUcUt9oleI0rItj4fP5noIYvDIOFKx3bLVkhPdTQPP57lMdbTK37nqw6Clh-ZOsPKlgKCbOQLm5-wrCQGioCqpvr_b',1,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:39:07.123456',NULL,NULL,1);
INSERT INTO "deliveries" VALUES(6,'6de4a423-e507-4892-88b7-615a2c20329d',30,'email','status_change',NULL,2,2,NULL,'pending','2026-11-22 09:39:07.123456',NULL,0,0,'{"base_url":"http://127.0.0.1:8000","subject_id":4}',0,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:39:07.123456',NULL,NULL,1);
INSERT INTO "deliveries" VALUES(7,'0bed2412-9532-406d-9067-dce29d917dc0',30,'email','status_change',NULL,3,2,NULL,'pending','2026-11-22 09:39:07.123456',NULL,0,0,'{"base_url":"http://127.0.0.1:8000","subject_id":4}',0,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:39:07.123456',NULL,NULL,1);
INSERT INTO "deliveries" VALUES(8,'12a946b1-255f-4500-8368-a0c51f329851',35,'email','post_update',NULL,2,2,NULL,'pending','2026-11-22 09:39:07.123456',NULL,0,0,'{"base_url":"http://127.0.0.1:8000","subject_id":5}',0,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:39:07.123456',NULL,NULL,1);
INSERT INTO "deliveries" VALUES(9,'21063411-71b8-4f52-9275-d39aa7511ea3',35,'webhook','comment.created',1,NULL,2,NULL,'pending','2026-11-22 09:39:07.123456',NULL,0,0,'{"body":"{\"id\":\"tHgawBfodAzxrDDI\",\"creation_time\":\"2026-11-22T09:39:07Z\",\"event\":\"comment.created\",\"data\":{\"comment\":{\"id\":5,\"comment\":\"It is ready.\",\"author\":{\"id\":\"68cce878-f503-49d6-a4ca-18ef5f1460f7\",\"name\":\"Owner\",\"email\":\"owner@example.com\",\"role\":\"admin\",\"counter_votes\":0,\"counter_comments\":3,\"counter_posts\":3,\"counter_comment_votes\":0,\"database_id\":1},\"pinned_to_top\":false,\"tagged_for_changelog\":true,\"parent_id\":null,\"created_at\":\"2026-11-22T09:39:07Z\",\"updated_at\":\"2026-11-22T09:39:07Z\",\"url\":\"http://first.example.com/p/faster-search-tkBhpr#comment-5\",\"internal\":false},\"post\":{\"id\":\"tkBhpr\",\"uid\":\"tkBhpr-uid\",\"title\":\"Faster search\",\"description_short\":\"Line one of 1 line two\",\"description\":\"Line one of 1\\nline two\",\"description_changelog\":\"\",\"clean_description_changelog\":\"\",\"image_main\":\"\",\"votes_count\":1,\"comments_count\":2,\"views_count\":0,\"url\":\"http://first.example.com/p/faster-search-tkBhpr\",\"url_edit\":\"http://first.example.com/p/faster-search-tkBhpr/edit\",\"url_delete\":\"http://first.example.com/p/faster-search-tkBhpr/delete\",\"created_at\":\"2026-11-22T09:09:07Z\",\"updated_at\":\"2026-11-22T09:31:07Z\",\"latest_status_change_at\":\"2026-11-22T09:28:07Z\",\"latest_status_change_at_formatted\":\"22 Nov 2026\",\"author\":{\"id\":\"68cce878-f503-49d6-a4ca-18ef5f1460f7\",\"name\":\"Owner\",\"email\":\"owner@example.com\",\"role\":\"admin\",\"counter_votes\":0,\"counter_comments\":3,\"counter_posts\":3,\"counter_comment_votes\":0,\"database_id\":1},\"categories\":[{\"id\":1,\"name\":\"Speed\",\"color\":\"#336699\"}],\"status\":{\"id\":4,\"name\":\"Completed\",\"color\":\"#6ac47c\",\"tab_name\":\"Changelog\"},\"section_id\":null,\"moderation_status\":\"approved\",\"conversion\":null,\"prioritization_impact\":null,\"prioritization_confidence\":null,\"prioritization_ease\":null,\"prioritization_reach\":null,\"category\":{\"id\":1,\"name\":\"Speed\",\"color\":\"#336699\"},\"tags\":[{\"id\":1,\"name\":\"Urgent\",\"color\":\"#ABDEE6\"},{\"id\":2,\"name\":\"Später 📊\",\"color\":\"#FFAEA5\"}]},\"user\":{\"id\":\"68cce878-f503-49d6-a4ca-18ef5f1460f7\",\"name\":\"Owner\",\"email\":\"owner@example.com\",\"role\":\"admin\",\"counter_votes\":0,\"counter_comments\":3,\"counter_posts\":3,\"counter_comment_votes\":0,\"database_id\":1},\"portal\":{\"guid\":\"4941b245-2c52-4fa6-a3b7-1836eff7af97\",\"title\":\"Feedback\",\"localization\":\"en\",\"editor_type\":\"html\",\"invite_message\":null,\"jira_domain_url\":null,\"jira_enabled\":false}}}","content_type":"application/json","url":null,"error":null,"encrypted_body":null}',0,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:39:07.123456',NULL,NULL,1);
CREATE TABLE digest_items (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	user_id INTEGER NOT NULL, 
	event_id INTEGER NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	post_id INTEGER, 
	subject_id INTEGER, 
	cadence VARCHAR(10) NOT NULL, 
	due_at VARCHAR(26) NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	CONSTRAINT fk_digest_items_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_digest_items_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_digest_items_user_id_event_id_kind UNIQUE (user_id, event_id, kind)
);
INSERT INTO "digest_items" VALUES(1,3,35,'post_update',2,5,'daily','2026-11-22 15:00:00.000000','2026-11-22 09:39:07.123456',1);
CREATE TABLE facts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	kind VARCHAR(32) NOT NULL, 
	post_id INTEGER, 
	subject_id INTEGER, 
	user_id INTEGER, 
	actor_id INTEGER, 
	body TEXT, 
	base_url VARCHAR(255), 
	created_at VARCHAR(26) NOT NULL, 
	expanded_at VARCHAR(26), 
	portal_id INTEGER NOT NULL, 
	CONSTRAINT fk_facts_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE
);
INSERT INTO "facts" VALUES(1,'user.registered',NULL,1,1,NULL,NULL,NULL,'2026-11-22 09:00:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(2,'user.registered',NULL,2,2,1,NULL,'http://first.example.com','2026-11-22 09:01:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(3,'user.invited',NULL,2,2,1,'{"message": null}','http://first.example.com','2026-11-22 09:01:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(4,'user.registered',NULL,3,3,1,NULL,'http://first.example.com','2026-11-22 09:02:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(5,'user.invited',NULL,3,3,1,'{"message": null}','http://first.example.com','2026-11-22 09:02:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(6,'user.registered',NULL,4,4,1,NULL,'http://first.example.com','2026-11-22 09:03:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(7,'user.invited',NULL,4,4,1,'{"message": null}','http://first.example.com','2026-11-22 09:03:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(8,'user.registered',NULL,5,5,1,NULL,'http://first.example.com','2026-11-22 09:04:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(9,'user.invited',NULL,5,5,1,'{"message": null}','http://first.example.com','2026-11-22 09:04:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(10,'user.registered',NULL,6,6,1,NULL,'http://first.example.com','2026-11-22 09:05:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(11,'user.invited',NULL,6,6,1,'{"message": null}','http://first.example.com','2026-11-22 09:05:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(12,'post.submitted',1,NULL,2,1,NULL,'http://first.example.com','2026-11-22 09:08:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(13,'post.submitted',2,NULL,1,1,NULL,'http://first.example.com','2026-11-22 09:09:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(14,'post.submitted',3,NULL,2,1,NULL,'http://first.example.com','2026-11-22 09:10:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(15,'post.submitted',4,NULL,1,1,NULL,'http://first.example.com','2026-11-22 09:11:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(16,'post.submitted',5,NULL,2,1,NULL,'http://first.example.com','2026-11-22 09:12:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(17,'post.submitted',6,NULL,1,1,NULL,'http://first.example.com','2026-11-22 09:13:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(18,'vote.cast',2,1,2,1,NULL,'http://first.example.com','2026-11-22 09:15:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(19,'vote.cast',3,2,2,1,NULL,'http://first.example.com','2026-11-22 09:16:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(20,'vote.cast',3,3,3,1,NULL,'http://first.example.com','2026-11-22 09:17:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(21,'vote.cast',4,4,2,1,NULL,'http://first.example.com','2026-11-22 09:18:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(22,'vote.cast',4,5,3,1,NULL,'http://first.example.com','2026-11-22 09:19:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(23,'vote.cast',4,6,4,1,NULL,'http://first.example.com','2026-11-22 09:20:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(24,'vote.retracted',4,6,4,1,'{"created_at": "2026-11-22 09:20:07.123456"}','http://first.example.com','2026-11-22 09:21:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(25,'comment.written',1,1,1,1,'{"official": false, "parent_id": null}','http://first.example.com','2026-11-22 09:22:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(26,'comment.written',1,2,3,1,'{"official": false, "parent_id": 1}','http://first.example.com','2026-11-22 09:23:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(27,'comment.written',2,3,1,1,'{"official": false, "parent_id": null}','http://first.example.com','2026-11-22 09:24:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(28,'post.status_changed',1,2,1,1,'{"old_status_id": null, "new_status_id": 2, "old_status": null, "new_status": {"id": 2, "name": "Planned", "color": "#0096ff", "tab_name": "Roadmap"}}','http://first.example.com','2026-11-22 09:26:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(29,'post.status_changed',1,3,1,1,'{"old_status_id": 2, "new_status_id": 3, "old_status": {"id": 2, "name": "Planned", "color": "#0096ff", "tab_name": "Roadmap"}, "new_status": {"id": 3, "name": "In Progress", "color": "#9437ff", "tab_name": "Roadmap"}}','http://first.example.com','2026-11-22 09:27:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(30,'post.status_changed',2,4,1,1,'{"old_status_id": 1, "new_status_id": 4, "old_status": {"id": 1, "name": "New", "color": "#8B95A1", "tab_name": "Feedback"}, "new_status": {"id": 4, "name": "Completed", "color": "#6ac47c", "tab_name": "Changelog"}}','http://first.example.com','2026-11-22 09:28:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(31,'post.rejected',3,NULL,2,NULL,NULL,NULL,'2026-11-22 09:28:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(32,'vote.cast',1,7,NULL,1,NULL,'http://first.example.com','2026-11-22 09:34:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(33,'vote.cast',1,8,NULL,1,NULL,'http://first.example.com','2026-11-22 09:35:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(34,'post.unpublished',4,NULL,1,1,NULL,'http://first.example.com','2026-11-22 09:38:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(35,'comment.written',2,5,1,1,'{"official": true, "parent_id": null}','http://first.example.com','2026-11-22 09:39:07.123456','2026-11-22 09:39:07.123456',1);
INSERT INTO "facts" VALUES(36,'user.passkey_added',NULL,3,3,NULL,NULL,NULL,'2026-11-22 09:41:07.123456',NULL,1);
INSERT INTO "facts" VALUES(37,'user.registered',NULL,7,7,NULL,NULL,NULL,'2026-11-22 09:41:07.123456',NULL,1);
INSERT INTO "facts" VALUES(38,'post.submitted',8,NULL,NULL,NULL,'{"moderation": "pending"}',NULL,'2026-11-22 09:41:07.123456',NULL,1);
INSERT INTO "facts" VALUES(39,'user.registered',NULL,8,8,NULL,NULL,NULL,'2026-11-22 09:41:07.123456',NULL,2);
INSERT INTO "facts" VALUES(40,'post.submitted',9,NULL,8,NULL,NULL,NULL,'2026-11-22 09:41:07.123456',NULL,2);
INSERT INTO "facts" VALUES(41,'vote.cast',9,9,8,NULL,NULL,NULL,'2026-11-22 09:41:07.123456',NULL,2);
INSERT INTO "facts" VALUES(42,'post.submitted',10,NULL,1,1,NULL,'http://first.example.com','2026-11-22 09:42:07.123456',NULL,1);
CREATE TABLE feedback (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	title VARCHAR(255) NOT NULL, 
	description TEXT NOT NULL, 
	status VARCHAR(16) DEFAULT 'new' NOT NULL, 
	user_id INTEGER, 
	post_id INTEGER, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_feedback_status CHECK (status in ('new', 'reviewed', 'archived')), 
	CONSTRAINT fk_feedback_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_feedback_post_id FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE SET NULL, 
	CONSTRAINT fk_feedback_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE SET NULL
);
INSERT INTO "feedback" VALUES(1,'Too slow','On Mondays.','new',2,2,1,'2026-11-22 09:36:07.123456','2026-11-22 09:36:07.123456');
CREATE TABLE follows (
	post_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	CONSTRAINT pk_follows PRIMARY KEY (post_id, user_id), 
	CONSTRAINT fk_follows_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_follows_post_id FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE CASCADE, 
	CONSTRAINT fk_follows_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO "follows" VALUES(2,1,'2026-11-22 09:09:07.123456',1);
INSERT INTO "follows" VALUES(4,1,'2026-11-22 09:11:07.123456',1);
INSERT INTO "follows" VALUES(6,1,'2026-11-22 09:13:07.123456',1);
INSERT INTO "follows" VALUES(2,2,'2026-11-22 09:15:07.123456',1);
INSERT INTO "follows" VALUES(3,2,'2026-11-22 09:16:07.123456',1);
INSERT INTO "follows" VALUES(3,3,'2026-11-22 09:17:07.123456',1);
INSERT INTO "follows" VALUES(4,2,'2026-11-22 09:18:07.123456',1);
INSERT INTO "follows" VALUES(4,3,'2026-11-22 09:19:07.123456',1);
INSERT INTO "follows" VALUES(4,4,'2026-11-22 09:20:07.123456',1);
INSERT INTO "follows" VALUES(2,3,'2026-11-22 09:21:07.123456',1);
CREATE TABLE group_members (
	group_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	CONSTRAINT pk_group_members PRIMARY KEY (group_id, user_id), 
	CONSTRAINT fk_group_members_group_id FOREIGN KEY(group_id) REFERENCES user_groups (id) ON DELETE CASCADE, 
	CONSTRAINT fk_group_members_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_group_members_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO "group_members" VALUES(1,2,'2026-11-22 09:33:07.123456',1);
CREATE TABLE identities (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	portal_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	provider_id INTEGER NOT NULL, 
	subject VARCHAR(255) NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	last_used_at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_identities_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_identities_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT fk_identities_provider_id FOREIGN KEY(provider_id) REFERENCES identity_providers (id) ON DELETE CASCADE, 
	CONSTRAINT uq_identities_provider_id_subject UNIQUE (provider_id, subject)
);
INSERT INTO "identities" VALUES(1,1,7,1,'subject','2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
CREATE TABLE identity_providers (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(100) NOT NULL, 
	issuer VARCHAR(255) NOT NULL, 
	client_id VARCHAR(255) NOT NULL, 
	client_secret TEXT, 
	scopes VARCHAR(255) DEFAULT 'openid email profile' NOT NULL, 
	groups_claim VARCHAR(100), 
	roles TEXT DEFAULT '{}' NOT NULL, 
	is_enabled BOOLEAN DEFAULT true NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_identity_providers_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT uq_identity_providers_portal_id_name UNIQUE (portal_id, name), 
	CONSTRAINT uq_identity_providers_portal_id_issuer_client_id UNIQUE (portal_id, issuer, client_id)
);
INSERT INTO "identity_providers" VALUES(1,'Acme','https://id.example','earshot',NULL,'openid email profile',NULL,'{}',1,1,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
CREATE TABLE installation (
	id SMALLINT NOT NULL, 
	secret_fingerprint VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_installation PRIMARY KEY (id), 
	CONSTRAINT ck_installation_one CHECK (id = 1)
);
INSERT INTO "installation" VALUES(1,'be4229859ad2df15d59907bf3f2c5909581c5fee88a99e2427e3c3af703131f4');
CREATE TABLE notification_choices (
	user_id INTEGER NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	cadence VARCHAR(10) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	CONSTRAINT pk_notification_choices PRIMARY KEY (user_id, kind), 
	CONSTRAINT ck_notification_choices_cadence CHECK (cadence in ('at_once', 'daily', 'weekly', 'never')), 
	CONSTRAINT fk_notification_choices_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_notification_choices_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO "notification_choices" VALUES(3,'post_update','daily',1);
CREATE TABLE one_time_tokens (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	user_id INTEGER NOT NULL, 
	purpose VARCHAR(20) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	email VARCHAR(255), 
	created_at VARCHAR(26) NOT NULL, 
	expires_at VARCHAR(26) NOT NULL, 
	used_at VARCHAR(26), 
	portal_id INTEGER NOT NULL, 
	CONSTRAINT ck_one_time_tokens_purpose CHECK (purpose in ('invitation', 'password_reset', 'email_confirmation')), 
	CONSTRAINT fk_one_time_tokens_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_one_time_tokens_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_one_time_tokens_digest UNIQUE (digest)
);
INSERT INTO "one_time_tokens" VALUES(1,2,'invitation','e28b13d35a819e8174a7f50f1c7e2d31125cabb14921e8093d444f6352571fff','ada@example.com','2026-11-22 09:39:07.123456','2027-02-20 09:39:07.123456',NULL,1);
INSERT INTO "one_time_tokens" VALUES(2,3,'invitation','f332a670e2779c098841279d6f114d8dfd26c09d7faa4efd345225dceea1297d','bob@example.com','2026-11-22 09:39:07.123456','2027-02-20 09:39:07.123456',NULL,1);
INSERT INTO "one_time_tokens" VALUES(3,4,'invitation','9c77f85b15539a1e134879db0e6220d32efff021744d0fd5ece6406b0d93df3a','cid@example.com','2026-11-22 09:39:07.123456','2027-02-20 09:39:07.123456','2026-11-22 09:41:07.123456',1);
INSERT INTO "one_time_tokens" VALUES(5,6,'invitation','64bf779033276211498d8bd70f46dd560872613e3240dd0987c4d703ce248e6a','eve@example.com','2026-11-22 09:39:07.123456','2027-02-20 09:39:07.123456',NULL,1);
CREATE TABLE passkeys (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	portal_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	credential_id TEXT NOT NULL, 
	public_key TEXT NOT NULL, 
	sign_count INTEGER DEFAULT 0 NOT NULL, 
	name VARCHAR(100) NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	last_used_at VARCHAR(26), 
	CONSTRAINT fk_passkeys_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_passkeys_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_passkeys_portal_id_credential_id UNIQUE (portal_id, credential_id)
);
INSERT INTO "passkeys" VALUES(1,1,3,'credential','key',0,'Phone','2026-11-22 09:41:07.123456',NULL);
CREATE TABLE portals (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	guid VARCHAR(36) NOT NULL, 
	title VARCHAR(255) NOT NULL, 
	locale VARCHAR(16) DEFAULT 'en' NOT NULL, 
	host VARCHAR(255), 
	default_dialect VARCHAR(16), 
	moderation_policy VARCHAR(16) DEFAULT 'anonymous' NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, is_private BOOLEAN DEFAULT false NOT NULL, invite_message TEXT, sso_secret TEXT, webhook_secret TEXT, accent_color VARCHAR(7), welcome_text TEXT, sign_up_domains TEXT, sign_up VARCHAR(16) DEFAULT 'open' NOT NULL, allows_anonymous_posts BOOLEAN DEFAULT false NOT NULL, allows_anonymous_votes BOOLEAN DEFAULT false NOT NULL, shows_voters BOOLEAN DEFAULT false NOT NULL, 
	CONSTRAINT ck_portals_default_dialect CHECK (default_dialect in ('productlift', 'astuto')), 
	CONSTRAINT ck_portals_moderation_policy CHECK (moderation_policy in ('never', 'anonymous', 'always')), 
	CONSTRAINT uq_portals_guid UNIQUE (guid), 
	CONSTRAINT uq_portals_host UNIQUE (host)
);
INSERT INTO "portals" VALUES(1,'4941b245-2c52-4fa6-a3b7-1836eff7af97','Feedback','en','first.example.com',NULL,'anonymous','2026-11-22 09:00:07.123456','2026-11-22 09:41:07.123456',0,NULL,NULL,NULL,NULL,NULL,NULL,'open',1,0,0);
INSERT INTO "portals" VALUES(2,'603d0fa3-8a0b-4409-aa5e-250c07e360f5','Second','en','second.example.com',NULL,'anonymous','2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456',0,NULL,NULL,NULL,NULL,NULL,NULL,'open',0,0,0);
CREATE TABLE post_categories (
	post_id INTEGER NOT NULL, 
	category_id INTEGER NOT NULL, 
	CONSTRAINT pk_post_categories PRIMARY KEY (post_id, category_id), 
	CONSTRAINT fk_post_categories_category_id FOREIGN KEY(category_id) REFERENCES categories (id) ON DELETE CASCADE, 
	CONSTRAINT fk_post_categories_post_id FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE CASCADE
);
INSERT INTO "post_categories" VALUES(2,1);
INSERT INTO "post_categories" VALUES(4,1);
INSERT INTO "post_categories" VALUES(1,2);
CREATE TABLE post_search_new (
      portal_id INTEGER NOT NULL, post_id INTEGER NOT NULL, PRIMARY KEY (portal_id, post_id)
    ) WITHOUT ROWID
    ;
INSERT INTO "post_search_new" VALUES(1,1);
INSERT INTO "post_search_new" VALUES(1,2);
INSERT INTO "post_search_new" VALUES(1,3);
INSERT INTO "post_search_new" VALUES(1,4);
INSERT INTO "post_search_new" VALUES(1,5);
INSERT INTO "post_search_new" VALUES(1,6);
INSERT INTO "post_search_new" VALUES(1,8);
INSERT INTO "post_search_new" VALUES(1,10);
INSERT INTO "post_search_new" VALUES(2,9);
CREATE TABLE post_search_vocabulary (
      portal_id INTEGER NOT NULL, folded TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (portal_id, folded, word)
    ) WITHOUT ROWID
    ;
CREATE TABLE post_tags (
	post_id INTEGER NOT NULL, 
	tag_id INTEGER NOT NULL, 
	CONSTRAINT pk_post_tags PRIMARY KEY (post_id, tag_id), 
	CONSTRAINT fk_post_tags_post_id FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE CASCADE, 
	CONSTRAINT fk_post_tags_tag_id FOREIGN KEY(tag_id) REFERENCES tags (id) ON DELETE CASCADE
);
INSERT INTO "post_tags" VALUES(2,2);
INSERT INTO "post_tags" VALUES(2,1);
CREATE TABLE posts (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	code VARCHAR(6) NOT NULL, 
	slug TEXT NOT NULL, 
	board_id INTEGER NOT NULL, 
	user_id INTEGER, 
	status_id INTEGER, 
	section_id INTEGER, 
	title VARCHAR(255) NOT NULL, 
	description TEXT, 
	description_short VARCHAR(160) DEFAULT '' NOT NULL, 
	changelog TEXT DEFAULT '' NOT NULL, 
	image VARCHAR(64), 
	moderation VARCHAR(16) DEFAULT 'approved' NOT NULL, 
	votes_count INTEGER DEFAULT 0 NOT NULL, 
	comments_count INTEGER DEFAULT 0 NOT NULL, 
	views_count INTEGER DEFAULT 0 NOT NULL, 
	position BIGINT DEFAULT 4611686018427387904 NOT NULL, 
	conversion DOUBLE, 
	impact INTEGER, 
	confidence INTEGER, 
	ease INTEGER, 
	reach INTEGER, 
	status_changed_at VARCHAR(26) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, published BOOLEAN DEFAULT true NOT NULL, tags_count INTEGER DEFAULT 0 NOT NULL, 
	CONSTRAINT ck_posts_moderation CHECK (moderation in ('approved', 'pending', 'rejected')), 
	CONSTRAINT ck_posts_code CHECK (length(code) = 6), 
	CONSTRAINT ck_posts_counters CHECK (votes_count >= 0 and comments_count >= 0 and views_count >= 0), 
	CONSTRAINT fk_posts_board_id FOREIGN KEY(board_id) REFERENCES boards (id), 
	CONSTRAINT fk_posts_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_posts_section_id FOREIGN KEY(section_id) REFERENCES sections (id) ON DELETE SET NULL, 
	CONSTRAINT fk_posts_status_id FOREIGN KEY(status_id) REFERENCES statuses (id), 
	CONSTRAINT fk_posts_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_posts_portal_id_code UNIQUE (portal_id, code), 
	CONSTRAINT uq_posts_portal_id_slug UNIQUE (portal_id, slug)
);
INSERT INTO "posts" VALUES(1,'ecKwMt','dark-mode',1,2,3,2,'Dark mode',NULL,'','',NULL,'approved',2,2,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:27:07.123456',1,'2026-11-22 09:08:07.123456','2026-11-22 09:27:07.123456',1,0);
INSERT INTO "posts" VALUES(2,'tkBhpr','faster-search',1,1,4,NULL,'Faster search','Line one of 1
line two','Line one of 1 line two','',NULL,'approved',1,2,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:28:07.123456',1,'2026-11-22 09:09:07.123456','2026-11-22 09:31:07.123456',1,2);
INSERT INTO "posts" VALUES(3,'u8dv0F','it-s-quoted-and-ends',1,2,NULL,NULL,'It''s "quoted"; -- and ends',NULL,'','',NULL,'rejected',2,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:10:07.123456',1,'2026-11-22 09:10:07.123456','2026-11-22 09:28:07.123456',1,0);
INSERT INTO "posts" VALUES(4,'sT8mdh','ein-uberblick-fur-alle',1,1,1,NULL,'Ein Überblick für alle 📊','Line one of 3
line two','Line one of 3 line two','',NULL,'approved',2,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:11:07.123456',1,'2026-11-22 09:11:07.123456','2026-11-22 09:38:07.123456',0,0);
INSERT INTO "posts" VALUES(5,'MOiW2e','bulk-edit',1,2,NULL,NULL,'Bulk edit',NULL,'','',NULL,'pending',0,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:12:07.123456',1,'2026-11-22 09:12:07.123456','2026-11-22 09:28:07.123456',1,0);
INSERT INTO "posts" VALUES(6,'Jru578','with-files',1,1,1,NULL,'With files','','','','bDsuz3un1o2V12x4icVtnA.png','approved',0,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:13:07.123456',1,'2026-11-22 09:13:07.123456','2026-11-22 09:13:07.123456',1,0);
INSERT INTO "posts" VALUES(8,'vQV22V','dark-mode-e3e83c2f-6292-43d8-896e-31b9681a17ba',1,NULL,1,NULL,'Dark mode','At night','At night','',NULL,'pending',0,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:41:07.123456',1,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456',1,0);
INSERT INTO "posts" VALUES(9,'fP9HaH','of-the-second-portal',3,8,NULL,NULL,'Of the second portal',NULL,'','',NULL,'approved',1,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:41:07.123456',2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456',1,0);
INSERT INTO "posts" VALUES(10,'KzuvFt','export-to-a-spreadsheet',1,1,NULL,NULL,'Export to a spreadsheet',NULL,'','',NULL,'approved',0,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:42:07.123456',1,'2026-11-22 09:42:07.123456','2026-11-22 09:42:07.123456',1,0);
CREATE TABLE product_visions (
	portal_id INTEGER NOT NULL, 
	title TEXT DEFAULT '' NOT NULL, 
	content TEXT DEFAULT '' NOT NULL, 
	vision TEXT DEFAULT '' NOT NULL, 
	target_group TEXT DEFAULT '' NOT NULL, 
	needs TEXT DEFAULT '' NOT NULL, 
	product TEXT DEFAULT '' NOT NULL, 
	business_goals TEXT DEFAULT '' NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT pk_product_visions PRIMARY KEY (portal_id), 
	CONSTRAINT fk_product_visions_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE
);
INSERT INTO "product_visions" VALUES(1,'','','No queue','','','','','2026-11-22 09:37:07.123456');
CREATE TABLE sections (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	tab_id INTEGER NOT NULL, 
	parent_id INTEGER, 
	title VARCHAR(255) NOT NULL, 
	position INTEGER NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_sections_parent_id FOREIGN KEY(parent_id) REFERENCES sections (id) ON DELETE SET NULL, 
	CONSTRAINT fk_sections_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_sections_tab_id FOREIGN KEY(tab_id) REFERENCES tabs (id)
);
INSERT INTO "sections" VALUES(1,1,NULL,'Soon',0,1,'2026-11-22 09:07:07.123456','2026-11-22 09:07:07.123456');
INSERT INTO "sections" VALUES(2,1,1,'Very soon',1,1,'2026-11-22 09:07:07.123456','2026-11-22 09:07:07.123456');
CREATE TABLE sessions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	portal_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	method VARCHAR(16) NOT NULL, 
	user_agent VARCHAR(255) NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	last_used_at VARCHAR(26) NOT NULL, 
	expires_at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_sessions_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT ck_sessions_method CHECK (method in ('password', 'email', 'provider', 'passkey', 'sign_on', 'link')), 
	CONSTRAINT uq_sessions_digest UNIQUE (digest)
);
INSERT INTO "sessions" VALUES(1,1,3,'57f0f0f9a91183d3486a62879af65dc13983451134583e262986f70980e47287','password','Browser','2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456','2027-02-20 09:41:07.123456');
CREATE TABLE sign_in_requests (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	portal_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	email VARCHAR(255), 
	link_digest VARCHAR(64), 
	code_digest VARCHAR(64), 
	browser_digest VARCHAR(64), 
	attempts INTEGER DEFAULT 0 NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	expires_at VARCHAR(26) NOT NULL, 
	used_at VARCHAR(26), 
	CONSTRAINT fk_sign_in_requests_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_sign_in_requests_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_sign_in_requests_link_digest UNIQUE (link_digest)
);
INSERT INTO "sign_in_requests" VALUES(1,1,3,NULL,'d87bc0a0ddc448eadc19bd7077fba08f0240379bc2da3a1ee2ca086fe376e64f',NULL,NULL,0,'2026-11-22 09:41:07.123456','2026-11-22 09:56:07.123456',NULL);
CREATE TABLE status_changes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	post_id INTEGER NOT NULL, 
	user_id INTEGER, 
	actor_id INTEGER, 
	status_id INTEGER, 
	created_at VARCHAR(26) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	CONSTRAINT fk_status_changes_actor_id FOREIGN KEY(actor_id) REFERENCES users (id), 
	CONSTRAINT fk_status_changes_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_status_changes_post_id FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE CASCADE, 
	CONSTRAINT fk_status_changes_status_id FOREIGN KEY(status_id) REFERENCES statuses (id) ON DELETE SET NULL, 
	CONSTRAINT fk_status_changes_user_id FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO "status_changes" VALUES(1,1,1,1,2,'2026-11-22 09:26:07.123456',1);
INSERT INTO "status_changes" VALUES(2,1,1,1,3,'2026-11-22 09:27:07.123456',1);
INSERT INTO "status_changes" VALUES(3,2,1,1,4,'2026-11-22 09:28:07.123456',1);
CREATE TABLE statuses (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	tab_id INTEGER NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	color VARCHAR(7) NOT NULL, 
	text_color VARCHAR(7), 
	position INTEGER NOT NULL, 
	show_in_roadmap BOOLEAN DEFAULT false NOT NULL, 
	is_default BOOLEAN DEFAULT false NOT NULL, 
	is_voteable BOOLEAN DEFAULT true NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_statuses_color CHECK (color like '#___' or color like '#______'), 
	CONSTRAINT fk_statuses_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_statuses_tab_id FOREIGN KEY(tab_id) REFERENCES tabs (id), 
	CONSTRAINT uq_statuses_portal_id_name UNIQUE (portal_id, name)
);
INSERT INTO "statuses" VALUES(1,1,'New','#8B95A1',NULL,0,0,1,1,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "statuses" VALUES(2,2,'Planned','#0096ff',NULL,1,1,0,1,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "statuses" VALUES(3,2,'In Progress','#9437ff',NULL,2,1,0,1,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "statuses" VALUES(4,3,'Completed','#6ac47c',NULL,3,1,0,0,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "statuses" VALUES(5,1,'Rejected','#ff2600',NULL,4,0,0,0,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "statuses" VALUES(6,4,'New','#8B95A1',NULL,0,0,1,1,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
INSERT INTO "statuses" VALUES(7,5,'Planned','#0096ff',NULL,1,1,0,1,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
INSERT INTO "statuses" VALUES(8,5,'In Progress','#9437ff',NULL,2,1,0,1,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
INSERT INTO "statuses" VALUES(9,6,'Completed','#6ac47c',NULL,3,1,0,0,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
INSERT INTO "statuses" VALUES(10,4,'Rejected','#ff2600',NULL,4,0,0,0,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
CREATE TABLE tabs (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(255) NOT NULL, 
	url VARCHAR(191) NOT NULL, 
	type VARCHAR(16) DEFAULT 'feedback' NOT NULL, 
	position INTEGER NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_tabs_type CHECK (type in ('feedback', 'roadmap', 'changelog', 'knowledgebase')), 
	CONSTRAINT fk_tabs_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT uq_tabs_portal_id_url UNIQUE (portal_id, url)
);
INSERT INTO "tabs" VALUES(1,'Feedback','feedback','feedback',0,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "tabs" VALUES(2,'Roadmap','roadmap','roadmap',1,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "tabs" VALUES(3,'Changelog','changelog','changelog',2,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "tabs" VALUES(4,'Feedback','feedback','feedback',0,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
INSERT INTO "tabs" VALUES(5,'Roadmap','roadmap','roadmap',1,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
INSERT INTO "tabs" VALUES(6,'Changelog','changelog','changelog',2,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
CREATE TABLE tags (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(255) NOT NULL, 
	name_key VARCHAR(255) NOT NULL, 
	color VARCHAR(7) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_tags_color CHECK (color like '#___' or color like '#______'), 
	CONSTRAINT fk_tags_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT uq_tags_portal_id_name_key UNIQUE (portal_id, name_key)
);
INSERT INTO "tags" VALUES(1,'Urgent','urgent','#ABDEE6',1,'2026-11-22 09:29:07.123456','2026-11-22 09:29:07.123456');
INSERT INTO "tags" VALUES(2,'Später 📊','später 📊','#FFAEA5',1,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
CREATE TABLE tallies (
	portal_id INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	ref_id INTEGER NOT NULL, 
	status_id INTEGER NOT NULL, 
	section_id INTEGER NOT NULL, 
	shard SMALLINT NOT NULL, 
	posts BIGINT DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_tallies PRIMARY KEY (portal_id, kind, ref_id, status_id, section_id, shard), 
	CONSTRAINT ck_tallies_kind CHECK (kind in ('portal', 'board', 'status', 'category')), 
	CONSTRAINT fk_tallies_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "tallies" VALUES(1,'board',1,0,0,0,8);
INSERT INTO "tallies" VALUES(1,'category',1,1,0,0,1);
INSERT INTO "tallies" VALUES(1,'category',1,4,0,0,1);
INSERT INTO "tallies" VALUES(1,'category',2,0,2,0,0);
INSERT INTO "tallies" VALUES(1,'category',2,2,2,0,0);
INSERT INTO "tallies" VALUES(1,'category',2,3,2,0,1);
INSERT INTO "tallies" VALUES(1,'portal',0,0,0,0,8);
INSERT INTO "tallies" VALUES(1,'status',0,0,0,0,3);
INSERT INTO "tallies" VALUES(1,'status',0,0,2,0,0);
INSERT INTO "tallies" VALUES(1,'status',0,1,0,0,3);
INSERT INTO "tallies" VALUES(1,'status',0,2,2,0,0);
INSERT INTO "tallies" VALUES(1,'status',0,3,2,0,1);
INSERT INTO "tallies" VALUES(1,'status',0,4,0,0,1);
INSERT INTO "tallies" VALUES(2,'board',3,0,0,0,1);
INSERT INTO "tallies" VALUES(2,'portal',0,0,0,0,1);
INSERT INTO "tallies" VALUES(2,'status',0,0,0,0,1);
CREATE TABLE user_groups (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(255) NOT NULL, 
	name_key VARCHAR(255) NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_user_groups_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT uq_user_groups_portal_id_name_key UNIQUE (portal_id, name_key)
);
INSERT INTO "user_groups" VALUES(1,'Early access','early access',1,'2026-11-22 09:32:07.123456','2026-11-22 09:32:07.123456');
CREATE TABLE users (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	uuid VARCHAR(36) NOT NULL, 
	email VARCHAR(255), 
	email_key VARCHAR(255), 
	name VARCHAR(255) NOT NULL, 
	role VARCHAR(16) DEFAULT 'user' NOT NULL, 
	password_hash VARCHAR(255), 
	notifications_enabled BOOLEAN DEFAULT true NOT NULL, 
	recap VARCHAR(16) DEFAULT 'never' NOT NULL, 
	posts_count INTEGER DEFAULT 0 NOT NULL, 
	votes_count INTEGER DEFAULT 0 NOT NULL, 
	comments_count INTEGER DEFAULT 0 NOT NULL, 
	blocked_at VARCHAR(26), 
	deleted_at VARCHAR(26), 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, avatar_url TEXT, uid VARCHAR(255), company VARCHAR(255), "plan" VARCHAR(255), segment_1 VARCHAR(255), segment_2 VARCHAR(255), segment_3 VARCHAR(255), segment_4 VARCHAR(255), segment_5 VARCHAR(255), segment_6 VARCHAR(255), segment_7 VARCHAR(255), segment_8 VARCHAR(255), segment_9 VARCHAR(255), segment_10 VARCHAR(255), mrr DOUBLE, arr DOUBLE, ltv DOUBLE, email_confirmed_at VARCHAR(26), reset_requested_at VARCHAR(26), confirmation_requested_at VARCHAR(26), signed_up_at VARCHAR(26), awaits_approval BOOLEAN DEFAULT false NOT NULL, locale VARCHAR(16), picture VARCHAR(64), 
	CONSTRAINT ck_users_recap CHECK (recap in ('never', 'daily', 'weekly', 'monthly')), 
	CONSTRAINT ck_users_role CHECK (role in ('user', 'moderator', 'admin', 'owner')), 
	CONSTRAINT ck_users_tombstone CHECK (deleted_at is null or email is null), 
	CONSTRAINT ck_users_counters CHECK (posts_count >= 0 and votes_count >= 0 and comments_count >= 0), 
	CONSTRAINT fk_users_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT uq_users_portal_id_email_key UNIQUE (portal_id, email_key), 
	CONSTRAINT uq_users_uuid UNIQUE (uuid)
);
INSERT INTO "users" VALUES(1,'68cce878-f503-49d6-a4ca-18ef5f1460f7','owner@example.com','owner@example.com','Owner','owner',NULL,1,'never',4,0,3,NULL,NULL,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "users" VALUES(2,'11618762-83e0-4848-8f69-6f41ca79a314','ada@example.com','ada@example.com','Ada Example','user',NULL,1,'never',3,3,0,NULL,NULL,1,'2026-11-22 09:01:07.123456','2026-11-22 09:01:07.123456',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "users" VALUES(3,'c7cd1d54-8349-43dc-9431-9c17a130113b','bob@example.com','bob@example.com','Bob Example','user',NULL,1,'never',0,2,1,NULL,NULL,1,'2026-11-22 09:02:07.123456','2026-11-22 09:41:07.123456',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'picture1');
INSERT INTO "users" VALUES(4,'d57650db-50b1-4caa-8796-13012e891828','cid@example.com','cid@example.com','Cid Example','user',NULL,1,'never',0,0,0,'2026-11-22 09:41:07.123456',NULL,1,'2026-11-22 09:03:07.123456','2026-11-22 09:41:07.123456',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "users" VALUES(5,'05286b23-1b3f-4ec7-a441-b4a49b41d0d5',NULL,NULL,'[User Deleted]','user',NULL,0,'never',0,0,0,NULL,'2026-11-22 09:40:07.123456',1,'2026-11-22 09:04:07.123456','2026-11-22 09:40:07.123456',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "users" VALUES(6,'3051cedb-14ef-4602-b80c-6c0b174f44a6','eve@example.com','eve@example.com','Eve Example','admin',NULL,1,'never',0,0,0,NULL,NULL,1,'2026-11-22 09:05:07.123456','2026-11-22 09:05:07.123456',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "users" VALUES(7,'ced8c0a8-6d3e-4693-8a1f-98bec3669b6b',NULL,NULL,'Jane Roe','user',NULL,1,'never',0,0,0,NULL,NULL,1,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:41:07.123456',0,NULL,NULL);
INSERT INTO "users" VALUES(8,'eacb5619-0c4f-40aa-a2e5-54d02cfc4d94','owner@second.example.com','owner@second.example.com','Owner','owner',NULL,1,'never',1,1,0,NULL,NULL,2,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL);
CREATE TABLE "votes" (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	portal_id INTEGER NOT NULL, 
	post_id INTEGER NOT NULL, 
	user_id INTEGER, 
	anonymous_id VARCHAR(191), 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_votes_voter CHECK ((user_id is null) <> (anonymous_id is null)), 
	CONSTRAINT fk_votes_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_votes_post_id FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE CASCADE, 
	CONSTRAINT fk_votes_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_votes_post_id_user_id UNIQUE (post_id, user_id)
);
INSERT INTO "votes" VALUES(1,1,2,2,NULL,'2026-11-22 09:15:07.123456','2026-11-22 09:15:07.123456');
INSERT INTO "votes" VALUES(2,1,3,2,NULL,'2026-11-22 09:16:07.123456','2026-11-22 09:16:07.123456');
INSERT INTO "votes" VALUES(3,1,3,3,NULL,'2026-11-22 09:17:07.123456','2026-11-22 09:17:07.123456');
INSERT INTO "votes" VALUES(4,1,4,2,NULL,'2026-11-22 09:18:07.123456','2026-11-22 09:18:07.123456');
INSERT INTO "votes" VALUES(5,1,4,3,NULL,'2026-11-22 09:19:07.123456','2026-11-22 09:19:07.123456');
INSERT INTO "votes" VALUES(7,1,1,NULL,'visitor','2026-11-22 09:34:07.123456','2026-11-22 09:34:07.123456');
INSERT INTO "votes" VALUES(8,1,1,NULL,'Ünknown','2026-11-22 09:35:07.123456','2026-11-22 09:35:07.123456');
INSERT INTO "votes" VALUES(9,2,9,8,NULL,'2026-11-22 09:41:07.123456','2026-11-22 09:41:07.123456');
CREATE TABLE webhooks (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	dialect VARCHAR(16) NOT NULL, 
	description VARCHAR(255), 
	url TEXT NOT NULL, 
	events TEXT NOT NULL, 
	method VARCHAR(8) DEFAULT 'POST' NOT NULL, 
	headers TEXT, 
	body TEXT, 
	secret TEXT, 
	signature_header VARCHAR(100) DEFAULT 'Signature' NOT NULL, 
	signature_encoding VARCHAR(8) DEFAULT 'hex' NOT NULL, 
	is_enabled BOOLEAN DEFAULT true NOT NULL, 
	failures_in_row INTEGER DEFAULT 0 NOT NULL, 
	disabled_at VARCHAR(26), 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_webhooks_dialect CHECK (dialect in ('productlift', 'astuto')), 
	CONSTRAINT ck_webhooks_method CHECK (method in ('POST', 'PUT', 'PATCH', 'DELETE')), 
	CONSTRAINT ck_webhooks_signature_encoding CHECK (signature_encoding in ('hex', 'base64')), 
	CONSTRAINT fk_webhooks_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT uq_webhooks_portal_id_description UNIQUE (portal_id, description)
);
INSERT INTO "webhooks" VALUES(1,'productlift','CRM','gAAAAABrCxJrM9zUsPILF2iuE7lFfM0jZpsb-pm_bbNQEG39SoGt3Hc6vYYlthj-fTgL0pnXSejCNOn_52XI_3QOHpXtJ7SAhWvqpyuPTfG5wnrbXonEqifA6ZqmM29aKg-HJ6S8ekNG','[]','POST',NULL,NULL,NULL,'Signature','hex',1,0,NULL,1,'2026-11-22 09:38:07.123456','2026-11-22 09:38:07.123456');
CREATE TABLE widgets (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	uuid VARCHAR(36) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	type VARCHAR(16) NOT NULL, 
	tab_id INTEGER, 
	frame_ancestors TEXT DEFAULT '*' NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_widgets_type CHECK (type in ('widget', 'sidebar', 'embed')), 
	CONSTRAINT fk_widgets_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_widgets_tab_id FOREIGN KEY(tab_id) REFERENCES tabs (id) ON DELETE SET NULL, 
	CONSTRAINT uq_widgets_uuid UNIQUE (uuid)
);
INSERT INTO "widgets" VALUES(1,'d5e940ad-b72e-4f17-b92d-d8f1855e8a4c','Help','widget',1,'*',1,'2026-11-22 09:38:07.123456','2026-11-22 09:38:07.123456');
CREATE UNIQUE INDEX uq_boards_default ON boards (portal_id) WHERE is_default;
CREATE INDEX ix_users_newest ON users (portal_id, created_at, id);
CREATE UNIQUE INDEX uq_users_owner ON users (portal_id) WHERE role = 'owner';
CREATE INDEX ix_api_keys_user_id ON api_keys (user_id);
CREATE INDEX ix_sections_parent_id ON sections (parent_id);
CREATE INDEX ix_sections_tab_id ON sections (tab_id);
CREATE INDEX ix_statuses_tab_id ON statuses (tab_id);
CREATE UNIQUE INDEX uq_statuses_default ON statuses (portal_id) WHERE is_default;
CREATE INDEX ix_posts_board ON posts (board_id, created_at, id);
CREATE INDEX ix_posts_moderated ON posts (portal_id, moderation, created_at) WHERE moderation <> 'approved';
CREATE INDEX ix_posts_newest ON posts (portal_id, created_at, id);
CREATE INDEX ix_posts_position ON posts (portal_id, position, id);
CREATE INDEX ix_posts_status ON posts (status_id, created_at, id);
CREATE INDEX ix_posts_user ON posts (user_id, created_at, id);
CREATE INDEX ix_posts_votes ON posts (portal_id, votes_count, id);
CREATE INDEX ix_attachments_post_id ON attachments (post_id);
CREATE INDEX ix_comments_newest ON comments (portal_id, created_at, id);
CREATE INDEX ix_comments_parent_id ON comments (parent_id);
CREATE INDEX ix_comments_post ON comments (post_id, created_at, id);
CREATE INDEX ix_comments_user_id ON comments (user_id);
CREATE INDEX ix_follows_user_id ON follows (user_id);
CREATE INDEX ix_post_categories_category_id ON post_categories (category_id, post_id);
CREATE INDEX ix_status_changes_post_id ON status_changes (post_id, id);
CREATE INDEX ix_posts_section ON posts (section_id, created_at, id) WHERE section_id is not null;
CREATE INDEX ix_posts_updated ON posts (portal_id, updated_at, id);
CREATE INDEX ix_posts_comments ON posts (portal_id, comments_count, id);
CREATE INDEX ix_posts_status_changed ON posts (portal_id, status_changed_at, id);
CREATE INDEX ix_status_changes_user_id ON status_changes (user_id) WHERE user_id is not null;
CREATE INDEX ix_status_changes_actor_id ON status_changes (actor_id) WHERE actor_id is not null;
CREATE INDEX ix_status_changes_status_id ON status_changes (status_id) WHERE status_id is not null;
CREATE INDEX ix_feedback_newest ON feedback (portal_id, created_at, id);
CREATE INDEX ix_feedback_post_id ON feedback (post_id);
CREATE INDEX ix_feedback_user_id ON feedback (user_id);
CREATE INDEX ix_group_members_oldest ON group_members (group_id, created_at, user_id);
CREATE INDEX ix_group_members_user_id ON group_members (user_id);
CREATE INDEX ix_widgets_portal_id ON widgets (portal_id, name);
CREATE INDEX ix_widgets_tab_id ON widgets (tab_id);
CREATE INDEX ix_post_tags_tag_id ON post_tags (tag_id, post_id);
CREATE INDEX ix_posts_unpublished ON posts (portal_id, id) WHERE published is false;
CREATE UNIQUE INDEX uq_users_uid ON users (portal_id, uid) WHERE uid is not null;
CREATE INDEX ix_votes_user_id ON votes (user_id);
CREATE INDEX ix_votes_newest ON votes (portal_id, created_at, id, user_id);
CREATE UNIQUE INDEX uq_votes_anonymous ON votes (post_id, anonymous_id) WHERE anonymous_id is not null;
CREATE INDEX ix_deliveries_due_email ON deliveries (due_at, id) WHERE state = 'pending' and channel = 'email';
CREATE INDEX ix_deliveries_due_call ON deliveries (webhook_id, due_at, id) WHERE state = 'pending' and channel = 'webhook';
CREATE INDEX ix_deliveries_secret ON deliveries (id) WHERE channel = 'email' and is_encrypted and payload is not null;
CREATE INDEX ix_deliveries_finished ON deliveries (finished_at);
CREATE INDEX ix_deliveries_newest ON deliveries (portal_id, id);
CREATE INDEX ix_deliveries_order ON deliveries (webhook_id, post_id, id) WHERE state = 'pending';
CREATE INDEX ix_deliveries_user ON deliveries (user_id);
CREATE INDEX ix_deliveries_webhook ON deliveries (webhook_id, id);
CREATE INDEX ix_digest_items_due ON digest_items (due_at, user_id);
CREATE INDEX ix_notification_choices_kind ON notification_choices (portal_id, kind);
CREATE INDEX ix_one_time_tokens_expires_at ON one_time_tokens (expires_at);
CREATE INDEX ix_one_time_tokens_user ON one_time_tokens (user_id, purpose);
CREATE INDEX ix_users_recap ON users (portal_id) WHERE recap <> 'never';
CREATE INDEX ix_facts_post_deleted ON facts (post_id, id) WHERE kind = 'post.deleted';
CREATE INDEX ix_facts_comment_deleted ON facts (subject_id, id) WHERE kind = 'comment.deleted';
CREATE INDEX ix_facts_waiting ON facts (portal_id, id) WHERE expanded_at is null;
CREATE INDEX ix_facts_account ON facts (id) WHERE expanded_at is null and kind in ('user.invited', 'user.password_reset_requested', 'user.confirmation_requested', 'user.email_changed', 'user.password_changed');
CREATE INDEX ix_sessions_user ON sessions (user_id);
CREATE INDEX ix_sessions_expires_at ON sessions (expires_at);
CREATE INDEX ix_sign_in_requests_user ON sign_in_requests (user_id);
CREATE INDEX ix_sign_in_requests_expires_at ON sign_in_requests (expires_at);
CREATE INDEX ix_sign_in_requests_browser ON sign_in_requests (browser_digest) WHERE browser_digest is not null;
CREATE INDEX ix_passkeys_user ON passkeys (user_id);
CREATE INDEX ix_identities_user ON identities (user_id);
CREATE INDEX ix_anonymous_posts_device ON anonymous_posts (portal_id, device_digest);
CREATE INDEX ix_votes_anonymous ON votes (portal_id, anonymous_id) WHERE anonymous_id is not null;
CREATE UNIQUE INDEX uq_users_picture ON users (picture) WHERE picture is not null;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('portals',2);
INSERT INTO "sqlite_sequence" VALUES('boards',4);
INSERT INTO "sqlite_sequence" VALUES('tabs',6);
INSERT INTO "sqlite_sequence" VALUES('statuses',10);
INSERT INTO "sqlite_sequence" VALUES('users',8);
INSERT INTO "sqlite_sequence" VALUES('facts',42);
INSERT INTO "sqlite_sequence" VALUES('api_keys',4);
INSERT INTO "sqlite_sequence" VALUES('categories',2);
INSERT INTO "sqlite_sequence" VALUES('sections',2);
INSERT INTO "sqlite_sequence" VALUES('posts',10);
INSERT INTO "sqlite_sequence" VALUES('attachments',2);
INSERT INTO "sqlite_sequence" VALUES('votes',9);
INSERT INTO "sqlite_sequence" VALUES('comments',5);
INSERT INTO "sqlite_sequence" VALUES('status_changes',3);
INSERT INTO "sqlite_sequence" VALUES('tags',2);
INSERT INTO "sqlite_sequence" VALUES('user_groups',1);
INSERT INTO "sqlite_sequence" VALUES('feedback',1);
INSERT INTO "sqlite_sequence" VALUES('widgets',1);
INSERT INTO "sqlite_sequence" VALUES('webhooks',1);
INSERT INTO "sqlite_sequence" VALUES('one_time_tokens',5);
INSERT INTO "sqlite_sequence" VALUES('deliveries',9);
INSERT INTO "sqlite_sequence" VALUES('digest_items',1);
INSERT INTO "sqlite_sequence" VALUES('sessions',1);
INSERT INTO "sqlite_sequence" VALUES('sign_in_requests',1);
INSERT INTO "sqlite_sequence" VALUES('passkeys',1);
INSERT INTO "sqlite_sequence" VALUES('identity_providers',1);
INSERT INTO "sqlite_sequence" VALUES('identities',1);
CREATE VIRTUAL TABLE post_search USING fts5(
      title, content = '', columnsize = 0, detail = none, tokenize = 'porter unicode61 remove_diacritics 2'
    );
INSERT INTO post_search (post_search, rank) VALUES ('automerge', 0);
INSERT INTO post_search (post_search, rank) VALUES ('pgsz', 1000);
CREATE VIRTUAL TABLE post_search_texts USING fts5(
      text, content = '', columnsize = 0, detail = none, tokenize = 'porter unicode61 remove_diacritics 2'
    );
INSERT INTO post_search_texts (post_search_texts, rank) VALUES ('pgsz', 1000);
INSERT INTO post_search (rowid, title) SELECT id, title FROM posts ORDER BY id;
INSERT OR IGNORE INTO post_search_new (portal_id, post_id) SELECT portal_id, id FROM posts;
CREATE TRIGGER post_search_insert AFTER INSERT ON posts BEGIN
      INSERT INTO post_search (rowid, title) VALUES (new.id, new.title);
    END;
CREATE TRIGGER post_search_update AFTER UPDATE OF title ON posts WHEN old.title <> new.title BEGIN
      INSERT INTO post_search (post_search, rowid, title) VALUES ('delete', old.id, old.title);
      INSERT INTO post_search (rowid, title) VALUES (new.id, new.title);
    END;
CREATE TRIGGER post_search_delete AFTER DELETE ON posts BEGIN
      INSERT INTO post_search (post_search, rowid, title) VALUES ('delete', old.id, old.title);
    END;
CREATE TRIGGER post_search_new_insert AFTER INSERT ON posts BEGIN
      INSERT INTO post_search_new (portal_id, post_id) VALUES (new.portal_id, new.id);
    END;
CREATE TRIGGER post_search_texts_insert AFTER DELETE ON post_search_new BEGIN
      INSERT INTO post_search_texts (rowid, text)
      SELECT id, 
      char(57344) || 'p' || posts.portal_id
      || CASE WHEN posts.status_id IS NULL THEN '' ELSE ' ' || char(57344) || 's' || posts.status_id END
      || CASE WHEN posts.moderation = 'approved' THEN '' ELSE ' ' || char(57344) || posts.moderation END
      || CASE WHEN posts.published THEN '' ELSE ' ' || char(57344) || 'unpublished' END
     || ' ' || replace(posts.title || ' ' || 
      CASE WHEN instr(substr(coalesce(posts.description, ''), 1, 10000), '<') = 0 THEN substr(coalesce(posts.description, ''), 1, 10000) ELSE (
        SELECT group_concat(
          CASE WHEN part.key > 0 AND substr(part.value, 1, 1) GLOB '[A-Za-z/!]' AND instr(part.value, '>') > 0 THEN substr(part.value, instr(part.value, '>') + 1) ELSE part.value END, ' '
        ) FROM json_each('[' || replace(json_quote(substr(coalesce(posts.description, ''), 1, 10000)), '<', '","') || ']') AS part
      ) END
    , char(57344), ' ') FROM posts WHERE id = old.post_id;
    END;
CREATE TRIGGER post_search_texts_update AFTER UPDATE OF title, description, moderation, published, status_id ON posts
    WHEN (old.title IS NOT new.title OR old.description IS NOT new.description OR old.moderation IS NOT new.moderation OR old.published IS NOT new.published OR old.status_id IS NOT new.status_id) AND NOT EXISTS (SELECT 1 FROM post_search_new WHERE portal_id = old.portal_id AND post_id = old.id) BEGIN
      INSERT INTO post_search_texts (post_search_texts, rowid, text)
      VALUES ('delete', old.id, 
      char(57344) || 'p' || old.portal_id
      || CASE WHEN old.status_id IS NULL THEN '' ELSE ' ' || char(57344) || 's' || old.status_id END
      || CASE WHEN old.moderation = 'approved' THEN '' ELSE ' ' || char(57344) || old.moderation END
      || CASE WHEN old.published THEN '' ELSE ' ' || char(57344) || 'unpublished' END
     || ' ' || replace(old.title || ' ' || 
      CASE WHEN instr(substr(coalesce(old.description, ''), 1, 10000), '<') = 0 THEN substr(coalesce(old.description, ''), 1, 10000) ELSE (
        SELECT group_concat(
          CASE WHEN part.key > 0 AND substr(part.value, 1, 1) GLOB '[A-Za-z/!]' AND instr(part.value, '>') > 0 THEN substr(part.value, instr(part.value, '>') + 1) ELSE part.value END, ' '
        ) FROM json_each('[' || replace(json_quote(substr(coalesce(old.description, ''), 1, 10000)), '<', '","') || ']') AS part
      ) END
    , char(57344), ' '));
      INSERT INTO post_search_texts (rowid, text) VALUES (new.id, 
      char(57344) || 'p' || new.portal_id
      || CASE WHEN new.status_id IS NULL THEN '' ELSE ' ' || char(57344) || 's' || new.status_id END
      || CASE WHEN new.moderation = 'approved' THEN '' ELSE ' ' || char(57344) || new.moderation END
      || CASE WHEN new.published THEN '' ELSE ' ' || char(57344) || 'unpublished' END
     || ' ' || replace(new.title || ' ' || 
      CASE WHEN instr(substr(coalesce(new.description, ''), 1, 10000), '<') = 0 THEN substr(coalesce(new.description, ''), 1, 10000) ELSE (
        SELECT group_concat(
          CASE WHEN part.key > 0 AND substr(part.value, 1, 1) GLOB '[A-Za-z/!]' AND instr(part.value, '>') > 0 THEN substr(part.value, instr(part.value, '>') + 1) ELSE part.value END, ' '
        ) FROM json_each('[' || replace(json_quote(substr(coalesce(new.description, ''), 1, 10000)), '<', '","') || ']') AS part
      ) END
    , char(57344), ' '));
    END;
CREATE TRIGGER post_search_texts_delete AFTER DELETE ON posts BEGIN
      INSERT INTO post_search_texts (post_search_texts, rowid, text)
      SELECT 'delete', old.id, 
      char(57344) || 'p' || old.portal_id
      || CASE WHEN old.status_id IS NULL THEN '' ELSE ' ' || char(57344) || 's' || old.status_id END
      || CASE WHEN old.moderation = 'approved' THEN '' ELSE ' ' || char(57344) || old.moderation END
      || CASE WHEN old.published THEN '' ELSE ' ' || char(57344) || 'unpublished' END
     || ' ' || replace(old.title || ' ' || 
      CASE WHEN instr(substr(coalesce(old.description, ''), 1, 10000), '<') = 0 THEN substr(coalesce(old.description, ''), 1, 10000) ELSE (
        SELECT group_concat(
          CASE WHEN part.key > 0 AND substr(part.value, 1, 1) GLOB '[A-Za-z/!]' AND instr(part.value, '>') > 0 THEN substr(part.value, instr(part.value, '>') + 1) ELSE part.value END, ' '
        ) FROM json_each('[' || replace(json_quote(substr(coalesce(old.description, ''), 1, 10000)), '<', '","') || ']') AS part
      ) END
    , char(57344), ' ') WHERE NOT EXISTS (SELECT 1 FROM post_search_new WHERE portal_id = old.portal_id AND post_id = old.id);
      DELETE FROM post_search_new WHERE portal_id = old.portal_id AND post_id = old.id;
    END;
COMMIT;
