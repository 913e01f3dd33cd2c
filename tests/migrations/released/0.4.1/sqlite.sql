BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0007');
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
INSERT INTO "api_keys" VALUES(1,1,'astuto','earshot','1ec7892004a03ba63de751560d91a5d6fe853ea18b4b3addf5f29689ff8d8b8a','tkn_admin_aaaaaa','2026-11-22 09:00:07.123456','2026-11-22 09:31:07.123456',NULL,1,NULL,NULL);
INSERT INTO "api_keys" VALUES(2,1,'productlift','earshot','21151e4da38eadc838a50c83e78e16a4f1a2e3ec0452d5ae9142185b3df13919','1|','2026-11-22 09:00:07.123456','2026-11-22 09:31:07.123456',NULL,1,NULL,NULL);
INSERT INTO "api_keys" VALUES(3,6,'astuto','earshot','00e07c36e64d627c5fe37ed1cccc36f8196d68a9b07802edc94f3a2440445cb0','tkn_admin_rrrrrr','2026-11-22 09:30:07.123456',NULL,'2026-11-22 09:30:07.123456',1,NULL,NULL);
INSERT INTO "api_keys" VALUES(4,7,'astuto','earshot','84a59b9a430bec9c3e7d765d4faf58e690fadde14c183c8216575482b2ec3112','tkn_admin_ssssss','2026-11-22 09:30:07.123456',NULL,NULL,2,NULL,NULL);
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
INSERT INTO "attachments" VALUES(1,6,'image','NX1lqOzbd8A5oJF6FzOXMr.png','one.png','image/png',77,'2026-11-22 09:13:07.123456',1);
INSERT INTO "attachments" VALUES(2,6,'attachment','g1PATIJA82TWLZzk6tWzPN','log.txt','application/octet-stream',14,'2026-11-22 09:13:07.123456',1);
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
INSERT INTO "boards" VALUES(3,'Feature Requests','feature-requests',NULL,0,1,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
INSERT INTO "boards" VALUES(4,'Bug Reports','bug-reports',NULL,1,0,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
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
INSERT INTO "facts" VALUES(1,'user.registered',NULL,1,1,NULL,NULL,NULL,'2026-11-22 09:00:07.123456',NULL,1);
INSERT INTO "facts" VALUES(2,'user.registered',NULL,2,2,1,NULL,'http://first.example.com','2026-11-22 09:01:07.123456',NULL,1);
INSERT INTO "facts" VALUES(3,'user.invited',NULL,2,2,1,'{"message": null}','http://first.example.com','2026-11-22 09:01:07.123456',NULL,1);
INSERT INTO "facts" VALUES(4,'user.registered',NULL,3,3,1,NULL,'http://first.example.com','2026-11-22 09:02:07.123456',NULL,1);
INSERT INTO "facts" VALUES(5,'user.invited',NULL,3,3,1,'{"message": null}','http://first.example.com','2026-11-22 09:02:07.123456',NULL,1);
INSERT INTO "facts" VALUES(6,'user.registered',NULL,4,4,1,NULL,'http://first.example.com','2026-11-22 09:03:07.123456',NULL,1);
INSERT INTO "facts" VALUES(7,'user.invited',NULL,4,4,1,'{"message": null}','http://first.example.com','2026-11-22 09:03:07.123456',NULL,1);
INSERT INTO "facts" VALUES(8,'user.registered',NULL,5,5,1,NULL,'http://first.example.com','2026-11-22 09:04:07.123456',NULL,1);
INSERT INTO "facts" VALUES(9,'user.invited',NULL,5,5,1,'{"message": null}','http://first.example.com','2026-11-22 09:04:07.123456',NULL,1);
INSERT INTO "facts" VALUES(10,'user.registered',NULL,6,6,1,NULL,'http://first.example.com','2026-11-22 09:05:07.123456',NULL,1);
INSERT INTO "facts" VALUES(11,'user.invited',NULL,6,6,1,'{"message": null}','http://first.example.com','2026-11-22 09:05:07.123456',NULL,1);
INSERT INTO "facts" VALUES(12,'post.submitted',1,NULL,2,1,NULL,'http://first.example.com','2026-11-22 09:08:07.123456',NULL,1);
INSERT INTO "facts" VALUES(13,'post.submitted',2,NULL,1,1,NULL,'http://first.example.com','2026-11-22 09:09:07.123456',NULL,1);
INSERT INTO "facts" VALUES(14,'post.submitted',3,NULL,2,1,NULL,'http://first.example.com','2026-11-22 09:10:07.123456',NULL,1);
INSERT INTO "facts" VALUES(15,'post.submitted',4,NULL,1,1,NULL,'http://first.example.com','2026-11-22 09:11:07.123456',NULL,1);
INSERT INTO "facts" VALUES(16,'post.submitted',5,NULL,2,1,NULL,'http://first.example.com','2026-11-22 09:12:07.123456',NULL,1);
INSERT INTO "facts" VALUES(17,'post.submitted',6,NULL,1,1,NULL,'http://first.example.com','2026-11-22 09:13:07.123456',NULL,1);
INSERT INTO "facts" VALUES(18,'vote.cast',2,1,2,1,NULL,'http://first.example.com','2026-11-22 09:15:07.123456',NULL,1);
INSERT INTO "facts" VALUES(19,'vote.cast',3,2,2,1,NULL,'http://first.example.com','2026-11-22 09:16:07.123456',NULL,1);
INSERT INTO "facts" VALUES(20,'vote.cast',3,3,3,1,NULL,'http://first.example.com','2026-11-22 09:17:07.123456',NULL,1);
INSERT INTO "facts" VALUES(21,'vote.cast',4,4,2,1,NULL,'http://first.example.com','2026-11-22 09:18:07.123456',NULL,1);
INSERT INTO "facts" VALUES(22,'vote.cast',4,5,3,1,NULL,'http://first.example.com','2026-11-22 09:19:07.123456',NULL,1);
INSERT INTO "facts" VALUES(23,'vote.cast',4,6,4,1,NULL,'http://first.example.com','2026-11-22 09:20:07.123456',NULL,1);
INSERT INTO "facts" VALUES(24,'vote.retracted',4,6,4,1,NULL,'http://first.example.com','2026-11-22 09:21:07.123456',NULL,1);
INSERT INTO "facts" VALUES(25,'comment.written',1,1,1,1,NULL,'http://first.example.com','2026-11-22 09:22:07.123456',NULL,1);
INSERT INTO "facts" VALUES(26,'comment.written',1,2,3,1,NULL,'http://first.example.com','2026-11-22 09:23:07.123456',NULL,1);
INSERT INTO "facts" VALUES(27,'comment.written',2,3,1,1,NULL,'http://first.example.com','2026-11-22 09:24:07.123456',NULL,1);
INSERT INTO "facts" VALUES(28,'post.status_changed',1,2,1,1,'{"old_status_id": null, "new_status_id": 2}','http://first.example.com','2026-11-22 09:26:07.123456',NULL,1);
INSERT INTO "facts" VALUES(29,'post.status_changed',1,3,1,1,'{"old_status_id": 2, "new_status_id": 3}','http://first.example.com','2026-11-22 09:27:07.123456',NULL,1);
INSERT INTO "facts" VALUES(30,'post.status_changed',2,4,1,1,'{"old_status_id": 1, "new_status_id": 4}','http://first.example.com','2026-11-22 09:28:07.123456',NULL,1);
INSERT INTO "facts" VALUES(31,'post.rejected',3,NULL,2,NULL,NULL,NULL,'2026-11-22 09:28:07.123456',NULL,1);
INSERT INTO "facts" VALUES(32,'user.registered',NULL,7,7,NULL,NULL,NULL,'2026-11-22 09:30:07.123456',NULL,2);
INSERT INTO "facts" VALUES(33,'post.submitted',7,NULL,7,NULL,NULL,NULL,'2026-11-22 09:30:07.123456',NULL,2);
INSERT INTO "facts" VALUES(34,'vote.cast',7,7,7,NULL,NULL,NULL,'2026-11-22 09:30:07.123456',NULL,2);
INSERT INTO "facts" VALUES(35,'post.submitted',8,NULL,1,1,NULL,'http://first.example.com','2026-11-22 09:31:07.123456',NULL,1);
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
CREATE TABLE installation (
	id SMALLINT NOT NULL, 
	secret_fingerprint VARCHAR(64) NOT NULL, 
	CONSTRAINT pk_installation PRIMARY KEY (id), 
	CONSTRAINT ck_installation_one CHECK (id = 1)
);
INSERT INTO "installation" VALUES(1,'be4229859ad2df15d59907bf3f2c5909581c5fee88a99e2427e3c3af703131f4');
CREATE TABLE portals (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	guid VARCHAR(36) NOT NULL, 
	title VARCHAR(255) NOT NULL, 
	locale VARCHAR(16) DEFAULT 'en' NOT NULL, 
	host VARCHAR(255), 
	default_dialect VARCHAR(16), 
	moderation_policy VARCHAR(16) DEFAULT 'anonymous' NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_portals_default_dialect CHECK (default_dialect in ('productlift', 'astuto')), 
	CONSTRAINT ck_portals_moderation_policy CHECK (moderation_policy in ('never', 'anonymous', 'always')), 
	CONSTRAINT uq_portals_guid UNIQUE (guid), 
	CONSTRAINT uq_portals_host UNIQUE (host)
);
INSERT INTO "portals" VALUES(1,'41e8a911-265c-4385-b073-eb86ee6eff4f','Feedback','en','first.example.com',NULL,'anonymous','2026-11-22 09:00:07.123456','2026-11-22 09:30:07.123456');
INSERT INTO "portals" VALUES(2,'236edfad-64cb-462e-88d7-e3042a150fea','Second','en','second.example.com',NULL,'anonymous','2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
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
	updated_at VARCHAR(26) NOT NULL, 
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
INSERT INTO "posts" VALUES(1,'9YvoBv','dark-mode',1,2,3,2,'Dark mode',NULL,'','',NULL,'approved',0,2,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:27:07.123456',1,'2026-11-22 09:08:07.123456','2026-11-22 09:27:07.123456');
INSERT INTO "posts" VALUES(2,'TYCBcq','faster-search',1,1,4,NULL,'Faster search','Line one of 1
line two','Line one of 1 line two','',NULL,'approved',1,1,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:28:07.123456',1,'2026-11-22 09:09:07.123456','2026-11-22 09:28:07.123456');
INSERT INTO "posts" VALUES(3,'qinNpX','it-s-quoted-and-ends',1,2,NULL,NULL,'It''s "quoted"; -- and ends',NULL,'','',NULL,'rejected',2,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:10:07.123456',1,'2026-11-22 09:10:07.123456','2026-11-22 09:28:07.123456');
INSERT INTO "posts" VALUES(4,'0Bu2wL','ein-uberblick-fur-alle',1,1,1,NULL,'Ein Überblick für alle 📊','Line one of 3
line two','Line one of 3 line two','',NULL,'approved',2,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:11:07.123456',1,'2026-11-22 09:11:07.123456','2026-11-22 09:11:07.123456');
INSERT INTO "posts" VALUES(5,'YmD0cq','bulk-edit',1,2,NULL,NULL,'Bulk edit',NULL,'','',NULL,'pending',0,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:12:07.123456',1,'2026-11-22 09:12:07.123456','2026-11-22 09:28:07.123456');
INSERT INTO "posts" VALUES(6,'p88btX','with-files',1,1,1,NULL,'With files','','','','NX1lqOzbd8A5oJF6FzOXMr.png','approved',0,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:13:07.123456',1,'2026-11-22 09:13:07.123456','2026-11-22 09:13:07.123456');
INSERT INTO "posts" VALUES(7,'6qqPVN','of-the-second-portal',3,7,NULL,NULL,'Of the second portal',NULL,'','',NULL,'approved',1,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:30:07.123456',2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
INSERT INTO "posts" VALUES(8,'PnuOs0','export-to-a-spreadsheet',1,1,NULL,NULL,'Export to a spreadsheet',NULL,'','',NULL,'approved',0,0,0,4611686018427387904,NULL,NULL,NULL,NULL,NULL,'2026-11-22 09:31:07.123456',1,'2026-11-22 09:31:07.123456','2026-11-22 09:31:07.123456');
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
INSERT INTO "statuses" VALUES(6,4,'New','#8B95A1',NULL,0,0,1,1,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
INSERT INTO "statuses" VALUES(7,5,'Planned','#0096ff',NULL,1,1,0,1,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
INSERT INTO "statuses" VALUES(8,5,'In Progress','#9437ff',NULL,2,1,0,1,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
INSERT INTO "statuses" VALUES(9,6,'Completed','#6ac47c',NULL,3,1,0,0,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
INSERT INTO "statuses" VALUES(10,4,'Rejected','#ff2600',NULL,4,0,0,0,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
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
INSERT INTO "tabs" VALUES(4,'Feedback','feedback','feedback',0,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
INSERT INTO "tabs" VALUES(5,'Roadmap','roadmap','roadmap',1,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
INSERT INTO "tabs" VALUES(6,'Changelog','changelog','changelog',2,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
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
INSERT INTO "tallies" VALUES(1,'board',1,0,0,0,7);
INSERT INTO "tallies" VALUES(1,'category',1,1,0,0,1);
INSERT INTO "tallies" VALUES(1,'category',1,4,0,0,1);
INSERT INTO "tallies" VALUES(1,'category',2,0,2,0,0);
INSERT INTO "tallies" VALUES(1,'category',2,2,2,0,0);
INSERT INTO "tallies" VALUES(1,'category',2,3,2,0,1);
INSERT INTO "tallies" VALUES(1,'portal',0,0,0,0,7);
INSERT INTO "tallies" VALUES(1,'status',0,0,0,0,3);
INSERT INTO "tallies" VALUES(1,'status',0,0,2,0,0);
INSERT INTO "tallies" VALUES(1,'status',0,1,0,0,2);
INSERT INTO "tallies" VALUES(1,'status',0,2,2,0,0);
INSERT INTO "tallies" VALUES(1,'status',0,3,2,0,1);
INSERT INTO "tallies" VALUES(1,'status',0,4,0,0,1);
INSERT INTO "tallies" VALUES(2,'board',3,0,0,0,1);
INSERT INTO "tallies" VALUES(2,'portal',0,0,0,0,1);
INSERT INTO "tallies" VALUES(2,'status',0,0,0,0,1);
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
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT ck_users_recap CHECK (recap in ('never', 'daily', 'weekly', 'monthly')), 
	CONSTRAINT ck_users_role CHECK (role in ('user', 'moderator', 'admin', 'owner')), 
	CONSTRAINT ck_users_tombstone CHECK (deleted_at is null or email is null), 
	CONSTRAINT ck_users_counters CHECK (posts_count >= 0 and votes_count >= 0 and comments_count >= 0), 
	CONSTRAINT fk_users_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT uq_users_portal_id_email_key UNIQUE (portal_id, email_key), 
	CONSTRAINT uq_users_uuid UNIQUE (uuid)
);
INSERT INTO "users" VALUES(1,'55a10a16-91a1-43a6-bc12-0fcc9445b2eb','owner@example.com','owner@example.com','Owner','owner',NULL,1,'never',4,0,2,NULL,NULL,1,'2026-11-22 09:00:07.123456','2026-11-22 09:00:07.123456');
INSERT INTO "users" VALUES(2,'124d7e40-6c32-462f-9344-5f0655e4a09f','ada@example.com','ada@example.com','Ada Example','user',NULL,1,'never',3,3,0,NULL,NULL,1,'2026-11-22 09:01:07.123456','2026-11-22 09:01:07.123456');
INSERT INTO "users" VALUES(3,'44bd247b-aded-41da-857a-7f56a0371d08','bob@example.com','bob@example.com','Bob Example','user',NULL,1,'never',0,2,1,NULL,NULL,1,'2026-11-22 09:02:07.123456','2026-11-22 09:02:07.123456');
INSERT INTO "users" VALUES(4,'83bc495a-7eb4-4f20-9778-ba5b208a2a4b','cid@example.com','cid@example.com','Cid Example','user',NULL,1,'never',0,0,0,'2026-11-22 09:30:07.123456',NULL,1,'2026-11-22 09:03:07.123456','2026-11-22 09:30:07.123456');
INSERT INTO "users" VALUES(5,'784d787e-7b83-49fc-bace-5af71b74a249',NULL,NULL,'[User Deleted]','user',NULL,0,'never',0,0,0,NULL,'2026-11-22 09:29:07.123456',1,'2026-11-22 09:04:07.123456','2026-11-22 09:29:07.123456');
INSERT INTO "users" VALUES(6,'72be5fa8-9c77-4ed3-a773-1b13c5fd324b','eve@example.com','eve@example.com','Eve Example','admin',NULL,1,'never',0,0,0,NULL,NULL,1,'2026-11-22 09:05:07.123456','2026-11-22 09:05:07.123456');
INSERT INTO "users" VALUES(7,'f95e5486-2d2d-4873-a796-58b15cfdcf26','owner@second.example.com','owner@second.example.com','Owner','owner',NULL,1,'never',1,1,0,NULL,NULL,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
CREATE TABLE votes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	post_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	portal_id INTEGER NOT NULL, 
	created_at VARCHAR(26) NOT NULL, 
	updated_at VARCHAR(26) NOT NULL, 
	CONSTRAINT fk_votes_portal_id FOREIGN KEY(portal_id) REFERENCES portals (id) ON DELETE CASCADE, 
	CONSTRAINT fk_votes_post_id FOREIGN KEY(post_id) REFERENCES posts (id) ON DELETE CASCADE, 
	CONSTRAINT fk_votes_user_id FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_votes_post_id_user_id UNIQUE (post_id, user_id)
);
INSERT INTO "votes" VALUES(1,2,2,1,'2026-11-22 09:15:07.123456','2026-11-22 09:15:07.123456');
INSERT INTO "votes" VALUES(2,3,2,1,'2026-11-22 09:16:07.123456','2026-11-22 09:16:07.123456');
INSERT INTO "votes" VALUES(3,3,3,1,'2026-11-22 09:17:07.123456','2026-11-22 09:17:07.123456');
INSERT INTO "votes" VALUES(4,4,2,1,'2026-11-22 09:18:07.123456','2026-11-22 09:18:07.123456');
INSERT INTO "votes" VALUES(5,4,3,1,'2026-11-22 09:19:07.123456','2026-11-22 09:19:07.123456');
INSERT INTO "votes" VALUES(7,7,7,2,'2026-11-22 09:30:07.123456','2026-11-22 09:30:07.123456');
CREATE UNIQUE INDEX uq_boards_default ON boards (portal_id) WHERE is_default;
CREATE INDEX ix_facts_waiting ON facts (id) WHERE expanded_at is null;
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
CREATE INDEX ix_votes_newest ON votes (portal_id, created_at, id);
CREATE INDEX ix_votes_user_id ON votes (user_id);
CREATE INDEX ix_posts_section ON posts (section_id, created_at, id) WHERE section_id is not null;
CREATE INDEX ix_posts_updated ON posts (portal_id, updated_at, id);
CREATE INDEX ix_posts_comments ON posts (portal_id, comments_count, id);
CREATE INDEX ix_posts_status_changed ON posts (portal_id, status_changed_at, id);
CREATE INDEX ix_status_changes_user_id ON status_changes (user_id) WHERE user_id is not null;
CREATE INDEX ix_status_changes_actor_id ON status_changes (actor_id) WHERE actor_id is not null;
CREATE INDEX ix_status_changes_status_id ON status_changes (status_id) WHERE status_id is not null;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('portals',2);
INSERT INTO "sqlite_sequence" VALUES('boards',4);
INSERT INTO "sqlite_sequence" VALUES('tabs',6);
INSERT INTO "sqlite_sequence" VALUES('statuses',10);
INSERT INTO "sqlite_sequence" VALUES('users',7);
INSERT INTO "sqlite_sequence" VALUES('facts',35);
INSERT INTO "sqlite_sequence" VALUES('api_keys',4);
INSERT INTO "sqlite_sequence" VALUES('categories',2);
INSERT INTO "sqlite_sequence" VALUES('sections',2);
INSERT INTO "sqlite_sequence" VALUES('posts',8);
INSERT INTO "sqlite_sequence" VALUES('attachments',2);
INSERT INTO "sqlite_sequence" VALUES('votes',7);
INSERT INTO "sqlite_sequence" VALUES('comments',4);
INSERT INTO "sqlite_sequence" VALUES('status_changes',3);
CREATE VIRTUAL TABLE post_search USING fts5(
      title, content = '', columnsize = 0, detail = none, tokenize = 'porter unicode61 remove_diacritics 2'
    );
INSERT INTO post_search (post_search, rank) VALUES ('automerge', 0);
INSERT INTO post_search (post_search, rank) VALUES ('pgsz', 1000);
INSERT INTO post_search (rowid, title) SELECT id, title FROM posts ORDER BY id;
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
COMMIT;
