CREATE FUNCTION public.post_search_document(title text, description text) RETURNS tsvector
    LANGUAGE plpgsql STABLE
    AS $$
    BEGIN
      description := left(coalesce(description, ''), 10000);
      IF position('<' IN description) > 0 THEN
        description := regexp_replace(description, '<[A-Za-z/!][^<>]*>', ' ', 'g');
      END IF;
      RETURN strip(post_search_words(title || ' ' || description));
    END
    $$;
CREATE FUNCTION public.post_search_keep() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO post_search VALUES (NEW.id, NEW.portal_id, post_search_words(NEW.title));
      ELSIF TG_OP = 'UPDATE' THEN
        UPDATE post_search SET title = post_search_words(NEW.title) WHERE post_id = NEW.id;
      ELSE
        DELETE FROM post_search WHERE post_id = OLD.id;
      END IF;
      RETURN NULL;
    END
    $$;
CREATE FUNCTION public.post_search_texts_add() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
    BEGIN
      INSERT INTO post_search_texts (post_id, portal_id, status_id, hidden, words)
      SELECT id, portal_id, status_id, CASE WHEN posts.moderation = 'rejected' THEN 3 WHEN posts.moderation = 'pending' THEN 2 WHEN posts.published THEN 0 ELSE 1 END, post_search_document(title, description)
      FROM posts WHERE id = OLD.post_id;
      RETURN NULL;
    END
    $$;
CREATE FUNCTION public.post_search_texts_keep() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO post_search_new (portal_id, post_id) VALUES (NEW.portal_id, NEW.id);
      ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM post_search_new WHERE portal_id = OLD.portal_id AND post_id = OLD.id;
        DELETE FROM post_search_texts WHERE post_id = OLD.id;
      ELSE
        PERFORM 1 FROM post_search_new WHERE portal_id = OLD.portal_id AND post_id = OLD.id FOR UPDATE;
        UPDATE post_search_texts SET status_id = NEW.status_id, hidden = CASE WHEN NEW.moderation = 'rejected' THEN 3 WHEN NEW.moderation = 'pending' THEN 2 WHEN NEW.published THEN 0 ELSE 1 END WHERE post_id = NEW.id;
        IF (OLD.title, OLD.description) IS DISTINCT FROM (NEW.title, NEW.description) THEN
          UPDATE post_search_texts SET words = post_search_document(NEW.title, NEW.description)
          WHERE post_id = NEW.id;
        END IF;
      END IF;
      RETURN NULL;
    END
    $$;
CREATE FUNCTION public.post_search_words(title text) RETURNS tsvector
    LANGUAGE plpgsql STABLE
    AS $_$
    BEGIN
      IF title !~ '^[[:ascii:]]*$' AND getdatabaseencoding() = 'UTF8' THEN
        title := normalize(regexp_replace(normalize(title, NFKD), '[\u0300-\u036f]', '', 'g'), NFC);
      END IF;
      RETURN to_tsvector('earshot_titles', regexp_replace(title, '[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+', ' ', 'g'));
    END
    $_$;
CREATE TEXT SEARCH DICTIONARY public.earshot_stem (
    TEMPLATE = pg_catalog.snowball,
    language = 'english' );
