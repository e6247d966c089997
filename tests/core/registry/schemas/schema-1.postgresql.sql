SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.artifacts (
    id integer NOT NULL,
    run_id text NOT NULL,
    kind text NOT NULL,
    path text NOT NULL,
    sha256 text NOT NULL,
    bytes bigint NOT NULL,
    step bigint NOT NULL,
    recorded timestamp without time zone NOT NULL
);
CREATE SEQUENCE public.artifacts_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.artifacts_id_seq OWNED BY public.artifacts.id;
CREATE TABLE public.episodes (
    evaluation_id integer NOT NULL,
    "position" integer NOT NULL,
    return_value double precision,
    return_special text,
    length bigint NOT NULL,
    success boolean,
    steps_to_success bigint,
    seed bigint NOT NULL,
    CONSTRAINT ck_episodes_return CHECK (((return_value IS NULL) <> (return_special IS NULL)))
);
CREATE TABLE public.evaluations (
    id integer NOT NULL,
    run_id text NOT NULL,
    stage text NOT NULL,
    step bigint NOT NULL,
    protocol text NOT NULL,
    selection text,
    environment json NOT NULL,
    seed bigint NOT NULL,
    random_return double precision,
    expert_return double precision,
    seconds double precision NOT NULL,
    recorded timestamp without time zone NOT NULL
);
CREATE SEQUENCE public.evaluations_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.evaluations_id_seq OWNED BY public.evaluations.id;
CREATE TABLE public.events (
    id integer NOT NULL,
    run_id text NOT NULL,
    kind text NOT NULL,
    message text NOT NULL,
    step bigint NOT NULL,
    recorded timestamp without time zone NOT NULL
);
CREATE SEQUENCE public.events_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.events_id_seq OWNED BY public.events.id;
CREATE TABLE public.metrics (
    run_id text NOT NULL,
    stage text NOT NULL,
    step bigint NOT NULL,
    name text NOT NULL,
    value double precision,
    special text,
    CONSTRAINT ck_metrics_value CHECK (((value IS NULL) <> (special IS NULL)))
);
CREATE TABLE public.notes (
    id integer NOT NULL,
    run_id text NOT NULL,
    note text NOT NULL,
    recorded timestamp without time zone NOT NULL
);
CREATE SEQUENCE public.notes_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.notes_id_seq OWNED BY public.notes.id;
CREATE TABLE public.parts (
    run_id text NOT NULL,
    slot text NOT NULL,
    "position" integer NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    distribution text NOT NULL,
    version text NOT NULL,
    source_hash text NOT NULL,
    options json NOT NULL
);
CREATE TABLE public.runs (
    id text NOT NULL,
    state text NOT NULL,
    message text NOT NULL,
    seed bigint NOT NULL,
    recipe json NOT NULL,
    recipe_hash text NOT NULL,
    origins json NOT NULL,
    dataset_name text NOT NULL,
    dataset_fingerprint text NOT NULL,
    dataset_transitions bigint NOT NULL,
    dataset_episodes bigint NOT NULL,
    directory text NOT NULL,
    device text NOT NULL,
    versions json NOT NULL,
    host json NOT NULL,
    git_commit text,
    git_dirty boolean,
    command text NOT NULL,
    parent text,
    resumed_from bigint,
    created timestamp without time zone NOT NULL,
    started timestamp without time zone,
    finished timestamp without time zone,
    heartbeat timestamp without time zone,
    seconds double precision NOT NULL,
    step bigint NOT NULL,
    owner text,
    owner_host text,
    owner_pid bigint
);
CREATE TABLE public.schema_version (
    program text NOT NULL,
    version integer NOT NULL,
    written_by text NOT NULL
);
CREATE TABLE public.tags (
    run_id text NOT NULL,
    tag text NOT NULL
);
CREATE VIEW public.v_metrics AS
 SELECT metrics.run_id,
    metrics.stage,
    metrics.step,
    metrics.name,
    metrics.value,
    metrics.special
   FROM public.metrics;
CREATE VIEW public.v_parts AS
 SELECT parts.run_id,
    parts.slot,
    parts.kind,
    parts.name,
    parts.distribution,
    parts.version,
    parts.source_hash,
    parts.options
   FROM public.parts;
CREATE VIEW public.v_scores AS
 SELECT evaluations.run_id,
    evaluations.id AS evaluation_id,
    runs.dataset_name AS dataset,
    evaluations.stage,
    evaluations.step,
    evaluations.protocol,
    evaluations.selection,
    evaluations.seed,
    evaluations.recorded,
    evaluations.seconds,
    totals.episodes,
    totals.return_mean,
    (((100.0)::double precision * (totals.return_mean - evaluations.random_return)) / NULLIF((evaluations.expert_return - evaluations.random_return), (0)::double precision)) AS score_mean,
    totals.success_rate,
    totals.steps_to_success_mean
   FROM ((public.evaluations
     JOIN public.runs ON ((runs.id = evaluations.run_id)))
     LEFT JOIN ( SELECT episodes.evaluation_id,
            count(*) AS episodes,
                CASE
                    WHEN (count(episodes.return_value) = count(*)) THEN avg(episodes.return_value)
                    ELSE NULL::double precision
                END AS return_mean,
            (
                CASE
                    WHEN (count(episodes.success) = count(*)) THEN avg(
                    CASE
                        WHEN episodes.success THEN 1.0
                        ELSE (0)::numeric
                    END)
                    ELSE NULL::numeric
                END)::double precision AS success_rate,
            (avg(episodes.steps_to_success))::double precision AS steps_to_success_mean
           FROM public.episodes
          GROUP BY episodes.evaluation_id) totals ON ((totals.evaluation_id = evaluations.id)));
CREATE VIEW public.v_runs AS
 SELECT runs.id,
        CASE
            WHEN ((runs.state = 'running'::text) AND (EXTRACT(epoch FROM (timezone('utc'::text, clock_timestamp()) - runs.heartbeat)) > 60.0)) THEN 'lost'::text
            ELSE runs.state
        END AS state,
    runs.created,
    runs.started,
    runs.finished,
    runs.seconds,
    runs.step,
    runs.seed,
    runs.dataset_name AS dataset,
    runs.dataset_fingerprint,
    runs.recipe_hash,
    runs.device,
    ( SELECT string_agg(ordered.name, ', '::text) AS string_agg
           FROM ( SELECT parts.name
                   FROM public.parts
                  WHERE ((parts.run_id = runs.id) AND (parts.kind = 'backbone'::text))
                  ORDER BY parts."position") ordered) AS backbone,
    ( SELECT string_agg(ordered.name, ', '::text) AS string_agg
           FROM ( SELECT parts.name
                   FROM public.parts
                  WHERE ((parts.run_id = runs.id) AND (parts.kind = 'network'::text))
                  ORDER BY parts."position") ordered) AS network,
    ( SELECT string_agg(ordered.name, ', '::text) AS string_agg
           FROM ( SELECT parts.name
                   FROM public.parts
                  WHERE ((parts.run_id = runs.id) AND (parts.kind = 'objective'::text))
                  ORDER BY parts."position") ordered) AS objective,
    ( SELECT string_agg(ordered.name, ', '::text) AS string_agg
           FROM ( SELECT parts.name
                   FROM public.parts
                  WHERE ((parts.run_id = runs.id) AND (parts.kind = 'critic'::text))
                  ORDER BY parts."position") ordered) AS critic,
    ( SELECT string_agg(ordered.name, ', '::text) AS string_agg
           FROM ( SELECT parts.name
                   FROM public.parts
                  WHERE ((parts.run_id = runs.id) AND (parts.kind = 'solver'::text))
                  ORDER BY parts."position") ordered) AS solver,
    ( SELECT string_agg(ordered.name, ', '::text) AS string_agg
           FROM ( SELECT parts.name
                   FROM public.parts
                  WHERE ((parts.run_id = runs.id) AND (parts.kind = 'inference'::text))
                  ORDER BY parts."position") ordered) AS inference,
    (runs.recipe ->> 'reference'::text) AS reference,
    final.protocol,
    final.selection,
    final.episodes,
    final.return_mean,
    final.score_mean,
    final.success_rate,
    runs.message,
    runs.directory,
    runs.command,
    runs.git_commit,
    runs.git_dirty,
    runs.parent,
    runs.resumed_from
   FROM (public.runs
     LEFT JOIN public.v_scores final ON ((final.evaluation_id = ( SELECT evaluations.id
           FROM public.evaluations
          WHERE ((evaluations.run_id = runs.id) AND (evaluations.selection IS NOT NULL))
          ORDER BY
                CASE
                    WHEN (evaluations.selection = 'last'::text) THEN 0
                    ELSE 1
                END, evaluations.step DESC, evaluations.id DESC
         LIMIT 1))));