CREATE TEXT SEARCH CONFIGURATION public.earshot_titles (
    PARSER = pg_catalog."default" );
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR asciiword WITH public.earshot_stem;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR word WITH public.earshot_stem;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR numword WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR email WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR url WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR host WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR sfloat WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR version WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR hword_numpart WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR hword_part WITH public.earshot_stem;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR hword_asciipart WITH public.earshot_stem;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR numhword WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR asciihword WITH public.earshot_stem;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR hword WITH public.earshot_stem;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR url_path WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR file WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR "float" WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR "int" WITH simple;
ALTER TEXT SEARCH CONFIGURATION public.earshot_titles
    ADD MAPPING FOR uint WITH simple;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.anonymous_posts (
    post_id bigint NOT NULL,
    device_digest character varying(64) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    portal_id bigint NOT NULL
);
CREATE TABLE public.api_keys (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    dialect character varying(16) NOT NULL,
    scheme character varying(16) DEFAULT 'earshot'::character varying NOT NULL,
    digest character varying(64) NOT NULL,
    prefix character varying(32) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    portal_id bigint NOT NULL,
    name character varying(100),
    expires_at timestamp with time zone,
    CONSTRAINT ck_api_keys_dialect CHECK (((dialect)::text = ANY ((ARRAY['productlift'::character varying, 'astuto'::character varying])::text[]))),
    CONSTRAINT ck_api_keys_scheme CHECK (((scheme)::text = ANY ((ARRAY['earshot'::character varying, 'astuto'::character varying])::text[])))
);
CREATE SEQUENCE public.api_keys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.api_keys_id_seq OWNED BY public.api_keys.id;
CREATE TABLE public.attachments (
    id bigint NOT NULL,
    post_id bigint,
    kind character varying(16) NOT NULL,
    name character varying(64) NOT NULL,
    original_name character varying(255) NOT NULL,
    media_type character varying(127) NOT NULL,
    size bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    portal_id bigint NOT NULL,
    CONSTRAINT ck_attachments_kind CHECK (((kind)::text = ANY ((ARRAY['image'::character varying, 'attachment'::character varying])::text[])))
);
CREATE SEQUENCE public.attachments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.attachments_id_seq OWNED BY public.attachments.id;
CREATE TABLE public.boards (
    id bigint NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    description text,
    "position" integer NOT NULL,
    is_default boolean DEFAULT false NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_boards_description CHECK ((length(description) <= 1024))
);
CREATE SEQUENCE public.boards_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.boards_id_seq OWNED BY public.boards.id;
CREATE TABLE public.categories (
    id bigint NOT NULL,
    name character varying(255) NOT NULL,
    name_key character varying(255) NOT NULL,
    color character varying(7) NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_categories_color CHECK ((((color)::text ~~ '#___'::text) OR ((color)::text ~~ '#______'::text)))
);
CREATE SEQUENCE public.categories_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.categories_id_seq OWNED BY public.categories.id;
CREATE TABLE public.comments (
    id bigint NOT NULL,
    post_id bigint NOT NULL,
    user_id bigint NOT NULL,
    parent_id bigint,
    body text NOT NULL,
    official boolean DEFAULT false NOT NULL,
    internal boolean DEFAULT false NOT NULL,
    pinned boolean DEFAULT false NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.comments_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.comments_id_seq OWNED BY public.comments.id;
CREATE TABLE public.deliveries (
    id bigint NOT NULL,
    uuid character varying(36) NOT NULL,
    event_id bigint,
    channel character varying(8) NOT NULL,
    kind character varying(40) NOT NULL,
    webhook_id bigint,
    user_id bigint,
    post_id bigint,
    dedup_key character varying(120),
    state character varying(10) DEFAULT 'pending'::character varying NOT NULL,
    due_at timestamp with time zone NOT NULL,
    claim character varying(36),
    attempts integer DEFAULT 0 NOT NULL,
    earlier_attempts integer DEFAULT 0 NOT NULL,
    payload text,
    is_encrypted boolean DEFAULT false NOT NULL,
    request text,
    response_status integer,
    response_body text,
    error text,
    duration_ms integer,
    created_at timestamp with time zone NOT NULL,
    attempted_at timestamp with time zone,
    finished_at timestamp with time zone,
    portal_id bigint NOT NULL,
    CONSTRAINT ck_deliveries_channel CHECK (((channel)::text = ANY ((ARRAY['email'::character varying, 'webhook'::character varying])::text[]))),
    CONSTRAINT ck_deliveries_state CHECK (((state)::text = ANY ((ARRAY['pending'::character varying, 'delivered'::character varying, 'failed'::character varying, 'cancelled'::character varying])::text[])))
);
CREATE SEQUENCE public.deliveries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.deliveries_id_seq OWNED BY public.deliveries.id;
CREATE TABLE public.digest_items (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    event_id bigint NOT NULL,
    kind character varying(40) NOT NULL,
    post_id bigint,
    subject_id bigint,
    cadence character varying(10) NOT NULL,
    due_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    portal_id bigint NOT NULL
);
CREATE SEQUENCE public.digest_items_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.digest_items_id_seq OWNED BY public.digest_items.id;
CREATE TABLE public.facts (
    id bigint NOT NULL,
    kind character varying(32) NOT NULL,
    post_id bigint,
    subject_id bigint,
    user_id bigint,
    actor_id bigint,
    body text,
    base_url character varying(255),
    created_at timestamp with time zone NOT NULL,
    expanded_at timestamp with time zone,
    portal_id bigint NOT NULL
);
CREATE SEQUENCE public.facts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.facts_id_seq OWNED BY public.facts.id;
CREATE TABLE public.feedback (
    id bigint NOT NULL,
    title character varying(255) NOT NULL,
    description text NOT NULL,
    status character varying(16) DEFAULT 'new'::character varying NOT NULL,
    user_id bigint,
    post_id bigint,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_feedback_status CHECK (((status)::text = ANY ((ARRAY['new'::character varying, 'reviewed'::character varying, 'archived'::character varying])::text[])))
);
CREATE SEQUENCE public.feedback_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.feedback_id_seq OWNED BY public.feedback.id;
CREATE TABLE public.follows (
    post_id bigint NOT NULL,
    user_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    portal_id bigint NOT NULL
);
CREATE TABLE public.group_members (
    group_id bigint NOT NULL,
    user_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    portal_id bigint NOT NULL
);
CREATE TABLE public.identities (
    id bigint NOT NULL,
    portal_id bigint NOT NULL,
    user_id bigint NOT NULL,
    provider_id bigint NOT NULL,
    subject character varying(255) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.identities_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.identities_id_seq OWNED BY public.identities.id;
CREATE TABLE public.identity_providers (
    id bigint NOT NULL,
    name character varying(100) NOT NULL,
    issuer character varying(255) NOT NULL,
    client_id character varying(255) NOT NULL,
    client_secret text,
    scopes character varying(255) DEFAULT 'openid email profile'::character varying NOT NULL,
    groups_claim character varying(100),
    roles text DEFAULT '{}'::text NOT NULL,
    is_enabled boolean DEFAULT true NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.identity_providers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.identity_providers_id_seq OWNED BY public.identity_providers.id;
CREATE TABLE public.installation (
    id smallint NOT NULL,
    secret_fingerprint character varying(64) NOT NULL,
    CONSTRAINT ck_installation_one CHECK ((id = 1))
);
CREATE TABLE public.notification_choices (
    user_id bigint NOT NULL,
    kind character varying(40) NOT NULL,
    cadence character varying(10) NOT NULL,
    portal_id bigint NOT NULL,
    CONSTRAINT ck_notification_choices_cadence CHECK (((cadence)::text = ANY ((ARRAY['at_once'::character varying, 'daily'::character varying, 'weekly'::character varying, 'never'::character varying])::text[])))
);
CREATE TABLE public.one_time_tokens (
    id bigint NOT NULL,
    user_id bigint NOT NULL,
    purpose character varying(20) NOT NULL,
    digest character varying(64) NOT NULL,
    email character varying(255),
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    portal_id bigint NOT NULL,
    CONSTRAINT ck_one_time_tokens_purpose CHECK (((purpose)::text = ANY ((ARRAY['invitation'::character varying, 'password_reset'::character varying, 'email_confirmation'::character varying])::text[])))
);
CREATE SEQUENCE public.one_time_tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.one_time_tokens_id_seq OWNED BY public.one_time_tokens.id;
CREATE TABLE public.passkeys (
    id bigint NOT NULL,
    portal_id bigint NOT NULL,
    user_id bigint NOT NULL,
    credential_id text NOT NULL,
    public_key text NOT NULL,
    sign_count bigint DEFAULT 0 NOT NULL,
    name character varying(100) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone
);
CREATE SEQUENCE public.passkeys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.passkeys_id_seq OWNED BY public.passkeys.id;
CREATE TABLE public.portals (
    id bigint NOT NULL,
    guid character varying(36) NOT NULL,
    title character varying(255) NOT NULL,
    locale character varying(16) DEFAULT 'en'::character varying NOT NULL,
    host character varying(255),
    default_dialect character varying(16),
    moderation_policy character varying(16) DEFAULT 'anonymous'::character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    is_private boolean DEFAULT false NOT NULL,
    invite_message text,
    sso_secret text,
    webhook_secret text,
    accent_color character varying(7),
    welcome_text text,
    sign_up_domains text,
    sign_up character varying(16) DEFAULT 'open'::character varying NOT NULL,
    allows_anonymous_posts boolean DEFAULT false NOT NULL,
    allows_anonymous_votes boolean DEFAULT false NOT NULL,
    shows_voters boolean DEFAULT false NOT NULL,
    CONSTRAINT ck_portals_default_dialect CHECK (((default_dialect)::text = ANY ((ARRAY['productlift'::character varying, 'astuto'::character varying])::text[]))),
    CONSTRAINT ck_portals_moderation_policy CHECK (((moderation_policy)::text = ANY ((ARRAY['never'::character varying, 'anonymous'::character varying, 'always'::character varying])::text[])))
);
CREATE SEQUENCE public.portals_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.portals_id_seq OWNED BY public.portals.id;
CREATE TABLE public.post_categories (
    post_id bigint NOT NULL,
    category_id bigint NOT NULL
);
CREATE TABLE public.post_search (
    post_id bigint NOT NULL,
    portal_id bigint NOT NULL,
    title tsvector NOT NULL
);
CREATE TABLE public.post_search_new (
    portal_id bigint NOT NULL,
    post_id bigint NOT NULL
);
CREATE TABLE public.post_search_texts (
    post_id bigint NOT NULL,
    portal_id bigint NOT NULL,
    status_id bigint,
    hidden smallint NOT NULL,
    words tsvector NOT NULL,
    padding text DEFAULT repeat(' '::text, 2000) NOT NULL
)
WITH (toast_tuple_target='128');
ALTER TABLE ONLY public.post_search_texts ALTER COLUMN words SET STATISTICS 0;
ALTER TABLE ONLY public.post_search_texts ALTER COLUMN words SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.post_search_texts ALTER COLUMN padding SET STORAGE MAIN;
CREATE TABLE public.post_search_vocabulary (
    portal_id bigint NOT NULL,
    folded text NOT NULL COLLATE pg_catalog."C",
    word text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.post_tags (
    post_id bigint NOT NULL,
    tag_id bigint NOT NULL
);
CREATE TABLE public.posts (
    id bigint NOT NULL,
    code character varying(6) NOT NULL,
    slug text NOT NULL,
    board_id bigint NOT NULL,
    user_id bigint,
    status_id bigint,
    section_id bigint,
    title character varying(255) NOT NULL,
    description text,
    description_short character varying(160) DEFAULT ''::character varying NOT NULL,
    changelog text DEFAULT ''::text NOT NULL,
    image character varying(64),
    moderation character varying(16) DEFAULT 'approved'::character varying NOT NULL,
    votes_count integer DEFAULT 0 NOT NULL,
    comments_count integer DEFAULT 0 NOT NULL,
    views_count integer DEFAULT 0 NOT NULL,
    "position" bigint DEFAULT '4611686018427387904'::bigint NOT NULL,
    conversion double precision,
    impact integer,
    confidence integer,
    ease integer,
    reach integer,
    status_changed_at timestamp with time zone NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    published boolean DEFAULT true NOT NULL,
    tags_count integer DEFAULT 0 NOT NULL,
    CONSTRAINT ck_posts_code CHECK ((length((code)::text) = 6)),
    CONSTRAINT ck_posts_counters CHECK (((votes_count >= 0) AND (comments_count >= 0) AND (views_count >= 0))),
    CONSTRAINT ck_posts_moderation CHECK (((moderation)::text = ANY ((ARRAY['approved'::character varying, 'pending'::character varying, 'rejected'::character varying])::text[])))
)
WITH (fillfactor='85');
CREATE SEQUENCE public.posts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.posts_id_seq OWNED BY public.posts.id;
CREATE TABLE public.product_visions (
    portal_id bigint NOT NULL,
    title text DEFAULT ''::text NOT NULL,
    content text DEFAULT ''::text NOT NULL,
    vision text DEFAULT ''::text NOT NULL,
    target_group text DEFAULT ''::text NOT NULL,
    needs text DEFAULT ''::text NOT NULL,
    product text DEFAULT ''::text NOT NULL,
    business_goals text DEFAULT ''::text NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE TABLE public.sections (
    id bigint NOT NULL,
    tab_id bigint NOT NULL,
    parent_id bigint,
    title character varying(255) NOT NULL,
    "position" integer NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.sections_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sections_id_seq OWNED BY public.sections.id;
CREATE TABLE public.sessions (
    id bigint NOT NULL,
    portal_id bigint NOT NULL,
    user_id bigint NOT NULL,
    digest character varying(64) NOT NULL,
    method character varying(16) NOT NULL,
    user_agent character varying(255) NOT NULL,
    created_at timestamp with time zone NOT NULL,
    last_used_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_sessions_method CHECK (((method)::text = ANY ((ARRAY['password'::character varying, 'email'::character varying, 'provider'::character varying, 'passkey'::character varying, 'sign_on'::character varying, 'link'::character varying])::text[])))
);
CREATE SEQUENCE public.sessions_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sessions_id_seq OWNED BY public.sessions.id;
CREATE TABLE public.sign_in_requests (
    id bigint NOT NULL,
    portal_id bigint NOT NULL,
    user_id bigint NOT NULL,
    email character varying(255),
    link_digest character varying(64),
    code_digest character varying(64),
    browser_digest character varying(64),
    attempts integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone
);
CREATE SEQUENCE public.sign_in_requests_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.sign_in_requests_id_seq OWNED BY public.sign_in_requests.id;
CREATE TABLE public.status_changes (
    id bigint NOT NULL,
    post_id bigint NOT NULL,
    user_id bigint,
    actor_id bigint,
    status_id bigint,
    created_at timestamp with time zone NOT NULL,
    portal_id bigint NOT NULL
);
CREATE SEQUENCE public.status_changes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.status_changes_id_seq OWNED BY public.status_changes.id;
CREATE TABLE public.statuses (
    id bigint NOT NULL,
    tab_id bigint NOT NULL,
    name character varying(255) NOT NULL,
    color character varying(7) NOT NULL,
    text_color character varying(7),
    "position" integer NOT NULL,
    show_in_roadmap boolean DEFAULT false NOT NULL,
    is_default boolean DEFAULT false NOT NULL,
    is_voteable boolean DEFAULT true NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_statuses_color CHECK ((((color)::text ~~ '#___'::text) OR ((color)::text ~~ '#______'::text)))
);
CREATE SEQUENCE public.statuses_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.statuses_id_seq OWNED BY public.statuses.id;
CREATE TABLE public.tabs (
    id bigint NOT NULL,
    name character varying(255) NOT NULL,
    url character varying(191) NOT NULL,
    type character varying(16) DEFAULT 'feedback'::character varying NOT NULL,
    "position" integer NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_tabs_type CHECK (((type)::text = ANY ((ARRAY['feedback'::character varying, 'roadmap'::character varying, 'changelog'::character varying, 'knowledgebase'::character varying])::text[])))
);
CREATE SEQUENCE public.tabs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.tabs_id_seq OWNED BY public.tabs.id;
CREATE TABLE public.tags (
    id bigint NOT NULL,
    name character varying(255) NOT NULL,
    name_key character varying(255) NOT NULL,
    color character varying(7) NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_tags_color CHECK ((((color)::text ~~ '#___'::text) OR ((color)::text ~~ '#______'::text)))
);
CREATE SEQUENCE public.tags_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.tags_id_seq OWNED BY public.tags.id;
CREATE TABLE public.tallies (
    portal_id bigint NOT NULL,
    kind character varying(16) NOT NULL,
    ref_id bigint NOT NULL,
    status_id bigint NOT NULL,
    section_id bigint NOT NULL,
    shard smallint NOT NULL,
    posts bigint DEFAULT 0 NOT NULL,
    CONSTRAINT ck_tallies_kind CHECK (((kind)::text = ANY ((ARRAY['portal'::character varying, 'board'::character varying, 'status'::character varying, 'category'::character varying])::text[])))
)
WITH (fillfactor='50');
CREATE TABLE public.user_groups (
    id bigint NOT NULL,
    name character varying(255) NOT NULL,
    name_key character varying(255) NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE public.user_groups_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.user_groups_id_seq OWNED BY public.user_groups.id;
CREATE TABLE public.users (
    id bigint NOT NULL,
    uuid character varying(36) NOT NULL,
    email character varying(255),
    email_key character varying(255),
    name character varying(255) NOT NULL,
    role character varying(16) DEFAULT 'user'::character varying NOT NULL,
    password_hash character varying(255),
    notifications_enabled boolean DEFAULT true NOT NULL,
    recap character varying(16) DEFAULT 'never'::character varying NOT NULL,
    posts_count integer DEFAULT 0 NOT NULL,
    votes_count integer DEFAULT 0 NOT NULL,
    comments_count integer DEFAULT 0 NOT NULL,
    blocked_at timestamp with time zone,
    deleted_at timestamp with time zone,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    avatar_url text,
    uid character varying(255),
    company character varying(255),
    plan character varying(255),
    segment_1 character varying(255),
    segment_2 character varying(255),
    segment_3 character varying(255),
    segment_4 character varying(255),
    segment_5 character varying(255),
    segment_6 character varying(255),
    segment_7 character varying(255),
    segment_8 character varying(255),
    segment_9 character varying(255),
    segment_10 character varying(255),
    mrr double precision,
    arr double precision,
    ltv double precision,
    email_confirmed_at timestamp with time zone,
    reset_requested_at timestamp with time zone,
    confirmation_requested_at timestamp with time zone,
    signed_up_at timestamp with time zone,
    awaits_approval boolean DEFAULT false NOT NULL,
    locale character varying(16),
    picture character varying(64),
    CONSTRAINT ck_users_counters CHECK (((posts_count >= 0) AND (votes_count >= 0) AND (comments_count >= 0))),
    CONSTRAINT ck_users_recap CHECK (((recap)::text = ANY ((ARRAY['never'::character varying, 'daily'::character varying, 'weekly'::character varying, 'monthly'::character varying])::text[]))),
    CONSTRAINT ck_users_role CHECK (((role)::text = ANY ((ARRAY['user'::character varying, 'moderator'::character varying, 'admin'::character varying, 'owner'::character varying])::text[]))),
    CONSTRAINT ck_users_tombstone CHECK (((deleted_at IS NULL) OR (email IS NULL)))
);
CREATE SEQUENCE public.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.users_id_seq OWNED BY public.users.id;
CREATE TABLE public.votes (
    id bigint NOT NULL,
    post_id bigint NOT NULL,
    user_id bigint,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    anonymous_id character varying(191),
    CONSTRAINT ck_votes_voter CHECK (((user_id IS NULL) <> (anonymous_id IS NULL)))
);
CREATE SEQUENCE public.votes_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.votes_id_seq OWNED BY public.votes.id;
CREATE TABLE public.webhooks (
    id bigint NOT NULL,
    dialect character varying(16) NOT NULL,
    description character varying(255),
    url text NOT NULL,
    events text NOT NULL,
    method character varying(8) DEFAULT 'POST'::character varying NOT NULL,
    headers text,
    body text,
    secret text,
    signature_header character varying(100) DEFAULT 'Signature'::character varying NOT NULL,
    signature_encoding character varying(8) DEFAULT 'hex'::character varying NOT NULL,
    is_enabled boolean DEFAULT true NOT NULL,
    failures_in_row integer DEFAULT 0 NOT NULL,
    disabled_at timestamp with time zone,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_webhooks_dialect CHECK (((dialect)::text = ANY ((ARRAY['productlift'::character varying, 'astuto'::character varying])::text[]))),
    CONSTRAINT ck_webhooks_method CHECK (((method)::text = ANY ((ARRAY['POST'::character varying, 'PUT'::character varying, 'PATCH'::character varying, 'DELETE'::character varying])::text[]))),
    CONSTRAINT ck_webhooks_signature_encoding CHECK (((signature_encoding)::text = ANY ((ARRAY['hex'::character varying, 'base64'::character varying])::text[])))
);
CREATE SEQUENCE public.webhooks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.webhooks_id_seq OWNED BY public.webhooks.id;
CREATE TABLE public.widgets (
    id bigint NOT NULL,
    uuid character varying(36) NOT NULL,
    name character varying(255) NOT NULL,
    type character varying(16) NOT NULL,
    tab_id bigint,
    frame_ancestors text DEFAULT '*'::text NOT NULL,
    portal_id bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT ck_widgets_type CHECK (((type)::text = ANY ((ARRAY['widget'::character varying, 'sidebar'::character varying, 'embed'::character varying])::text[])))
);
CREATE SEQUENCE public.widgets_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.widgets_id_seq OWNED BY public.widgets.id;
ALTER TABLE ONLY public.api_keys ALTER COLUMN id SET DEFAULT nextval('public.api_keys_id_seq'::regclass);
ALTER TABLE ONLY public.attachments ALTER COLUMN id SET DEFAULT nextval('public.attachments_id_seq'::regclass);
ALTER TABLE ONLY public.boards ALTER COLUMN id SET DEFAULT nextval('public.boards_id_seq'::regclass);
ALTER TABLE ONLY public.categories ALTER COLUMN id SET DEFAULT nextval('public.categories_id_seq'::regclass);
ALTER TABLE ONLY public.comments ALTER COLUMN id SET DEFAULT nextval('public.comments_id_seq'::regclass);
ALTER TABLE ONLY public.deliveries ALTER COLUMN id SET DEFAULT nextval('public.deliveries_id_seq'::regclass);
ALTER TABLE ONLY public.digest_items ALTER COLUMN id SET DEFAULT nextval('public.digest_items_id_seq'::regclass);
ALTER TABLE ONLY public.facts ALTER COLUMN id SET DEFAULT nextval('public.facts_id_seq'::regclass);
ALTER TABLE ONLY public.feedback ALTER COLUMN id SET DEFAULT nextval('public.feedback_id_seq'::regclass);
ALTER TABLE ONLY public.identities ALTER COLUMN id SET DEFAULT nextval('public.identities_id_seq'::regclass);
ALTER TABLE ONLY public.identity_providers ALTER COLUMN id SET DEFAULT nextval('public.identity_providers_id_seq'::regclass);
ALTER TABLE ONLY public.one_time_tokens ALTER COLUMN id SET DEFAULT nextval('public.one_time_tokens_id_seq'::regclass);
ALTER TABLE ONLY public.passkeys ALTER COLUMN id SET DEFAULT nextval('public.passkeys_id_seq'::regclass);
ALTER TABLE ONLY public.portals ALTER COLUMN id SET DEFAULT nextval('public.portals_id_seq'::regclass);
ALTER TABLE ONLY public.posts ALTER COLUMN id SET DEFAULT nextval('public.posts_id_seq'::regclass);
ALTER TABLE ONLY public.sections ALTER COLUMN id SET DEFAULT nextval('public.sections_id_seq'::regclass);
ALTER TABLE ONLY public.sessions ALTER COLUMN id SET DEFAULT nextval('public.sessions_id_seq'::regclass);
ALTER TABLE ONLY public.sign_in_requests ALTER COLUMN id SET DEFAULT nextval('public.sign_in_requests_id_seq'::regclass);
ALTER TABLE ONLY public.status_changes ALTER COLUMN id SET DEFAULT nextval('public.status_changes_id_seq'::regclass);
ALTER TABLE ONLY public.statuses ALTER COLUMN id SET DEFAULT nextval('public.statuses_id_seq'::regclass);
ALTER TABLE ONLY public.tabs ALTER COLUMN id SET DEFAULT nextval('public.tabs_id_seq'::regclass);
ALTER TABLE ONLY public.tags ALTER COLUMN id SET DEFAULT nextval('public.tags_id_seq'::regclass);
ALTER TABLE ONLY public.user_groups ALTER COLUMN id SET DEFAULT nextval('public.user_groups_id_seq'::regclass);
ALTER TABLE ONLY public.users ALTER COLUMN id SET DEFAULT nextval('public.users_id_seq'::regclass);
ALTER TABLE ONLY public.votes ALTER COLUMN id SET DEFAULT nextval('public.votes_id_seq'::regclass);
ALTER TABLE ONLY public.webhooks ALTER COLUMN id SET DEFAULT nextval('public.webhooks_id_seq'::regclass);
ALTER TABLE ONLY public.widgets ALTER COLUMN id SET DEFAULT nextval('public.widgets_id_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0013');
INSERT INTO public.anonymous_posts VALUES (8, '3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0', '2026-11-22 09:41:07.123456+00', 1);
INSERT INTO public.api_keys VALUES (3, 6, 'astuto', 'earshot', '00e07c36e64d627c5fe37ed1cccc36f8196d68a9b07802edc94f3a2440445cb0', 'tkn_admin_rrrrrr', '2026-11-22 09:41:07.123456+00', NULL, '2026-11-22 09:41:07.123456+00', 1, NULL, NULL);
INSERT INTO public.api_keys VALUES (4, 8, 'astuto', 'earshot', '84a59b9a430bec9c3e7d765d4faf58e690fadde14c183c8216575482b2ec3112', 'tkn_admin_ssssss', '2026-11-22 09:41:07.123456+00', NULL, NULL, 2, NULL, NULL);
INSERT INTO public.api_keys VALUES (1, 1, 'astuto', 'earshot', '1ec7892004a03ba63de751560d91a5d6fe853ea18b4b3addf5f29689ff8d8b8a', 'tkn_admin_aaaaaa', '2026-11-22 09:00:07.123456+00', '2026-11-22 09:42:07.123456+00', NULL, 1, NULL, NULL);
INSERT INTO public.api_keys VALUES (2, 1, 'productlift', 'earshot', '21151e4da38eadc838a50c83e78e16a4f1a2e3ec0452d5ae9142185b3df13919', '1|', '2026-11-22 09:00:07.123456+00', '2026-11-22 09:42:07.123456+00', NULL, 1, NULL, NULL);
INSERT INTO public.attachments VALUES (1, 6, 'image', 'RMSPdmUzQfKywLvagfDU3t.png', 'one.png', 'image/png', 77, '2026-11-22 09:13:07.123456+00', 1);
INSERT INTO public.attachments VALUES (2, 6, 'attachment', '8Y1uTu8pDq4tGdCcijtomJ', 'log.txt', 'application/octet-stream', 14, '2026-11-22 09:13:07.123456+00', 1);
INSERT INTO public.boards VALUES (1, 'Feature Requests', 'feature-requests', NULL, 0, true, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00');
INSERT INTO public.boards VALUES (2, 'Bug Reports', 'bug-reports', NULL, 1, false, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00');
INSERT INTO public.boards VALUES (3, 'Feature Requests', 'feature-requests', NULL, 0, true, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.boards VALUES (4, 'Bug Reports', 'bug-reports', NULL, 1, false, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.categories VALUES (1, 'Speed', 'speed', '#336699', 1, '2026-11-22 09:06:07.123456+00', '2026-11-22 09:06:07.123456+00');
INSERT INTO public.categories VALUES (2, 'Überblick 📊', 'überblick 📊', '#aabbcc', 1, '2026-11-22 09:07:07.123456+00', '2026-11-22 09:07:07.123456+00');
INSERT INTO public.comments VALUES (1, 1, 1, NULL, 'Please, at night.', false, false, false, 1, '2026-11-22 09:22:07.123456+00', '2026-11-22 09:22:07.123456+00');
INSERT INTO public.comments VALUES (2, 1, 3, 1, 'Yes.
*Soon*.', false, false, false, 1, '2026-11-22 09:23:07.123456+00', '2026-11-22 09:23:07.123456+00');
INSERT INTO public.comments VALUES (3, 2, 1, NULL, 'We have begun.', true, false, false, 1, '2026-11-22 09:24:07.123456+00', '2026-11-22 09:25:07.123456+00');
INSERT INTO public.comments VALUES (4, 1, 1, NULL, 'Between us', false, true, false, 1, '2026-11-22 09:25:07.123456+00', '2026-11-22 09:25:07.123456+00');
INSERT INTO public.comments VALUES (5, 2, 1, NULL, 'It is ready.', true, false, false, 1, '2026-11-22 09:39:07.123456+00', '2026-11-22 09:39:07.123456+00');
INSERT INTO public.deliveries VALUES (1, '0482550a-7a3e-4a9c-8dd1-267febf713ad', 3, 'email', 'invitation', NULL, 2, NULL, NULL, 'pending', '2026-11-22 09:39:07.123456+00', NULL, 0, 0, 'gAAAAABrCxJtPoc5rqbhIDwien5xftyig7-lBjySM2gcmaRWiooWiRFS5kqEC62KIR4JRADIk27FFYPtbUlKNIyxK49OxgojTi2Y9XE5PBfhJjvhaog86qLBqFHCKTRH0sHyClTOqJ4dFC24kwA3PwGoR2E7a3u5MN7Y1nhb_LPacO_XMpPE0h5x7YTiZsxsING4KVDJV4K3sxSC-khbvcpOkulyOj7pjT08W_UHSJdl8vn46sfv1iwCcF3XYYPFrfrg_fZ0SZB1', true, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:39:07.123456+00', NULL, NULL, 1);
INSERT INTO public.deliveries VALUES (2, 'd00c4a40-fca6-434d-a99b-451ec664f699', 5, 'email', 'invitation', NULL, 3, NULL, NULL, 'pending', '2026-11-22 09:39:07.123456+00', NULL, 0, 0, 'gAAAAABrCxJtiGM8pARZ16OP9kf44Lhw-n5Jb15RFCkiMG_tbzfQDTZI07ovV_fjs48RWNx7L4MV2YYxj26s0rO-T8lxGVQnFWR5xBLmwRhFn1e-Ymk31APXj64f6eXOlyKKub0NWAik6_7S3GjB8X62PPUX33Hyr_kAjMAOWfNcMmvAzg5dEcMeAPZQlfoGzyJ6WW3DZJw5cDo54iNxyfXSCmoHJub1v4c5p4k21yMn54TkRTIu5Yb1xFCGZctHqfRke7dw_kuE', true, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:39:07.123456+00', NULL, NULL, 1);
INSERT INTO public.deliveries VALUES (3, '7cc4305e-e038-424a-a549-929c6b77f124', 7, 'email', 'invitation', NULL, 4, NULL, NULL, 'pending', '2026-11-22 09:39:07.123456+00', NULL, 0, 0, 'gAAAAABrCxJtVkUvk7t7-lLOWU7X59z4yXY9HT9s-cEFXT2gzKuMxD_wCNWjhqrzme2eGbRppW31WOGwypBUML8lRKFmvqiz8nZviRKOanSQ9EmaQms2gKn7pkRwKSq8sTXmWOaZKvkuRxJibwFZpEc4Ig13tvfARZKv3392o3isnz6WUcFOh80F-2hUtpaigzucMWXkPAo9Zty6vLy6jxHthhPhr9pwCv6rJ2f9TL03zS2ZO56zH-HJpL0x9XinqkM_gKc9nK2E', true, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:39:07.123456+00', NULL, NULL, 1);
INSERT INTO public.deliveries VALUES (4, '047b3167-325f-4dde-b018-d8b65fdf4121', 9, 'email', 'invitation', NULL, 5, NULL, NULL, 'pending', '2026-11-22 09:39:07.123456+00', NULL, 0, 0, 'gAAAAABrCxJtopZ37wQhZhFeAA9FG6WgYnr02SlE7AQxdeScemRMkdPKGZU_90AzUmq22TWXqb4_xX6wGPXzeJszbCh8yM7L3qqlB1vjmHAw6djVymXSjmrdAevDNWldVTwNz2lDZ6BYDQ8Rf-261rnylN1OVffR7jCTqLN8du3zZHmAZKT97QEIVF1pSS-DjOpEiQ1o9ci5vfwtHJhe7yZshkWDi6cQLG3DN2zZ8q3PYLeK4czpG50m8Nx7QhItkJCfWAuygH4m', true, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:39:07.123456+00', NULL, NULL, 1);
INSERT INTO public.deliveries VALUES (5, 'ee86738e-500d-4c71-8169-b94625d3fddc', 11, 'email', 'invitation', NULL, 6, NULL, NULL, 'pending', '2026-11-22 09:39:07.123456+00', NULL, 0, 0, 'gAAAAABrCxJtHJ_BE2yieq2BwDDvaFpNzfsNBc8CD-RsekLGk1uZlmsf_nGkGhiC-ppHqrDHxWSCqpJCKk3WI5IqRUbqEjk0g3wt1XaMVISOR4ikvL2ACmdMl-bNWZ9fTbNfmtV6yQEAJR68JRWFRqptziWjI4wJdMEZ4EmtP6Gj2CtnLSbLXD3tJWgkr7ROzx6IYVhBSl9EgqMzkE0eib-AdgWv4zaTY7slNgAhme_bl84uv6aiPCGjo656CtXgE3SGUh_Yudru', true, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:39:07.123456+00', NULL, NULL, 1);
INSERT INTO public.deliveries VALUES (6, '7695be36-5995-41f5-92df-6a3b4647e70a', 30, 'email', 'status_change', NULL, 2, 2, NULL, 'pending', '2026-11-22 09:39:07.123456+00', NULL, 0, 0, '{"base_url":"http://127.0.0.1:8000","subject_id":4}', false, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:39:07.123456+00', NULL, NULL, 1);
INSERT INTO public.deliveries VALUES (7, '039d6dc1-0100-4be3-9332-a72b57740639', 30, 'email', 'status_change', NULL, 3, 2, NULL, 'pending', '2026-11-22 09:39:07.123456+00', NULL, 0, 0, '{"base_url":"http://127.0.0.1:8000","subject_id":4}', false, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:39:07.123456+00', NULL, NULL, 1);
INSERT INTO public.deliveries VALUES (8, '8347de5d-ad4b-48ce-903b-df583f35f4c8', 35, 'email', 'post_update', NULL, 2, 2, NULL, 'pending', '2026-11-22 09:39:07.123456+00', NULL, 0, 0, '{"base_url":"http://127.0.0.1:8000","subject_id":5}', false, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:39:07.123456+00', NULL, NULL, 1);
INSERT INTO public.deliveries VALUES (9, '39843ea9-32ec-45d1-aee4-ef2698b80f1b', 35, 'webhook', 'comment.created', 1, NULL, 2, NULL, 'pending', '2026-11-22 09:39:07.123456+00', NULL, 0, 0, '{"body":"{\"id\":\"tHgawBfodAzxrDDI\",\"creation_time\":\"2026-11-22T09:39:07Z\",\"event\":\"comment.created\",\"data\":{\"comment\":{\"id\":5,\"comment\":\"It is ready.\",\"author\":{\"id\":\"3eccc9c8-823b-443d-bc13-1712935012a5\",\"name\":\"Owner\",\"email\":\"owner@example.com\",\"role\":\"admin\",\"counter_votes\":0,\"counter_comments\":3,\"counter_posts\":3,\"counter_comment_votes\":0,\"database_id\":1},\"pinned_to_top\":false,\"tagged_for_changelog\":true,\"parent_id\":null,\"created_at\":\"2026-11-22T09:39:07Z\",\"updated_at\":\"2026-11-22T09:39:07Z\",\"url\":\"http://first.example.com/p/faster-search-9VwrRf#comment-5\",\"internal\":false},\"post\":{\"id\":\"9VwrRf\",\"uid\":\"9VwrRf-uid\",\"title\":\"Faster search\",\"description_short\":\"Line one of 1 line two\",\"description\":\"Line one of 1\\nline two\",\"description_changelog\":\"\",\"clean_description_changelog\":\"\",\"image_main\":\"\",\"votes_count\":1,\"comments_count\":2,\"views_count\":0,\"url\":\"http://first.example.com/p/faster-search-9VwrRf\",\"url_edit\":\"http://first.example.com/p/faster-search-9VwrRf/edit\",\"url_delete\":\"http://first.example.com/p/faster-search-9VwrRf/delete\",\"created_at\":\"2026-11-22T09:09:07Z\",\"updated_at\":\"2026-11-22T09:31:07Z\",\"latest_status_change_at\":\"2026-11-22T09:28:07Z\",\"latest_status_change_at_formatted\":\"22 Nov 2026\",\"author\":{\"id\":\"3eccc9c8-823b-443d-bc13-1712935012a5\",\"name\":\"Owner\",\"email\":\"owner@example.com\",\"role\":\"admin\",\"counter_votes\":0,\"counter_comments\":3,\"counter_posts\":3,\"counter_comment_votes\":0,\"database_id\":1},\"categories\":[{\"id\":1,\"name\":\"Speed\",\"color\":\"#336699\"}],\"status\":{\"id\":4,\"name\":\"Completed\",\"color\":\"#6ac47c\",\"tab_name\":\"Changelog\"},\"section_id\":null,\"moderation_status\":\"approved\",\"conversion\":null,\"prioritization_impact\":null,\"prioritization_confidence\":null,\"prioritization_ease\":null,\"prioritization_reach\":null,\"category\":{\"id\":1,\"name\":\"Speed\",\"color\":\"#336699\"},\"tags\":[{\"id\":1,\"name\":\"Urgent\",\"color\":\"#ABDEE6\"},{\"id\":2,\"name\":\"Später 📊\",\"color\":\"#FFAEA5\"}]},\"user\":{\"id\":\"3eccc9c8-823b-443d-bc13-1712935012a5\",\"name\":\"Owner\",\"email\":\"owner@example.com\",\"role\":\"admin\",\"counter_votes\":0,\"counter_comments\":3,\"counter_posts\":3,\"counter_comment_votes\":0,\"database_id\":1},\"portal\":{\"guid\":\"f23b781c-39d7-4cf4-9b73-02d277fc55cb\",\"title\":\"Feedback\",\"localization\":\"en\",\"editor_type\":\"html\",\"invite_message\":null,\"jira_domain_url\":null,\"jira_enabled\":false}}}","content_type":"application/json","url":null,"error":null,"encrypted_body":null}', false, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:39:07.123456+00', NULL, NULL, 1);
INSERT INTO public.digest_items VALUES (1, 3, 35, 'post_update', 2, 5, 'daily', '2026-11-22 15:00:00+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (1, 'user.registered', NULL, 1, 1, NULL, NULL, NULL, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (2, 'user.registered', NULL, 2, 2, 1, NULL, 'http://first.example.com', '2026-11-22 09:01:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (3, 'user.invited', NULL, 2, 2, 1, '{"message": null}', 'http://first.example.com', '2026-11-22 09:01:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (4, 'user.registered', NULL, 3, 3, 1, NULL, 'http://first.example.com', '2026-11-22 09:02:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (5, 'user.invited', NULL, 3, 3, 1, '{"message": null}', 'http://first.example.com', '2026-11-22 09:02:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (6, 'user.registered', NULL, 4, 4, 1, NULL, 'http://first.example.com', '2026-11-22 09:03:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (7, 'user.invited', NULL, 4, 4, 1, '{"message": null}', 'http://first.example.com', '2026-11-22 09:03:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (8, 'user.registered', NULL, 5, 5, 1, NULL, 'http://first.example.com', '2026-11-22 09:04:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (9, 'user.invited', NULL, 5, 5, 1, '{"message": null}', 'http://first.example.com', '2026-11-22 09:04:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (10, 'user.registered', NULL, 6, 6, 1, NULL, 'http://first.example.com', '2026-11-22 09:05:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (11, 'user.invited', NULL, 6, 6, 1, '{"message": null}', 'http://first.example.com', '2026-11-22 09:05:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (12, 'post.submitted', 1, NULL, 2, 1, NULL, 'http://first.example.com', '2026-11-22 09:08:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (13, 'post.submitted', 2, NULL, 1, 1, NULL, 'http://first.example.com', '2026-11-22 09:09:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (14, 'post.submitted', 3, NULL, 2, 1, NULL, 'http://first.example.com', '2026-11-22 09:10:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (15, 'post.submitted', 4, NULL, 1, 1, NULL, 'http://first.example.com', '2026-11-22 09:11:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (16, 'post.submitted', 5, NULL, 2, 1, NULL, 'http://first.example.com', '2026-11-22 09:12:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (17, 'post.submitted', 6, NULL, 1, 1, NULL, 'http://first.example.com', '2026-11-22 09:13:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (18, 'vote.cast', 2, 1, 2, 1, NULL, 'http://first.example.com', '2026-11-22 09:15:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (19, 'vote.cast', 3, 2, 2, 1, NULL, 'http://first.example.com', '2026-11-22 09:16:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (20, 'vote.cast', 3, 3, 3, 1, NULL, 'http://first.example.com', '2026-11-22 09:17:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (21, 'vote.cast', 4, 4, 2, 1, NULL, 'http://first.example.com', '2026-11-22 09:18:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (22, 'vote.cast', 4, 5, 3, 1, NULL, 'http://first.example.com', '2026-11-22 09:19:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (23, 'vote.cast', 4, 6, 4, 1, NULL, 'http://first.example.com', '2026-11-22 09:20:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (24, 'vote.retracted', 4, 6, 4, 1, '{"created_at": "2026-11-22 09:20:07.123456"}', 'http://first.example.com', '2026-11-22 09:21:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (25, 'comment.written', 1, 1, 1, 1, '{"official": false, "parent_id": null}', 'http://first.example.com', '2026-11-22 09:22:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (26, 'comment.written', 1, 2, 3, 1, '{"official": false, "parent_id": 1}', 'http://first.example.com', '2026-11-22 09:23:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (27, 'comment.written', 2, 3, 1, 1, '{"official": false, "parent_id": null}', 'http://first.example.com', '2026-11-22 09:24:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (28, 'post.status_changed', 1, 2, 1, 1, '{"old_status_id": null, "new_status_id": 2, "old_status": null, "new_status": {"id": 2, "name": "Planned", "color": "#0096ff", "tab_name": "Roadmap"}}', 'http://first.example.com', '2026-11-22 09:26:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (29, 'post.status_changed', 1, 3, 1, 1, '{"old_status_id": 2, "new_status_id": 3, "old_status": {"id": 2, "name": "Planned", "color": "#0096ff", "tab_name": "Roadmap"}, "new_status": {"id": 3, "name": "In Progress", "color": "#9437ff", "tab_name": "Roadmap"}}', 'http://first.example.com', '2026-11-22 09:27:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (30, 'post.status_changed', 2, 4, 1, 1, '{"old_status_id": 1, "new_status_id": 4, "old_status": {"id": 1, "name": "New", "color": "#8B95A1", "tab_name": "Feedback"}, "new_status": {"id": 4, "name": "Completed", "color": "#6ac47c", "tab_name": "Changelog"}}', 'http://first.example.com', '2026-11-22 09:28:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (31, 'post.rejected', 3, NULL, 2, NULL, NULL, NULL, '2026-11-22 09:28:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (32, 'vote.cast', 1, 7, NULL, 1, NULL, 'http://first.example.com', '2026-11-22 09:34:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (33, 'vote.cast', 1, 8, NULL, 1, NULL, 'http://first.example.com', '2026-11-22 09:35:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (34, 'post.unpublished', 4, NULL, 1, 1, NULL, 'http://first.example.com', '2026-11-22 09:38:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (35, 'comment.written', 2, 5, 1, 1, '{"official": true, "parent_id": null}', 'http://first.example.com', '2026-11-22 09:39:07.123456+00', '2026-11-22 09:39:07.123456+00', 1);
INSERT INTO public.facts VALUES (36, 'user.passkey_added', NULL, 3, 3, NULL, NULL, NULL, '2026-11-22 09:41:07.123456+00', NULL, 1);
INSERT INTO public.facts VALUES (37, 'user.registered', NULL, 7, 7, NULL, NULL, NULL, '2026-11-22 09:41:07.123456+00', NULL, 1);
INSERT INTO public.facts VALUES (38, 'post.submitted', 8, NULL, NULL, NULL, '{"moderation": "pending"}', NULL, '2026-11-22 09:41:07.123456+00', NULL, 1);
INSERT INTO public.facts VALUES (39, 'user.registered', NULL, 8, 8, NULL, NULL, NULL, '2026-11-22 09:41:07.123456+00', NULL, 2);
INSERT INTO public.facts VALUES (40, 'post.submitted', 9, NULL, 8, NULL, NULL, NULL, '2026-11-22 09:41:07.123456+00', NULL, 2);
INSERT INTO public.facts VALUES (41, 'vote.cast', 9, 9, 8, NULL, NULL, NULL, '2026-11-22 09:41:07.123456+00', NULL, 2);
INSERT INTO public.facts VALUES (42, 'post.submitted', 10, NULL, 1, 1, NULL, 'http://first.example.com', '2026-11-22 09:42:07.123456+00', NULL, 1);
INSERT INTO public.feedback VALUES (1, 'Too slow', 'On Mondays.', 'new', 2, 2, 1, '2026-11-22 09:36:07.123456+00', '2026-11-22 09:36:07.123456+00');
INSERT INTO public.follows VALUES (2, 1, '2026-11-22 09:09:07.123456+00', 1);
INSERT INTO public.follows VALUES (4, 1, '2026-11-22 09:11:07.123456+00', 1);
INSERT INTO public.follows VALUES (6, 1, '2026-11-22 09:13:07.123456+00', 1);
INSERT INTO public.follows VALUES (2, 2, '2026-11-22 09:15:07.123456+00', 1);
INSERT INTO public.follows VALUES (3, 2, '2026-11-22 09:16:07.123456+00', 1);
INSERT INTO public.follows VALUES (3, 3, '2026-11-22 09:17:07.123456+00', 1);
INSERT INTO public.follows VALUES (4, 2, '2026-11-22 09:18:07.123456+00', 1);
INSERT INTO public.follows VALUES (4, 3, '2026-11-22 09:19:07.123456+00', 1);
INSERT INTO public.follows VALUES (4, 4, '2026-11-22 09:20:07.123456+00', 1);
INSERT INTO public.follows VALUES (2, 3, '2026-11-22 09:21:07.123456+00', 1);
INSERT INTO public.group_members VALUES (1, 2, '2026-11-22 09:33:07.123456+00', 1);
INSERT INTO public.identities VALUES (1, 1, 7, 1, 'subject', '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.identity_providers VALUES (1, 'Acme', 'https://id.example', 'earshot', NULL, 'openid email profile', NULL, '{}', true, 1, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.installation VALUES (1, 'be4229859ad2df15d59907bf3f2c5909581c5fee88a99e2427e3c3af703131f4');
INSERT INTO public.notification_choices VALUES (3, 'post_update', 'daily', 1);
INSERT INTO public.one_time_tokens VALUES (1, 2, 'invitation', 'b29f809a5cc3b6183264ff31052452c48360172f722ac0b7eff2762ad5cb5444', 'ada@example.com', '2026-11-22 09:39:07.123456+00', '2027-02-20 09:39:07.123456+00', NULL, 1);
INSERT INTO public.one_time_tokens VALUES (2, 3, 'invitation', '2aa441eee127b4aaedff48bf12cb3e471b4f3728f5df519b69b0558a021c7ac0', 'bob@example.com', '2026-11-22 09:39:07.123456+00', '2027-02-20 09:39:07.123456+00', NULL, 1);
INSERT INTO public.one_time_tokens VALUES (5, 6, 'invitation', '326c6bc9ce6e74a2658c76c82ac5a400aec642caa4cf1e19465597497f82318d', 'eve@example.com', '2026-11-22 09:39:07.123456+00', '2027-02-20 09:39:07.123456+00', NULL, 1);
INSERT INTO public.one_time_tokens VALUES (3, 4, 'invitation', '17fb46d017e32e5b6f26ab68556d31b810357fbd07d30ae1abb86a25751ff465', 'cid@example.com', '2026-11-22 09:39:07.123456+00', '2027-02-20 09:39:07.123456+00', '2026-11-22 09:41:07.123456+00', 1);
INSERT INTO public.passkeys VALUES (1, 1, 3, 'credential', 'key', 0, 'Phone', '2026-11-22 09:41:07.123456+00', NULL);
INSERT INTO public.portals VALUES (1, 'f23b781c-39d7-4cf4-9b73-02d277fc55cb', 'Feedback', 'en', 'first.example.com', NULL, 'anonymous', '2026-11-22 09:00:07.123456+00', '2026-11-22 09:41:07.123456+00', false, NULL, NULL, NULL, NULL, NULL, NULL, 'open', true, false, false);
INSERT INTO public.portals VALUES (2, '90142d22-8b5f-4ac5-9fed-995cc1885a65', 'Second', 'en', 'second.example.com', NULL, 'anonymous', '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00', false, NULL, NULL, NULL, NULL, NULL, NULL, 'open', false, false, false);
INSERT INTO public.post_categories VALUES (2, 1);
INSERT INTO public.post_categories VALUES (4, 1);
INSERT INTO public.post_categories VALUES (1, 2);
INSERT INTO public.post_search VALUES (1, 1, '''dark'':1 ''mode'':2');
INSERT INTO public.post_search VALUES (2, 1, '''faster'':1 ''search'':2');
INSERT INTO public.post_search VALUES (3, 1, '''and'':4 ''end'':5 ''it'':1 ''quot'':3 ''s'':2');
INSERT INTO public.post_search VALUES (4, 1, '''all'':4 ''ein'':1 ''fur'':3 ''uberblick'':2');
INSERT INTO public.post_search VALUES (5, 1, '''bulk'':1 ''edit'':2');
INSERT INTO public.post_search VALUES (6, 1, '''file'':2 ''with'':1');
INSERT INTO public.post_search VALUES (8, 1, '''dark'':1 ''mode'':2');
INSERT INTO public.post_search VALUES (9, 2, '''of'':1 ''portal'':4 ''second'':3 ''the'':2');
INSERT INTO public.post_search VALUES (10, 1, '''a'':3 ''export'':1 ''spreadsheet'':4 ''to'':2');
INSERT INTO public.post_search_new VALUES (1, 1);
INSERT INTO public.post_search_new VALUES (1, 2);
INSERT INTO public.post_search_new VALUES (1, 3);
INSERT INTO public.post_search_new VALUES (1, 4);
INSERT INTO public.post_search_new VALUES (1, 5);
INSERT INTO public.post_search_new VALUES (1, 6);
INSERT INTO public.post_search_new VALUES (1, 8);
INSERT INTO public.post_search_new VALUES (2, 9);
INSERT INTO public.post_search_new VALUES (1, 10);
INSERT INTO public.post_tags VALUES (2, 2);
INSERT INTO public.post_tags VALUES (2, 1);
INSERT INTO public.posts VALUES (6, 'g2xLFm', 'with-files', 1, 1, 1, NULL, 'With files', '', '', '', 'RMSPdmUzQfKywLvagfDU3t.png', 'approved', 0, 0, 0, 4611686018427387904, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:13:07.123456+00', 1, '2026-11-22 09:13:07.123456+00', '2026-11-22 09:13:07.123456+00', true, 0);
INSERT INTO public.posts VALUES (3, 'TkvQy7', 'it-s-quoted-and-ends', 1, 2, NULL, NULL, 'It''s "quoted"; -- and ends', NULL, '', '', NULL, 'rejected', 2, 0, 0, 4611686018427387904, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:10:07.123456+00', 1, '2026-11-22 09:10:07.123456+00', '2026-11-22 09:28:07.123456+00', true, 0);
INSERT INTO public.posts VALUES (5, 'ULvDfx', 'bulk-edit', 1, 2, NULL, NULL, 'Bulk edit', NULL, '', '', NULL, 'pending', 0, 0, 0, 4611686018427387904, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:12:07.123456+00', 1, '2026-11-22 09:12:07.123456+00', '2026-11-22 09:28:07.123456+00', true, 0);
INSERT INTO public.posts VALUES (1, '8O7jM0', 'dark-mode', 1, 2, 3, 2, 'Dark mode', NULL, '', '', NULL, 'approved', 2, 2, 0, 4611686018427387904, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:27:07.123456+00', 1, '2026-11-22 09:08:07.123456+00', '2026-11-22 09:27:07.123456+00', true, 0);
INSERT INTO public.posts VALUES (4, 'IHQrMz', 'ein-uberblick-fur-alle', 1, 1, 1, NULL, 'Ein Überblick für alle 📊', 'Line one of 3
line two', 'Line one of 3 line two', '', NULL, 'approved', 2, 0, 0, 4611686018427387904, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:11:07.123456+00', 1, '2026-11-22 09:11:07.123456+00', '2026-11-22 09:38:07.123456+00', false, 0);
INSERT INTO public.posts VALUES (2, '9VwrRf', 'faster-search', 1, 1, 4, NULL, 'Faster search', 'Line one of 1
line two', 'Line one of 1 line two', '', NULL, 'approved', 1, 2, 0, 4611686018427387904, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:28:07.123456+00', 1, '2026-11-22 09:09:07.123456+00', '2026-11-22 09:31:07.123456+00', true, 2);
INSERT INTO public.posts VALUES (8, 'snAqAN', 'dark-mode-eb0fd507-0b22-47cf-89b2-41fe977c8b74', 1, NULL, 1, NULL, 'Dark mode', 'At night', 'At night', '', NULL, 'pending', 0, 0, 0, 4611686018427387904, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:41:07.123456+00', 1, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00', true, 0);
INSERT INTO public.posts VALUES (9, 'AhApOh', 'of-the-second-portal', 3, 8, NULL, NULL, 'Of the second portal', NULL, '', '', NULL, 'approved', 1, 0, 0, 4611686018427387904, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:41:07.123456+00', 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00', true, 0);
INSERT INTO public.posts VALUES (10, 'i65G2N', 'export-to-a-spreadsheet', 1, 1, NULL, NULL, 'Export to a spreadsheet', NULL, '', '', NULL, 'approved', 0, 0, 0, 4611686018427387904, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:42:07.123456+00', 1, '2026-11-22 09:42:07.123456+00', '2026-11-22 09:42:07.123456+00', true, 0);
INSERT INTO public.product_visions VALUES (1, '', '', 'No queue', '', '', '', '', '2026-11-22 09:37:07.123456+00');
INSERT INTO public.sections VALUES (1, 1, NULL, 'Soon', 0, 1, '2026-11-22 09:07:07.123456+00', '2026-11-22 09:07:07.123456+00');
INSERT INTO public.sections VALUES (2, 1, 1, 'Very soon', 1, 1, '2026-11-22 09:07:07.123456+00', '2026-11-22 09:07:07.123456+00');
INSERT INTO public.sessions VALUES (1, 1, 3, '9b2564d05f3dd368a6549ca3fa5ee211df0413f6e70ca12b1fbed65f3544388b', 'password', 'Browser', '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00', '2027-02-20 09:41:07.123456+00');
INSERT INTO public.sign_in_requests VALUES (1, 1, 3, NULL, '4281c7a2998c0e0a503c720d9982b895b232ac27f3a5dfad187a0c96f2c1b939', NULL, NULL, 0, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:56:07.123456+00', NULL);
INSERT INTO public.status_changes VALUES (1, 1, 1, 1, 2, '2026-11-22 09:26:07.123456+00', 1);
INSERT INTO public.status_changes VALUES (2, 1, 1, 1, 3, '2026-11-22 09:27:07.123456+00', 1);
INSERT INTO public.status_changes VALUES (3, 2, 1, 1, 4, '2026-11-22 09:28:07.123456+00', 1);
INSERT INTO public.statuses VALUES (1, 1, 'New', '#8B95A1', NULL, 0, false, true, true, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00');
INSERT INTO public.statuses VALUES (2, 2, 'Planned', '#0096ff', NULL, 1, true, false, true, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00');
INSERT INTO public.statuses VALUES (3, 2, 'In Progress', '#9437ff', NULL, 2, true, false, true, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00');
INSERT INTO public.statuses VALUES (4, 3, 'Completed', '#6ac47c', NULL, 3, true, false, false, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00');
INSERT INTO public.statuses VALUES (5, 1, 'Rejected', '#ff2600', NULL, 4, false, false, false, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00');
INSERT INTO public.statuses VALUES (6, 4, 'New', '#8B95A1', NULL, 0, false, true, true, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.statuses VALUES (7, 5, 'Planned', '#0096ff', NULL, 1, true, false, true, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.statuses VALUES (8, 5, 'In Progress', '#9437ff', NULL, 2, true, false, true, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.statuses VALUES (9, 6, 'Completed', '#6ac47c', NULL, 3, true, false, false, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.statuses VALUES (10, 4, 'Rejected', '#ff2600', NULL, 4, false, false, false, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.tabs VALUES (1, 'Feedback', 'feedback', 'feedback', 0, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00');
INSERT INTO public.tabs VALUES (2, 'Roadmap', 'roadmap', 'roadmap', 1, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00');
INSERT INTO public.tabs VALUES (3, 'Changelog', 'changelog', 'changelog', 2, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00');
INSERT INTO public.tabs VALUES (4, 'Feedback', 'feedback', 'feedback', 0, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.tabs VALUES (5, 'Roadmap', 'roadmap', 'roadmap', 1, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.tabs VALUES (6, 'Changelog', 'changelog', 'changelog', 2, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00');
INSERT INTO public.tags VALUES (1, 'Urgent', 'urgent', '#ABDEE6', 1, '2026-11-22 09:29:07.123456+00', '2026-11-22 09:29:07.123456+00');
INSERT INTO public.tags VALUES (2, 'Später 📊', 'später 📊', '#FFAEA5', 1, '2026-11-22 09:30:07.123456+00', '2026-11-22 09:30:07.123456+00');
INSERT INTO public.tallies VALUES (1, 'portal', 0, 0, 0, 1, 1);
INSERT INTO public.tallies VALUES (1, 'board', 1, 0, 0, 1, 1);
INSERT INTO public.tallies VALUES (1, 'portal', 0, 0, 0, 2, 1);
INSERT INTO public.tallies VALUES (1, 'board', 1, 0, 0, 2, 1);
INSERT INTO public.tallies VALUES (1, 'portal', 0, 0, 0, 3, 1);
INSERT INTO public.tallies VALUES (1, 'board', 1, 0, 0, 3, 1);
INSERT INTO public.tallies VALUES (1, 'status', 0, 0, 0, 3, 1);
INSERT INTO public.tallies VALUES (1, 'portal', 0, 0, 0, 4, 1);
INSERT INTO public.tallies VALUES (1, 'board', 1, 0, 0, 4, 1);
INSERT INTO public.tallies VALUES (1, 'status', 0, 1, 0, 4, 1);
INSERT INTO public.tallies VALUES (1, 'category', 1, 1, 0, 4, 1);
INSERT INTO public.tallies VALUES (1, 'portal', 0, 0, 0, 5, 1);
INSERT INTO public.tallies VALUES (1, 'board', 1, 0, 0, 5, 1);
INSERT INTO public.tallies VALUES (1, 'status', 0, 0, 0, 5, 1);
INSERT INTO public.tallies VALUES (1, 'portal', 0, 0, 0, 6, 1);
INSERT INTO public.tallies VALUES (1, 'board', 1, 0, 0, 6, 1);
INSERT INTO public.tallies VALUES (1, 'status', 0, 1, 0, 6, 1);
INSERT INTO public.tallies VALUES (1, 'status', 0, 0, 0, 1, 0);
INSERT INTO public.tallies VALUES (1, 'status', 0, 0, 2, 1, 0);
INSERT INTO public.tallies VALUES (1, 'category', 2, 0, 2, 1, 0);
INSERT INTO public.tallies VALUES (1, 'status', 0, 2, 2, 1, 0);
INSERT INTO public.tallies VALUES (1, 'status', 0, 3, 2, 1, 1);
INSERT INTO public.tallies VALUES (1, 'category', 2, 2, 2, 1, 0);
INSERT INTO public.tallies VALUES (1, 'category', 2, 3, 2, 1, 1);
INSERT INTO public.tallies VALUES (1, 'status', 0, 1, 0, 2, 0);
INSERT INTO public.tallies VALUES (1, 'status', 0, 4, 0, 2, 1);
INSERT INTO public.tallies VALUES (1, 'category', 1, 1, 0, 2, 0);
INSERT INTO public.tallies VALUES (1, 'category', 1, 4, 0, 2, 1);
INSERT INTO public.tallies VALUES (1, 'portal', 0, 0, 0, 8, 1);
INSERT INTO public.tallies VALUES (1, 'board', 1, 0, 0, 8, 1);
INSERT INTO public.tallies VALUES (1, 'status', 0, 1, 0, 8, 1);
INSERT INTO public.tallies VALUES (2, 'portal', 0, 0, 0, 9, 1);
INSERT INTO public.tallies VALUES (2, 'board', 3, 0, 0, 9, 1);
INSERT INTO public.tallies VALUES (2, 'status', 0, 0, 0, 9, 1);
INSERT INTO public.tallies VALUES (1, 'portal', 0, 0, 0, 10, 1);
INSERT INTO public.tallies VALUES (1, 'board', 1, 0, 0, 10, 1);
INSERT INTO public.tallies VALUES (1, 'status', 0, 0, 0, 10, 1);
INSERT INTO public.user_groups VALUES (1, 'Early access', 'early access', 1, '2026-11-22 09:32:07.123456+00', '2026-11-22 09:32:07.123456+00');
INSERT INTO public.users VALUES (6, '3f463994-2ad9-4f83-a4e4-76e38767a983', 'eve@example.com', 'eve@example.com', 'Eve Example', 'admin', NULL, true, 'never', 0, 0, 0, NULL, NULL, 1, '2026-11-22 09:05:07.123456+00', '2026-11-22 09:05:07.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL);
INSERT INTO public.users VALUES (2, 'adb475b9-6552-425a-9262-01b2ef880966', 'ada@example.com', 'ada@example.com', 'Ada Example', 'user', NULL, true, 'never', 3, 3, 0, NULL, NULL, 1, '2026-11-22 09:01:07.123456+00', '2026-11-22 09:01:07.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL);
INSERT INTO public.users VALUES (5, '2c10f9b3-4ef2-4654-8808-ca594a782964', NULL, NULL, '[User Deleted]', 'user', NULL, false, 'never', 0, 0, 0, NULL, '2026-11-22 09:40:07.123456+00', 1, '2026-11-22 09:04:07.123456+00', '2026-11-22 09:40:07.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL);
INSERT INTO public.users VALUES (4, '947730d3-c135-4d8b-a507-f8b42488fafa', 'cid@example.com', 'cid@example.com', 'Cid Example', 'user', NULL, true, 'never', 0, 0, 0, '2026-11-22 09:41:07.123456+00', NULL, 1, '2026-11-22 09:03:07.123456+00', '2026-11-22 09:41:07.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL);
INSERT INTO public.users VALUES (7, '39ed35fa-6cd5-4bfc-8d5e-0ff3dd35a874', NULL, NULL, 'Jane Roe', 'user', NULL, true, 'never', 0, 0, 0, NULL, NULL, 1, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-22 09:41:07.123456+00', false, NULL, NULL);
INSERT INTO public.users VALUES (3, '4390c50c-de15-4c66-968e-891e4daca207', 'bob@example.com', 'bob@example.com', 'Bob Example', 'user', NULL, true, 'never', 0, 2, 1, NULL, NULL, 1, '2026-11-22 09:02:07.123456+00', '2026-11-22 09:41:07.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, 'picture1');
INSERT INTO public.users VALUES (8, '695ca006-8562-41b6-aa10-74e50c7b4ea3', 'owner@second.example.com', 'owner@second.example.com', 'Owner', 'owner', NULL, true, 'never', 1, 1, 0, NULL, NULL, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL);
INSERT INTO public.users VALUES (1, '3eccc9c8-823b-443d-bc13-1712935012a5', 'owner@example.com', 'owner@example.com', 'Owner', 'owner', NULL, true, 'never', 4, 0, 3, NULL, NULL, 1, '2026-11-22 09:00:07.123456+00', '2026-11-22 09:00:07.123456+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL);
INSERT INTO public.votes VALUES (1, 2, 2, 1, '2026-11-22 09:15:07.123456+00', '2026-11-22 09:15:07.123456+00', NULL);
INSERT INTO public.votes VALUES (2, 3, 2, 1, '2026-11-22 09:16:07.123456+00', '2026-11-22 09:16:07.123456+00', NULL);
INSERT INTO public.votes VALUES (3, 3, 3, 1, '2026-11-22 09:17:07.123456+00', '2026-11-22 09:17:07.123456+00', NULL);
INSERT INTO public.votes VALUES (4, 4, 2, 1, '2026-11-22 09:18:07.123456+00', '2026-11-22 09:18:07.123456+00', NULL);
INSERT INTO public.votes VALUES (5, 4, 3, 1, '2026-11-22 09:19:07.123456+00', '2026-11-22 09:19:07.123456+00', NULL);
INSERT INTO public.votes VALUES (7, 1, NULL, 1, '2026-11-22 09:34:07.123456+00', '2026-11-22 09:34:07.123456+00', 'visitor');
INSERT INTO public.votes VALUES (8, 1, NULL, 1, '2026-11-22 09:35:07.123456+00', '2026-11-22 09:35:07.123456+00', 'Ünknown');
INSERT INTO public.votes VALUES (9, 9, 8, 2, '2026-11-22 09:41:07.123456+00', '2026-11-22 09:41:07.123456+00', NULL);
INSERT INTO public.webhooks VALUES (1, 'productlift', 'CRM', 'gAAAAABrCxJtGfgH99T7HLPWM02f-QZ-1XD-HnvXoaQxOFwZrJL6QFvAwi5uCKRK26cfePWjLiL2Tg8NID93g6dvIXfIdYF80t9wKNTEPo0ZzExZxO10gdPoy0mT2OgTp0gH6mJgDWLX', '[]', 'POST', NULL, NULL, NULL, 'Signature', 'hex', true, 0, NULL, 1, '2026-11-22 09:38:07.123456+00', '2026-11-22 09:38:07.123456+00');
INSERT INTO public.widgets VALUES (1, 'f35f855e-31d3-459a-b0e0-f81dafd431a4', 'Help', 'widget', 1, '*', 1, '2026-11-22 09:38:07.123456+00', '2026-11-22 09:38:07.123456+00');
SELECT pg_catalog.setval('public.api_keys_id_seq', 4, true);
SELECT pg_catalog.setval('public.attachments_id_seq', 2, true);
SELECT pg_catalog.setval('public.boards_id_seq', 4, true);
SELECT pg_catalog.setval('public.categories_id_seq', 2, true);
SELECT pg_catalog.setval('public.comments_id_seq', 5, true);
SELECT pg_catalog.setval('public.deliveries_id_seq', 9, true);
SELECT pg_catalog.setval('public.digest_items_id_seq', 1, true);
SELECT pg_catalog.setval('public.facts_id_seq', 42, true);
SELECT pg_catalog.setval('public.feedback_id_seq', 1, true);
SELECT pg_catalog.setval('public.identities_id_seq', 1, true);
SELECT pg_catalog.setval('public.identity_providers_id_seq', 1, true);
SELECT pg_catalog.setval('public.one_time_tokens_id_seq', 5, true);
SELECT pg_catalog.setval('public.passkeys_id_seq', 1, true);
SELECT pg_catalog.setval('public.portals_id_seq', 2, true);
SELECT pg_catalog.setval('public.posts_id_seq', 10, true);
SELECT pg_catalog.setval('public.sections_id_seq', 2, true);
SELECT pg_catalog.setval('public.sessions_id_seq', 1, true);
SELECT pg_catalog.setval('public.sign_in_requests_id_seq', 1, true);
SELECT pg_catalog.setval('public.status_changes_id_seq', 3, true);
SELECT pg_catalog.setval('public.statuses_id_seq', 10, true);
SELECT pg_catalog.setval('public.tabs_id_seq', 6, true);
SELECT pg_catalog.setval('public.tags_id_seq', 2, true);
SELECT pg_catalog.setval('public.user_groups_id_seq', 1, true);
SELECT pg_catalog.setval('public.users_id_seq', 8, true);
SELECT pg_catalog.setval('public.votes_id_seq', 9, true);
SELECT pg_catalog.setval('public.webhooks_id_seq', 1, true);
SELECT pg_catalog.setval('public.widgets_id_seq', 1, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.anonymous_posts
    ADD CONSTRAINT pk_anonymous_posts PRIMARY KEY (post_id);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT pk_api_keys PRIMARY KEY (id);
ALTER TABLE ONLY public.attachments
    ADD CONSTRAINT pk_attachments PRIMARY KEY (id);
ALTER TABLE ONLY public.boards
    ADD CONSTRAINT pk_boards PRIMARY KEY (id);
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT pk_categories PRIMARY KEY (id);
ALTER TABLE ONLY public.comments
    ADD CONSTRAINT pk_comments PRIMARY KEY (id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT pk_deliveries PRIMARY KEY (id);
ALTER TABLE ONLY public.digest_items
    ADD CONSTRAINT pk_digest_items PRIMARY KEY (id);
ALTER TABLE ONLY public.facts
    ADD CONSTRAINT pk_facts PRIMARY KEY (id);
ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT pk_feedback PRIMARY KEY (id);
ALTER TABLE ONLY public.follows
    ADD CONSTRAINT pk_follows PRIMARY KEY (post_id, user_id);
ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT pk_group_members PRIMARY KEY (group_id, user_id);
ALTER TABLE ONLY public.identities
    ADD CONSTRAINT pk_identities PRIMARY KEY (id);
ALTER TABLE ONLY public.identity_providers
    ADD CONSTRAINT pk_identity_providers PRIMARY KEY (id);
ALTER TABLE ONLY public.installation
    ADD CONSTRAINT pk_installation PRIMARY KEY (id);
ALTER TABLE ONLY public.notification_choices
    ADD CONSTRAINT pk_notification_choices PRIMARY KEY (user_id, kind);
ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT pk_one_time_tokens PRIMARY KEY (id);
ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT pk_passkeys PRIMARY KEY (id);
ALTER TABLE ONLY public.portals
    ADD CONSTRAINT pk_portals PRIMARY KEY (id);
ALTER TABLE ONLY public.post_categories
    ADD CONSTRAINT pk_post_categories PRIMARY KEY (post_id, category_id);
ALTER TABLE ONLY public.post_search
    ADD CONSTRAINT pk_post_search PRIMARY KEY (post_id);
ALTER TABLE ONLY public.post_search_new
    ADD CONSTRAINT pk_post_search_new PRIMARY KEY (portal_id, post_id);
ALTER TABLE ONLY public.post_search_texts
    ADD CONSTRAINT pk_post_search_texts PRIMARY KEY (post_id);
ALTER TABLE ONLY public.post_search_vocabulary
    ADD CONSTRAINT pk_post_search_vocabulary PRIMARY KEY (portal_id, folded, word);
ALTER TABLE ONLY public.post_tags
    ADD CONSTRAINT pk_post_tags PRIMARY KEY (post_id, tag_id);
ALTER TABLE ONLY public.posts
    ADD CONSTRAINT pk_posts PRIMARY KEY (id);
ALTER TABLE ONLY public.product_visions
    ADD CONSTRAINT pk_product_visions PRIMARY KEY (portal_id);
ALTER TABLE ONLY public.sections
    ADD CONSTRAINT pk_sections PRIMARY KEY (id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT pk_sessions PRIMARY KEY (id);
ALTER TABLE ONLY public.sign_in_requests
    ADD CONSTRAINT pk_sign_in_requests PRIMARY KEY (id);
ALTER TABLE ONLY public.status_changes
    ADD CONSTRAINT pk_status_changes PRIMARY KEY (id);
ALTER TABLE ONLY public.statuses
    ADD CONSTRAINT pk_statuses PRIMARY KEY (id);
ALTER TABLE ONLY public.tabs
    ADD CONSTRAINT pk_tabs PRIMARY KEY (id);
ALTER TABLE ONLY public.tags
    ADD CONSTRAINT pk_tags PRIMARY KEY (id);
ALTER TABLE ONLY public.tallies
    ADD CONSTRAINT pk_tallies PRIMARY KEY (portal_id, kind, ref_id, status_id, section_id, shard);
ALTER TABLE ONLY public.user_groups
    ADD CONSTRAINT pk_user_groups PRIMARY KEY (id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT pk_users PRIMARY KEY (id);
ALTER TABLE ONLY public.votes
    ADD CONSTRAINT pk_votes PRIMARY KEY (id);
ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT pk_webhooks PRIMARY KEY (id);
ALTER TABLE ONLY public.widgets
    ADD CONSTRAINT pk_widgets PRIMARY KEY (id);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT uq_api_keys_digest UNIQUE (digest);
ALTER TABLE ONLY public.attachments
    ADD CONSTRAINT uq_attachments_name UNIQUE (name);
ALTER TABLE ONLY public.boards
    ADD CONSTRAINT uq_boards_portal_id_name UNIQUE (portal_id, name);
ALTER TABLE ONLY public.boards
    ADD CONSTRAINT uq_boards_portal_id_slug UNIQUE (portal_id, slug);
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT uq_categories_portal_id_name_key UNIQUE (portal_id, name_key);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT uq_deliveries_dedup_key UNIQUE (dedup_key);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT uq_deliveries_uuid UNIQUE (uuid);
ALTER TABLE ONLY public.digest_items
    ADD CONSTRAINT uq_digest_items_user_id_event_id_kind UNIQUE (user_id, event_id, kind);
ALTER TABLE ONLY public.identities
    ADD CONSTRAINT uq_identities_provider_id_subject UNIQUE (provider_id, subject);
ALTER TABLE ONLY public.identity_providers
    ADD CONSTRAINT uq_identity_providers_portal_id_issuer_client_id UNIQUE (portal_id, issuer, client_id);
ALTER TABLE ONLY public.identity_providers
    ADD CONSTRAINT uq_identity_providers_portal_id_name UNIQUE (portal_id, name);
ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT uq_one_time_tokens_digest UNIQUE (digest);
ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT uq_passkeys_portal_id_credential_id UNIQUE (portal_id, credential_id);
ALTER TABLE ONLY public.portals
    ADD CONSTRAINT uq_portals_guid UNIQUE (guid);
ALTER TABLE ONLY public.portals
    ADD CONSTRAINT uq_portals_host UNIQUE (host);
ALTER TABLE ONLY public.posts
    ADD CONSTRAINT uq_posts_portal_id_code UNIQUE (portal_id, code);
ALTER TABLE ONLY public.posts
    ADD CONSTRAINT uq_posts_portal_id_slug UNIQUE (portal_id, slug);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT uq_sessions_digest UNIQUE (digest);
ALTER TABLE ONLY public.sign_in_requests
    ADD CONSTRAINT uq_sign_in_requests_link_digest UNIQUE (link_digest);
ALTER TABLE ONLY public.statuses
    ADD CONSTRAINT uq_statuses_portal_id_name UNIQUE (portal_id, name);
ALTER TABLE ONLY public.tabs
    ADD CONSTRAINT uq_tabs_portal_id_url UNIQUE (portal_id, url);
ALTER TABLE ONLY public.tags
    ADD CONSTRAINT uq_tags_portal_id_name_key UNIQUE (portal_id, name_key);
ALTER TABLE ONLY public.user_groups
    ADD CONSTRAINT uq_user_groups_portal_id_name_key UNIQUE (portal_id, name_key);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_portal_id_email_key UNIQUE (portal_id, email_key);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT uq_users_uuid UNIQUE (uuid);
ALTER TABLE ONLY public.votes
    ADD CONSTRAINT uq_votes_post_id_user_id UNIQUE (post_id, user_id);
ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT uq_webhooks_portal_id_description UNIQUE (portal_id, description);
ALTER TABLE ONLY public.widgets
    ADD CONSTRAINT uq_widgets_uuid UNIQUE (uuid);
CREATE INDEX ix_anonymous_posts_device ON public.anonymous_posts USING btree (portal_id, device_digest);
CREATE INDEX ix_api_keys_user_id ON public.api_keys USING btree (user_id);
CREATE INDEX ix_attachments_post_id ON public.attachments USING btree (post_id);
CREATE INDEX ix_comments_newest ON public.comments USING btree (portal_id, created_at, id);
CREATE INDEX ix_comments_parent_id ON public.comments USING btree (parent_id);
CREATE INDEX ix_comments_post ON public.comments USING btree (post_id, created_at, id);
CREATE INDEX ix_comments_user_id ON public.comments USING btree (user_id);
CREATE INDEX ix_deliveries_due_call ON public.deliveries USING btree (webhook_id, due_at, id) WHERE (((state)::text = 'pending'::text) AND ((channel)::text = 'webhook'::text));
CREATE INDEX ix_deliveries_due_email ON public.deliveries USING btree (due_at, id) WHERE (((state)::text = 'pending'::text) AND ((channel)::text = 'email'::text));
CREATE INDEX ix_deliveries_finished ON public.deliveries USING btree (finished_at);
CREATE INDEX ix_deliveries_newest ON public.deliveries USING btree (portal_id, id);
CREATE INDEX ix_deliveries_order ON public.deliveries USING btree (webhook_id, post_id, id) WHERE ((state)::text = 'pending'::text);
CREATE INDEX ix_deliveries_secret ON public.deliveries USING btree (id) WHERE (((channel)::text = 'email'::text) AND is_encrypted AND (payload IS NOT NULL));
CREATE INDEX ix_deliveries_user ON public.deliveries USING btree (user_id);
CREATE INDEX ix_deliveries_webhook ON public.deliveries USING btree (webhook_id, id);
CREATE INDEX ix_digest_items_due ON public.digest_items USING btree (due_at, user_id);
CREATE INDEX ix_facts_account ON public.facts USING btree (id) WHERE ((expanded_at IS NULL) AND ((kind)::text = ANY ((ARRAY['user.invited'::character varying, 'user.password_reset_requested'::character varying, 'user.confirmation_requested'::character varying, 'user.email_changed'::character varying, 'user.password_changed'::character varying])::text[])));
CREATE INDEX ix_facts_comment_deleted ON public.facts USING btree (subject_id, id) WHERE ((kind)::text = 'comment.deleted'::text);
CREATE INDEX ix_facts_post_deleted ON public.facts USING btree (post_id, id) WHERE ((kind)::text = 'post.deleted'::text);
CREATE INDEX ix_facts_waiting ON public.facts USING btree (portal_id, id) WHERE (expanded_at IS NULL);
CREATE INDEX ix_feedback_newest ON public.feedback USING btree (portal_id, created_at, id);
CREATE INDEX ix_feedback_post_id ON public.feedback USING btree (post_id);
CREATE INDEX ix_feedback_user_id ON public.feedback USING btree (user_id);
CREATE INDEX ix_follows_user_id ON public.follows USING btree (user_id);
CREATE INDEX ix_group_members_oldest ON public.group_members USING btree (group_id, created_at, user_id);
CREATE INDEX ix_group_members_user_id ON public.group_members USING btree (user_id);
CREATE INDEX ix_identities_user ON public.identities USING btree (user_id);
CREATE INDEX ix_notification_choices_kind ON public.notification_choices USING btree (portal_id, kind);
CREATE INDEX ix_one_time_tokens_expires_at ON public.one_time_tokens USING btree (expires_at);
CREATE INDEX ix_one_time_tokens_user ON public.one_time_tokens USING btree (user_id, purpose);
CREATE INDEX ix_passkeys_user ON public.passkeys USING btree (user_id);
CREATE INDEX ix_post_categories_category_id ON public.post_categories USING btree (category_id, post_id);
CREATE INDEX ix_post_search_texts_array ON public.post_search_texts USING gin (tsvector_to_array(words)) WITH (gin_pending_list_limit='256');
ALTER INDEX public.ix_post_search_texts_array ALTER COLUMN 1 SET STATISTICS 0;
CREATE INDEX ix_post_search_texts_words ON public.post_search_texts USING gin (words) WITH (gin_pending_list_limit='256');
CREATE INDEX ix_post_search_title ON public.post_search USING gin (title) WITH (gin_pending_list_limit='256');
CREATE INDEX ix_post_tags_tag_id ON public.post_tags USING btree (tag_id, post_id);
CREATE INDEX ix_posts_board ON public.posts USING btree (board_id, created_at, id);
CREATE INDEX ix_posts_comments ON public.posts USING btree (portal_id, comments_count, id);
CREATE INDEX ix_posts_moderated ON public.posts USING btree (portal_id, moderation, created_at) WHERE ((moderation)::text <> 'approved'::text);
CREATE INDEX ix_posts_newest ON public.posts USING btree (portal_id, created_at, id);
CREATE INDEX ix_posts_position ON public.posts USING btree (portal_id, "position", id);
CREATE INDEX ix_posts_section ON public.posts USING btree (section_id, created_at, id) WHERE (section_id IS NOT NULL);
CREATE INDEX ix_posts_status ON public.posts USING btree (status_id, created_at, id);
CREATE INDEX ix_posts_status_changed ON public.posts USING btree (portal_id, status_changed_at, id);
CREATE INDEX ix_posts_unpublished ON public.posts USING btree (portal_id, id) WHERE (published IS FALSE);
CREATE INDEX ix_posts_updated ON public.posts USING btree (portal_id, updated_at, id);
CREATE INDEX ix_posts_user ON public.posts USING btree (user_id, created_at, id);
CREATE INDEX ix_posts_votes ON public.posts USING btree (portal_id, votes_count, id);
CREATE INDEX ix_sections_parent_id ON public.sections USING btree (parent_id);
CREATE INDEX ix_sections_tab_id ON public.sections USING btree (tab_id);
CREATE INDEX ix_sessions_expires_at ON public.sessions USING btree (expires_at);
CREATE INDEX ix_sessions_user ON public.sessions USING btree (user_id);
CREATE INDEX ix_sign_in_requests_browser ON public.sign_in_requests USING btree (browser_digest) WHERE (browser_digest IS NOT NULL);
CREATE INDEX ix_sign_in_requests_expires_at ON public.sign_in_requests USING btree (expires_at);
CREATE INDEX ix_sign_in_requests_user ON public.sign_in_requests USING btree (user_id);
CREATE INDEX ix_status_changes_actor_id ON public.status_changes USING btree (actor_id) WHERE (actor_id IS NOT NULL);
CREATE INDEX ix_status_changes_post_id ON public.status_changes USING btree (post_id, id);
CREATE INDEX ix_status_changes_status_id ON public.status_changes USING btree (status_id) WHERE (status_id IS NOT NULL);
CREATE INDEX ix_status_changes_user_id ON public.status_changes USING btree (user_id) WHERE (user_id IS NOT NULL);
CREATE INDEX ix_statuses_tab_id ON public.statuses USING btree (tab_id);
CREATE INDEX ix_users_newest ON public.users USING btree (portal_id, created_at, id);
CREATE INDEX ix_users_recap ON public.users USING btree (portal_id) WHERE ((recap)::text <> 'never'::text);
CREATE INDEX ix_votes_anonymous ON public.votes USING btree (portal_id, anonymous_id) WHERE (anonymous_id IS NOT NULL);
CREATE INDEX ix_votes_newest ON public.votes USING btree (portal_id, created_at, id, user_id);
CREATE INDEX ix_votes_user_id ON public.votes USING btree (user_id);
CREATE INDEX ix_widgets_portal_id ON public.widgets USING btree (portal_id, name);
CREATE INDEX ix_widgets_tab_id ON public.widgets USING btree (tab_id);
CREATE UNIQUE INDEX uq_boards_default ON public.boards USING btree (portal_id) WHERE is_default;
CREATE UNIQUE INDEX uq_statuses_default ON public.statuses USING btree (portal_id) WHERE is_default;
CREATE UNIQUE INDEX uq_users_owner ON public.users USING btree (portal_id) WHERE ((role)::text = 'owner'::text);
CREATE UNIQUE INDEX uq_users_picture ON public.users USING btree (picture) WHERE (picture IS NOT NULL);
CREATE UNIQUE INDEX uq_users_uid ON public.users USING btree (portal_id, uid) WHERE (uid IS NOT NULL);
CREATE UNIQUE INDEX uq_votes_anonymous ON public.votes USING btree (post_id, anonymous_id) WHERE (anonymous_id IS NOT NULL);
CREATE TRIGGER post_search_texts_add AFTER DELETE ON public.post_search_new FOR EACH ROW EXECUTE FUNCTION public.post_search_texts_add();
CREATE TRIGGER post_search_texts_update AFTER UPDATE OF title, description, moderation, published, status_id ON public.posts FOR EACH ROW WHEN (((((((old.title)::text IS DISTINCT FROM (new.title)::text) OR (old.description IS DISTINCT FROM new.description)) OR ((old.moderation)::text IS DISTINCT FROM (new.moderation)::text)) OR (old.published IS DISTINCT FROM new.published)) OR (old.status_id IS DISTINCT FROM new.status_id))) EXECUTE FUNCTION public.post_search_texts_keep();
CREATE TRIGGER post_search_texts_write AFTER INSERT OR DELETE ON public.posts FOR EACH ROW EXECUTE FUNCTION public.post_search_texts_keep();
CREATE TRIGGER post_search_update AFTER UPDATE OF title ON public.posts FOR EACH ROW WHEN (((old.title)::text <> (new.title)::text)) EXECUTE FUNCTION public.post_search_keep();
CREATE TRIGGER post_search_write AFTER INSERT OR DELETE ON public.posts FOR EACH ROW EXECUTE FUNCTION public.post_search_keep();
ALTER TABLE ONLY public.anonymous_posts
    ADD CONSTRAINT fk_anonymous_posts_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.anonymous_posts
    ADD CONSTRAINT fk_anonymous_posts_post_id FOREIGN KEY (post_id) REFERENCES public.posts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT fk_api_keys_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT fk_api_keys_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.attachments
    ADD CONSTRAINT fk_attachments_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.attachments
    ADD CONSTRAINT fk_attachments_post_id FOREIGN KEY (post_id) REFERENCES public.posts(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.boards
    ADD CONSTRAINT fk_boards_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.categories
    ADD CONSTRAINT fk_categories_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.comments
    ADD CONSTRAINT fk_comments_parent_id FOREIGN KEY (parent_id) REFERENCES public.comments(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.comments
    ADD CONSTRAINT fk_comments_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.comments
    ADD CONSTRAINT fk_comments_post_id FOREIGN KEY (post_id) REFERENCES public.posts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.comments
    ADD CONSTRAINT fk_comments_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_webhook_id FOREIGN KEY (webhook_id) REFERENCES public.webhooks(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.digest_items
    ADD CONSTRAINT fk_digest_items_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.digest_items
    ADD CONSTRAINT fk_digest_items_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT fk_feedback_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT fk_feedback_post_id FOREIGN KEY (post_id) REFERENCES public.posts(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.feedback
    ADD CONSTRAINT fk_feedback_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.follows
    ADD CONSTRAINT fk_follows_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.follows
    ADD CONSTRAINT fk_follows_post_id FOREIGN KEY (post_id) REFERENCES public.posts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.follows
    ADD CONSTRAINT fk_follows_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT fk_group_members_group_id FOREIGN KEY (group_id) REFERENCES public.user_groups(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT fk_group_members_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.group_members
    ADD CONSTRAINT fk_group_members_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.identities
    ADD CONSTRAINT fk_identities_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.identities
    ADD CONSTRAINT fk_identities_provider_id FOREIGN KEY (provider_id) REFERENCES public.identity_providers(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.identities
    ADD CONSTRAINT fk_identities_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.identity_providers
    ADD CONSTRAINT fk_identity_providers_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.notification_choices
    ADD CONSTRAINT fk_notification_choices_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.notification_choices
    ADD CONSTRAINT fk_notification_choices_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT fk_one_time_tokens_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.one_time_tokens
    ADD CONSTRAINT fk_one_time_tokens_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT fk_passkeys_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.passkeys
    ADD CONSTRAINT fk_passkeys_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.post_categories
    ADD CONSTRAINT fk_post_categories_category_id FOREIGN KEY (category_id) REFERENCES public.categories(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.post_categories
    ADD CONSTRAINT fk_post_categories_post_id FOREIGN KEY (post_id) REFERENCES public.posts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.post_tags
    ADD CONSTRAINT fk_post_tags_post_id FOREIGN KEY (post_id) REFERENCES public.posts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.post_tags
    ADD CONSTRAINT fk_post_tags_tag_id FOREIGN KEY (tag_id) REFERENCES public.tags(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.posts
    ADD CONSTRAINT fk_posts_board_id FOREIGN KEY (board_id) REFERENCES public.boards(id);
ALTER TABLE ONLY public.posts
    ADD CONSTRAINT fk_posts_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.posts
    ADD CONSTRAINT fk_posts_section_id FOREIGN KEY (section_id) REFERENCES public.sections(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.posts
    ADD CONSTRAINT fk_posts_status_id FOREIGN KEY (status_id) REFERENCES public.statuses(id);
ALTER TABLE ONLY public.posts
    ADD CONSTRAINT fk_posts_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.product_visions
    ADD CONSTRAINT fk_product_visions_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.sections
    ADD CONSTRAINT fk_sections_parent_id FOREIGN KEY (parent_id) REFERENCES public.sections(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.sections
    ADD CONSTRAINT fk_sections_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.sections
    ADD CONSTRAINT fk_sections_tab_id FOREIGN KEY (tab_id) REFERENCES public.tabs(id);
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT fk_sessions_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT fk_sessions_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.sign_in_requests
    ADD CONSTRAINT fk_sign_in_requests_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.sign_in_requests
    ADD CONSTRAINT fk_sign_in_requests_user_id FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.status_changes
    ADD CONSTRAINT fk_status_changes_actor_id FOREIGN KEY (actor_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.status_changes
    ADD CONSTRAINT fk_status_changes_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.status_changes
    ADD CONSTRAINT fk_status_changes_post_id FOREIGN KEY (post_id) REFERENCES public.posts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.status_changes
    ADD CONSTRAINT fk_status_changes_status_id FOREIGN KEY (status_id) REFERENCES public.statuses(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.status_changes
    ADD CONSTRAINT fk_status_changes_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.statuses
    ADD CONSTRAINT fk_statuses_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.statuses
    ADD CONSTRAINT fk_statuses_tab_id FOREIGN KEY (tab_id) REFERENCES public.tabs(id);
ALTER TABLE ONLY public.tabs
    ADD CONSTRAINT fk_tabs_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.tags
    ADD CONSTRAINT fk_tags_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.tallies
    ADD CONSTRAINT fk_tallies_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.user_groups
    ADD CONSTRAINT fk_user_groups_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.users
    ADD CONSTRAINT fk_users_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.votes
    ADD CONSTRAINT fk_votes_post_id FOREIGN KEY (post_id) REFERENCES public.posts(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.votes
    ADD CONSTRAINT fk_votes_user_id FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT fk_webhooks_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.widgets
    ADD CONSTRAINT fk_widgets_portal_id FOREIGN KEY (portal_id) REFERENCES public.portals(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.widgets
    ADD CONSTRAINT fk_widgets_tab_id FOREIGN KEY (tab_id) REFERENCES public.tabs(id) ON DELETE SET NULL;