ALTER TABLE ONLY public.artifacts ALTER COLUMN id SET DEFAULT nextval('public.artifacts_id_seq'::regclass);
ALTER TABLE ONLY public.evaluations ALTER COLUMN id SET DEFAULT nextval('public.evaluations_id_seq'::regclass);
ALTER TABLE ONLY public.events ALTER COLUMN id SET DEFAULT nextval('public.events_id_seq'::regclass);
ALTER TABLE ONLY public.notes ALTER COLUMN id SET DEFAULT nextval('public.notes_id_seq'::regclass);
INSERT INTO public.artifacts VALUES (1, 'finished1', 'agent', '/data/runs/finished1/agent', '9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f', 1099511627776, 100, '2026-11-21 17:53:35.614655');
INSERT INTO public.artifacts VALUES (2, 'finished1', 'agent', '/data/elsewhere/agent', '9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f', 1099511627776, 100, '2026-11-21 17:53:35.616047');
INSERT INTO public.artifacts VALUES (3, 'stopped1', 'checkpoint', '/data/elsewhere/c', '7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e', 1, 10, '2026-11-21 17:53:35.64398');
INSERT INTO public.episodes VALUES (1, 0, 0, NULL, 300, false, NULL, 0);
INSERT INTO public.episodes VALUES (1, 1, 50.5, NULL, 300, true, 21, 1);
INSERT INTO public.episodes VALUES (1, 2, 7.25, NULL, 300, true, 22, 2);
INSERT INTO public.episodes VALUES (2, 0, 90, NULL, 300, true, 20, 0);
INSERT INTO public.episodes VALUES (2, 1, 0, NULL, 300, false, NULL, 1);
INSERT INTO public.episodes VALUES (2, 2, 110.1, NULL, 300, true, 22, 2);
INSERT INTO public.episodes VALUES (2, 3, 33.3, NULL, 300, true, 23, 3);
INSERT INTO public.episodes VALUES (2, 4, 0.001, NULL, 300, true, 24, 4);
INSERT INTO public.episodes VALUES (3, 0, 120, NULL, 300, true, 20, 0);
INSERT INTO public.episodes VALUES (3, 1, 130, NULL, 300, true, 21, 1);
INSERT INTO public.episodes VALUES (4, 0, 1, NULL, 300, true, 20, 0);
INSERT INTO public.episodes VALUES (4, 1, 2, NULL, 300, true, 21, 1);
INSERT INTO public.episodes VALUES (5, 0, NULL, 'nan', 300, false, NULL, 0);
INSERT INTO public.episodes VALUES (5, 1, 4, NULL, 300, true, 21, 1);
INSERT INTO public.episodes VALUES (6, 0, NULL, 'inf', 300, NULL, NULL, 0);
INSERT INTO public.episodes VALUES (6, 1, NULL, '-inf', 300, NULL, NULL, 1);
INSERT INTO public.episodes VALUES (7, 0, 5, NULL, 300, true, 20, 0);
INSERT INTO public.episodes VALUES (7, 1, 6, NULL, 300, NULL, NULL, 1);
INSERT INTO public.episodes VALUES (8, 0, 8, NULL, 300, true, 20, 0);
INSERT INTO public.episodes VALUES (10, 0, 77, NULL, 300, true, 20, 0);
INSERT INTO public.episodes VALUES (10, 1, 78, NULL, 300, true, 21, 1);
INSERT INTO public.episodes VALUES (11, 0, 201, NULL, 300, true, 20, 0);
INSERT INTO public.episodes VALUES (11, 1, 199.5, NULL, 300, true, 21, 1);
INSERT INTO public.episodes VALUES (11, 2, 202.5, NULL, 300, true, 22, 2);
INSERT INTO public.evaluations VALUES (1, 'finished1', 'critic', 50, 'horizon-300', NULL, '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, 1, 201, 1.5, '2026-11-21 17:53:35.603565');
INSERT INTO public.evaluations VALUES (2, 'finished1', 'policy', 100, 'horizon-300', 'last', '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, 1, 201, 1.5, '2026-11-21 17:53:35.607654');
INSERT INTO public.evaluations VALUES (3, 'finished1', 'policy', 50, 'horizon-300', 'best', '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, 1, 201, 1.5, '2026-11-21 17:53:35.609972');
INSERT INTO public.evaluations VALUES (4, 'finished1', 'policy', 100, 'horizon-10', 'last', '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, 1, 201, 1.5, '2026-11-21 17:53:35.611641');
INSERT INTO public.evaluations VALUES (5, 'diverged1', 'policy', 1, 'horizon-300', 'last', '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, 1, 201, 1.5, '2026-11-21 17:53:35.625989');
INSERT INTO public.evaluations VALUES (6, 'diverged1', 'policy', 2, 'horizon-300', NULL, '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, 1, 201, 1.5, '2026-11-21 17:53:35.628604');
INSERT INTO public.evaluations VALUES (7, 'diverged1', 'policy', 3, 'horizon-300', NULL, '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, 1, 201, 1.5, '2026-11-21 17:53:35.63096');
INSERT INTO public.evaluations VALUES (8, 'diverged1', 'policy', 4, 'horizon-300', NULL, '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, NULL, NULL, 1.5, '2026-11-21 17:53:35.632744');
INSERT INTO public.evaluations VALUES (9, 'diverged1', 'policy', 5, 'horizon-300', NULL, '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, 1, 201, 1.5, '2026-11-21 17:53:35.634766');
INSERT INTO public.evaluations VALUES (10, 'stopped1', 'policy', 100, 'horizon-300', 'best', '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, 1, 201, 1.5, '2026-11-21 17:53:35.645162');
INSERT INTO public.evaluations VALUES (11, 'expert1', 'policy', 0, 'horizon-300', 'last', '{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}', 5, 1, 201, 1.5, '2026-11-21 17:53:35.65734');
INSERT INTO public.events VALUES (1, 'finished1', 'stage', 'critic: steps 0 to 50', 0, '2026-11-21 17:53:35.587935');
INSERT INTO public.events VALUES (2, 'diverged1', 'warning', 'the loss is
odd', 3, '2026-11-21 17:53:35.635428');
INSERT INTO public.metrics VALUES ('finished1', 'critic', 10, 'loss', 0.1, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 10, 'q/max', 10, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 10, 'ratio', 0.30000000000000004, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 20, 'loss', 0.05, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 20, 'q/max', 20, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 20, 'ratio', 0.30000000000000004, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 30, 'loss', 0.03333333333333333, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 30, 'q/max', 30, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 30, 'ratio', 0.30000000000000004, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 40, 'loss', 0.025, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 40, 'q/max', 40, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 40, 'ratio', 0.30000000000000004, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 50, 'loss', 0.02, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 50, 'q/max', 50, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'critic', 50, 'ratio', 0.30000000000000004, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 60, 'loss', 0.016666666666666666, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 60, 'q/max', 60, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 60, 'ratio', 0.30000000000000004, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 70, 'loss', 0.014285714285714285, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 70, 'q/max', 70, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 70, 'ratio', 0.30000000000000004, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 80, 'loss', 0.0125, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 80, 'q/max', 80, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 80, 'ratio', 0.30000000000000004, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 90, 'loss', 0.011111111111111112, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 90, 'q/max', 90, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 90, 'ratio', 0.30000000000000004, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 100, 'loss', 0.01, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 100, 'q/max', 100, NULL);
INSERT INTO public.metrics VALUES ('finished1', 'policy', 100, 'ratio', 0.30000000000000004, NULL);
INSERT INTO public.metrics VALUES ('diverged1', 'policy', 3, 'loss', NULL, 'nan');
INSERT INTO public.metrics VALUES ('diverged1', 'policy', 3, 'q', NULL, 'inf');
INSERT INTO public.metrics VALUES ('diverged1', 'policy', 3, 'v', NULL, '-inf');
INSERT INTO public.metrics VALUES ('diverged1', 'policy', 3, 'kl', -0.5, NULL);
INSERT INTO public.metrics VALUES ('stopped1', 'policy', 10, 'loss', 2, NULL);
INSERT INTO public.metrics VALUES ('running1', 'policy', 10, 'loss', 2, NULL);
INSERT INTO public.notes VALUES (1, 'finished1', 'odd curve', '2026-01-02 03:04:05');
INSERT INTO public.notes VALUES (2, 'finished1', 'it''s fine', '2026-01-02 03:04:05');
INSERT INTO public.notes VALUES (3, 'running1', '', '2026-01-02 03:04:05');
INSERT INTO public.parts VALUES ('finished1', 'backbone', 0, 'backbone', 'genpolicy/flow', 'genpolicy', '0.1.0', 'abababababababababababababababababababababababababababababababab', '{"sigma": 0.1, "clip": {"$float": "-inf"}}');
INSERT INTO public.parts VALUES ('finished1', 'solver', 1, 'solver', 'genpolicy-extra/euler', 'genpolicy-extra', '2.0', '', '{}');
INSERT INTO public.parts VALUES ('diverged1', 'backbone', 0, 'backbone', 'genpolicy/flow', 'genpolicy', '0.1.0', 'abababababababababababababababababababababababababababababababab', '{"sigma": 0.1, "clip": {"$float": "-inf"}}');
INSERT INTO public.parts VALUES ('diverged1', 'solver', 1, 'solver', 'genpolicy-extra/euler', 'genpolicy-extra', '2.0', '', '{}');
INSERT INTO public.parts VALUES ('stopped1', 'backbone', 0, 'backbone', 'genpolicy/flow', 'genpolicy', '0.1.0', 'abababababababababababababababababababababababababababababababab', '{"sigma": 0.1, "clip": {"$float": "-inf"}}');
INSERT INTO public.parts VALUES ('stopped1', 'solver', 1, 'solver', 'genpolicy-extra/euler', 'genpolicy-extra', '2.0', '', '{}');
INSERT INTO public.parts VALUES ('running1', 'backbone', 0, 'backbone', 'genpolicy/flow', 'genpolicy', '0.1.0', 'abababababababababababababababababababababababababababababababab', '{"sigma": 0.1, "clip": {"$float": "-inf"}}');
INSERT INTO public.parts VALUES ('running1', 'solver', 1, 'solver', 'genpolicy-extra/euler', 'genpolicy-extra', '2.0', '', '{}');
INSERT INTO public.runs VALUES ('finished1', 'finished', 'all done', 4611686018427387904, '{"objective": {"name": "gmpg", "eta": 2.0}, "none": null}', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', '{"objective.eta": "command line"}', 'pointmaze/umaze', 'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef', 1000, 10, '/data/runs/finished1', 'cpu', '{"python": "3.11.9", "genpolicy": "0.1.0"}', '{"name": "here", "processors": 2}', '1212121212121212121212121212121212121212', false, 'agent run --backbone flow', NULL, NULL, '2026-11-21 17:53:35.579829', '2026-11-21 17:53:35.579833', '2026-11-21 17:53:35.618679', '2026-11-21 17:53:35.61868', 0.038849, 100, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('expert1', 'finished', '', 4611686018427387904, '{"reference": "expert"}', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', '{"objective.eta": "command line"}', 'pointmaze/umaze', 'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef', 1000, 10, '/data/runs/expert1', 'cpu', '{"python": "3.11.9", "genpolicy": "0.1.0"}', '{"name": "here", "processors": 2}', '1212121212121212121212121212121212121212', false, 'agent run --backbone flow', NULL, NULL, '2026-11-21 17:53:35.654826', '2026-11-21 17:53:35.654827', '2026-11-21 17:53:35.659248', '2026-11-21 17:53:35.659248', 0.004422, 0, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('diverged1', 'failed', 'the loss stopped being finite', 4611686018427387904, '{"clip": {"$float": "inf"}, "list": [1]}', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', '{"objective.eta": "command line"}', 'pointmaze/umaze', 'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef', 1000, 10, '/data/runs/diverged1', 'cpu', '{"python": "3.11.9", "genpolicy": "0.1.0"}', '{"name": "here", "processors": 2}', '1212121212121212121212121212121212121212', false, 'agent run --backbone flow', NULL, NULL, '2026-11-21 17:53:35.620433', '2026-11-21 17:53:35.620434', '2026-11-21 17:53:35.63736', '2026-11-21 17:53:35.637361', 0.016928, 5, NULL, NULL, NULL);
INSERT INTO public.runs VALUES ('running1', 'running', '', 4611686018427387904, '{"objective": {"name": "gmpg", "eta": 2.0}, "none": null}', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', '{"objective.eta": "command line"}', 'pointmaze/umaze', 'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef', 1000, 10, '/data/runs/running1', 'cpu', '{"python": "3.11.9", "genpolicy": "0.1.0"}', '{"name": "here", "processors": 2}', '1212121212121212121212121212121212121212', false, 'agent run --backbone flow', NULL, NULL, '2026-11-21 17:53:35.648712', '2026-11-21 17:53:35.648713', NULL, '2026-01-02 03:04:05', 0.002046, 10, 'token', 'elsewhere', 12);
INSERT INTO public.runs VALUES ('stopped1', 'interrupted', 'stopped by the user', 4611686018427387904, '{"objective": {"name": "gmpg", "eta": 2.0}, "none": null}', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd', '{"objective.eta": "command line"}', 'pointmaze/umaze', 'efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef', 1000, 10, '/data/elsewhere/runs/stopped1', 'cpu', '{"python": "3.11.9", "genpolicy": "0.1.0"}', '{"name": "here", "processors": 2}', '1212121212121212121212121212121212121212', false, 'agent run --backbone flow', 'finished1', NULL, '2026-11-21 17:53:35.639091', '2026-11-21 17:53:35.639092', '2026-11-21 17:53:35.647124', '2026-11-21 17:53:35.647124', 0.008034, 100, NULL, NULL, NULL);
INSERT INTO public.schema_version VALUES ('genpolicy', 1, '0.1.0');
INSERT INTO public.tags VALUES ('finished1', 'paper');
INSERT INTO public.tags VALUES ('finished1', 'Größe');
SELECT pg_catalog.setval('public.artifacts_id_seq', 3, true);
SELECT pg_catalog.setval('public.evaluations_id_seq', 11, true);
SELECT pg_catalog.setval('public.events_id_seq', 2, true);
SELECT pg_catalog.setval('public.notes_id_seq', 3, true);
ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT pk_artifacts PRIMARY KEY (id);
ALTER TABLE ONLY public.episodes
    ADD CONSTRAINT pk_episodes PRIMARY KEY (evaluation_id, "position");
ALTER TABLE ONLY public.evaluations
    ADD CONSTRAINT pk_evaluations PRIMARY KEY (id);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT pk_events PRIMARY KEY (id);
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT pk_metrics PRIMARY KEY (run_id, stage, step, name);
ALTER TABLE ONLY public.notes
    ADD CONSTRAINT pk_notes PRIMARY KEY (id);
ALTER TABLE ONLY public.parts
    ADD CONSTRAINT pk_parts PRIMARY KEY (run_id, slot);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT pk_runs PRIMARY KEY (id);
ALTER TABLE ONLY public.schema_version
    ADD CONSTRAINT pk_schema_version PRIMARY KEY (program);
ALTER TABLE ONLY public.tags
    ADD CONSTRAINT pk_tags PRIMARY KEY (run_id, tag);
CREATE INDEX ix_artifacts_run_id ON public.artifacts USING btree (run_id, step);
CREATE INDEX ix_evaluations_run_id ON public.evaluations USING btree (run_id, step);
CREATE INDEX ix_events_run_id ON public.events USING btree (run_id);
CREATE INDEX ix_notes_run_id ON public.notes USING btree (run_id);
CREATE INDEX ix_parts_name ON public.parts USING btree (name);
CREATE INDEX ix_runs_created ON public.runs USING btree (created);
CREATE INDEX ix_runs_dataset_name ON public.runs USING btree (dataset_name);
CREATE INDEX ix_tags_tag ON public.tags USING btree (tag);
ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT fk_artifacts_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.episodes
    ADD CONSTRAINT fk_episodes_evaluation_id FOREIGN KEY (evaluation_id) REFERENCES public.evaluations(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.evaluations
    ADD CONSTRAINT fk_evaluations_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.events
    ADD CONSTRAINT fk_events_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.metrics
    ADD CONSTRAINT fk_metrics_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.notes
    ADD CONSTRAINT fk_notes_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.parts
    ADD CONSTRAINT fk_parts_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.tags
    ADD CONSTRAINT fk_tags_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;
