BEGIN TRANSACTION;
CREATE TABLE artifacts (
	id INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	bytes BIGINT NOT NULL, 
	step BIGINT NOT NULL, 
	recorded DATETIME NOT NULL, 
	CONSTRAINT pk_artifacts PRIMARY KEY (id), 
	CONSTRAINT fk_artifacts_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "artifacts" VALUES(1,'finished1','agent','runs/finished1/agent','9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f',1099511627776,100,'2026-11-21 17:53:34.530000');
INSERT INTO "artifacts" VALUES(2,'finished1','agent','/data/elsewhere/agent','9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f9f',1099511627776,100,'2026-11-21 17:53:34.534000');
INSERT INTO "artifacts" VALUES(3,'stopped1','checkpoint','/data/elsewhere/c','7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e7e',1,10,'2026-11-21 17:53:34.552000');
CREATE TABLE episodes (
	evaluation_id INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	return_value DOUBLE, 
	return_special TEXT, 
	length BIGINT NOT NULL, 
	success BOOLEAN, 
	steps_to_success BIGINT, 
	seed BIGINT NOT NULL, 
	CONSTRAINT pk_episodes PRIMARY KEY (evaluation_id, position), 
	CONSTRAINT ck_episodes_return CHECK ((return_value IS NULL) <> (return_special IS NULL)), 
	CONSTRAINT fk_episodes_evaluation_id FOREIGN KEY(evaluation_id) REFERENCES evaluations (id) ON DELETE CASCADE
);
INSERT INTO "episodes" VALUES(1,0,0.0,NULL,300,0,NULL,0);
INSERT INTO "episodes" VALUES(1,1,50.5,NULL,300,1,21,1);
INSERT INTO "episodes" VALUES(1,2,7.25,NULL,300,1,22,2);
INSERT INTO "episodes" VALUES(2,0,90.0,NULL,300,1,20,0);
INSERT INTO "episodes" VALUES(2,1,0.0,NULL,300,0,NULL,1);
INSERT INTO "episodes" VALUES(2,2,110.1,NULL,300,1,22,2);
INSERT INTO "episodes" VALUES(2,3,33.3,NULL,300,1,23,3);
INSERT INTO "episodes" VALUES(2,4,0.001,NULL,300,1,24,4);
INSERT INTO "episodes" VALUES(3,0,120.0,NULL,300,1,20,0);
INSERT INTO "episodes" VALUES(3,1,130.0,NULL,300,1,21,1);
INSERT INTO "episodes" VALUES(4,0,1.0,NULL,300,1,20,0);
INSERT INTO "episodes" VALUES(4,1,2.0,NULL,300,1,21,1);
INSERT INTO "episodes" VALUES(5,0,NULL,'nan',300,0,NULL,0);
INSERT INTO "episodes" VALUES(5,1,4.0,NULL,300,1,21,1);
INSERT INTO "episodes" VALUES(6,0,NULL,'inf',300,NULL,NULL,0);
INSERT INTO "episodes" VALUES(6,1,NULL,'-inf',300,NULL,NULL,1);
INSERT INTO "episodes" VALUES(7,0,5.0,NULL,300,1,20,0);
INSERT INTO "episodes" VALUES(7,1,6.0,NULL,300,NULL,NULL,1);
INSERT INTO "episodes" VALUES(8,0,8.0,NULL,300,1,20,0);
INSERT INTO "episodes" VALUES(10,0,77.0,NULL,300,1,20,0);
INSERT INTO "episodes" VALUES(10,1,78.0,NULL,300,1,21,1);
INSERT INTO "episodes" VALUES(11,0,201.0,NULL,300,1,20,0);
INSERT INTO "episodes" VALUES(11,1,199.5,NULL,300,1,21,1);
INSERT INTO "episodes" VALUES(11,2,202.5,NULL,300,1,22,2);
CREATE TABLE evaluations (
	id INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	stage TEXT NOT NULL, 
	step BIGINT NOT NULL, 
	protocol TEXT NOT NULL, 
	selection TEXT, 
	environment JSON NOT NULL, 
	seed BIGINT NOT NULL, 
	random_return DOUBLE, 
	expert_return DOUBLE, 
	seconds DOUBLE NOT NULL, 
	recorded DATETIME NOT NULL, 
	CONSTRAINT pk_evaluations PRIMARY KEY (id), 
	CONSTRAINT fk_evaluations_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "evaluations" VALUES(1,'finished1','critic',50,'horizon-300',NULL,'{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,1.0,201.0,1.5,'2026-11-21 17:53:34.526000');
INSERT INTO "evaluations" VALUES(2,'finished1','policy',100,'horizon-300','last','{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,1.0,201.0,1.5,'2026-11-21 17:53:34.527000');
INSERT INTO "evaluations" VALUES(3,'finished1','policy',50,'horizon-300','best','{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,1.0,201.0,1.5,'2026-11-21 17:53:34.528000');
INSERT INTO "evaluations" VALUES(4,'finished1','policy',100,'horizon-10','last','{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,1.0,201.0,1.5,'2026-11-21 17:53:34.528000');
INSERT INTO "evaluations" VALUES(5,'diverged1','policy',1,'horizon-300','last','{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,1.0,201.0,1.5,'2026-11-21 17:53:34.544000');
INSERT INTO "evaluations" VALUES(6,'diverged1','policy',2,'horizon-300',NULL,'{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,1.0,201.0,1.5,'2026-11-21 17:53:34.545000');
INSERT INTO "evaluations" VALUES(7,'diverged1','policy',3,'horizon-300',NULL,'{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,1.0,201.0,1.5,'2026-11-21 17:53:34.545000');
INSERT INTO "evaluations" VALUES(8,'diverged1','policy',4,'horizon-300',NULL,'{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,NULL,NULL,1.5,'2026-11-21 17:53:34.546000');
INSERT INTO "evaluations" VALUES(9,'diverged1','policy',5,'horizon-300',NULL,'{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,1.0,201.0,1.5,'2026-11-21 17:53:34.547000');
INSERT INTO "evaluations" VALUES(10,'stopped1','policy',100,'horizon-300','best','{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,1.0,201.0,1.5,'2026-11-21 17:53:34.552000');
INSERT INTO "evaluations" VALUES(11,'expert1','policy',0,'horizon-300','last','{"id": "PointMaze_UMaze-v3", "scale": {"$float": "nan"}}',5,1.0,201.0,1.5,'2026-11-21 17:53:34.567000');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	message TEXT NOT NULL, 
	step BIGINT NOT NULL, 
	recorded DATETIME NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "events" VALUES(1,'finished1','stage','critic: steps 0 to 50',0,'2026-11-21 17:53:34.521000');
INSERT INTO "events" VALUES(2,'diverged1','warning','the loss is
odd',3,'2026-11-21 17:53:34.547000');
CREATE TABLE metrics (
	run_id TEXT NOT NULL, 
	stage TEXT NOT NULL, 
	step BIGINT NOT NULL, 
	name TEXT NOT NULL, 
	value DOUBLE, 
	special TEXT, 
	CONSTRAINT pk_metrics PRIMARY KEY (run_id, stage, step, name), 
	CONSTRAINT ck_metrics_value CHECK ((value IS NULL) <> (special IS NULL)), 
	CONSTRAINT fk_metrics_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
)
 WITHOUT ROWID

;
INSERT INTO "metrics" VALUES('diverged1','policy',3,'kl',-0.5,NULL);
INSERT INTO "metrics" VALUES('diverged1','policy',3,'loss',NULL,'nan');
INSERT INTO "metrics" VALUES('diverged1','policy',3,'q',NULL,'inf');
INSERT INTO "metrics" VALUES('diverged1','policy',3,'v',NULL,'-inf');
INSERT INTO "metrics" VALUES('finished1','critic',10,'loss',0.1,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',10,'q/max',10.0,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',10,'ratio',3.00000000000000044408e-01,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',20,'loss',0.05,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',20,'q/max',20.0,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',20,'ratio',3.00000000000000044408e-01,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',30,'loss',3.33333333333333328707e-02,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',30,'q/max',30.0,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',30,'ratio',3.00000000000000044408e-01,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',40,'loss',0.025,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',40,'q/max',40.0,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',40,'ratio',3.00000000000000044408e-01,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',50,'loss',0.02,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',50,'q/max',50.0,NULL);
INSERT INTO "metrics" VALUES('finished1','critic',50,'ratio',3.00000000000000044408e-01,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',60,'loss',1.66666666666666664353e-02,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',60,'q/max',60.0,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',60,'ratio',3.00000000000000044408e-01,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',70,'loss',1.42857142857142852682e-02,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',70,'q/max',70.0,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',70,'ratio',3.00000000000000044408e-01,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',80,'loss',0.0125,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',80,'q/max',80.0,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',80,'ratio',3.00000000000000044408e-01,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',90,'loss',1.11111111111111115351e-02,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',90,'q/max',90.0,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',90,'ratio',3.00000000000000044408e-01,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',100,'loss',0.01,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',100,'q/max',100.0,NULL);
INSERT INTO "metrics" VALUES('finished1','policy',100,'ratio',3.00000000000000044408e-01,NULL);
INSERT INTO "metrics" VALUES('running1','policy',10,'loss',2.0,NULL);
INSERT INTO "metrics" VALUES('stopped1','policy',10,'loss',2.0,NULL);
CREATE TABLE notes (
	id INTEGER NOT NULL, 
	run_id TEXT NOT NULL, 
	note TEXT NOT NULL, 
	recorded DATETIME NOT NULL, 
	CONSTRAINT pk_notes PRIMARY KEY (id), 
	CONSTRAINT fk_notes_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "notes" VALUES(1,'finished1','odd curve','2026-01-02 03:04:05.0');
INSERT INTO "notes" VALUES(2,'finished1','it''s fine','2026-01-02 03:04:05.0');
INSERT INTO "notes" VALUES(3,'running1','','2026-01-02 03:04:05.0');
CREATE TABLE parts (
	run_id TEXT NOT NULL, 
	slot TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	distribution TEXT NOT NULL, 
	version TEXT NOT NULL, 
	source_hash TEXT NOT NULL, 
	options JSON NOT NULL, 
	CONSTRAINT pk_parts PRIMARY KEY (run_id, slot), 
	CONSTRAINT fk_parts_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "parts" VALUES('finished1','backbone',0,'backbone','genpolicy/flow','genpolicy','0.1.0','abababababababababababababababababababababababababababababababab','{"sigma": 0.1, "clip": {"$float": "-inf"}}');
INSERT INTO "parts" VALUES('finished1','solver',1,'solver','genpolicy-extra/euler','genpolicy-extra','2.0','','{}');
INSERT INTO "parts" VALUES('diverged1','backbone',0,'backbone','genpolicy/flow','genpolicy','0.1.0','abababababababababababababababababababababababababababababababab','{"sigma": 0.1, "clip": {"$float": "-inf"}}');
INSERT INTO "parts" VALUES('diverged1','solver',1,'solver','genpolicy-extra/euler','genpolicy-extra','2.0','','{}');
INSERT INTO "parts" VALUES('stopped1','backbone',0,'backbone','genpolicy/flow','genpolicy','0.1.0','abababababababababababababababababababababababababababababababab','{"sigma": 0.1, "clip": {"$float": "-inf"}}');
INSERT INTO "parts" VALUES('stopped1','solver',1,'solver','genpolicy-extra/euler','genpolicy-extra','2.0','','{}');
INSERT INTO "parts" VALUES('running1','backbone',0,'backbone','genpolicy/flow','genpolicy','0.1.0','abababababababababababababababababababababababababababababababab','{"sigma": 0.1, "clip": {"$float": "-inf"}}');
INSERT INTO "parts" VALUES('running1','solver',1,'solver','genpolicy-extra/euler','genpolicy-extra','2.0','','{}');
CREATE TABLE runs (
	id TEXT NOT NULL, 
	state TEXT NOT NULL, 
	message TEXT NOT NULL, 
	seed BIGINT NOT NULL, 
	recipe JSON NOT NULL, 
	recipe_hash TEXT NOT NULL, 
	origins JSON NOT NULL, 
	dataset_name TEXT NOT NULL, 
	dataset_fingerprint TEXT NOT NULL, 
	dataset_transitions BIGINT NOT NULL, 
	dataset_episodes BIGINT NOT NULL, 
	directory TEXT NOT NULL, 
	device TEXT NOT NULL, 
	versions JSON NOT NULL, 
	host JSON NOT NULL, 
	git_commit TEXT, 
	git_dirty BOOLEAN, 
	command TEXT NOT NULL, 
	parent TEXT, 
	resumed_from BIGINT, 
	created DATETIME NOT NULL, 
	started DATETIME, 
	finished DATETIME, 
	heartbeat DATETIME, 
	seconds DOUBLE NOT NULL, 
	step BIGINT NOT NULL, 
	owner TEXT, 
	owner_host TEXT, 
	owner_pid BIGINT, 
	CONSTRAINT pk_runs PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('finished1','finished','all done',4611686018427387904,'{"objective": {"name": "gmpg", "eta": 2.0}, "none": null}','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','{"objective.eta": "command line"}','pointmaze/umaze','efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef',1000,10,'runs/finished1','cpu','{"python": "3.11.9", "genpolicy": "0.1.0"}','{"name": "here", "processors": 2}','1212121212121212121212121212121212121212',0,'agent run --backbone flow',NULL,NULL,'2026-11-21 17:53:34.514000','2026-11-21 17:53:34.514000','2026-11-21 17:53:34.536000','2026-11-21 17:53:34.536000',2.19672918319702148437e-02,100,NULL,NULL,NULL);
INSERT INTO "runs" VALUES('diverged1','failed','the loss stopped being finite',4611686018427387904,'{"clip": {"$float": "inf"}, "list": [1]}','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','{"objective.eta": "command line"}','pointmaze/umaze','efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef',1000,10,'runs/diverged1','cpu','{"python": "3.11.9", "genpolicy": "0.1.0"}','{"name": "here", "processors": 2}','1212121212121212121212121212121212121212',0,'agent run --backbone flow',NULL,NULL,'2026-11-21 17:53:34.537000','2026-11-21 17:53:34.537000','2026-11-21 17:53:34.548000','2026-11-21 17:53:34.548000',1.10238790512084960937e-02,5,NULL,NULL,NULL);
INSERT INTO "runs" VALUES('stopped1','interrupted','stopped by the user',4611686018427387904,'{"objective": {"name": "gmpg", "eta": 2.0}, "none": null}','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','{"objective.eta": "command line"}','pointmaze/umaze','efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef',1000,10,'/data/elsewhere/runs/stopped1','cpu','{"python": "3.11.9", "genpolicy": "0.1.0"}','{"name": "here", "processors": 2}','1212121212121212121212121212121212121212',0,'agent run --backbone flow','finished1',NULL,'2026-11-21 17:53:34.549000','2026-11-21 17:53:34.549000','2026-11-21 17:53:34.553000','2026-11-21 17:53:34.553000',4.0233135223388671875e-03,100,NULL,NULL,NULL);
INSERT INTO "runs" VALUES('running1','running','',4611686018427387904,'{"objective": {"name": "gmpg", "eta": 2.0}, "none": null}','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','{"objective.eta": "command line"}','pointmaze/umaze','efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef',1000,10,'runs/running1','cpu','{"python": "3.11.9", "genpolicy": "0.1.0"}','{"name": "here", "processors": 2}','1212121212121212121212121212121212121212',0,'agent run --backbone flow',NULL,NULL,'2026-11-21 17:53:34.554000','2026-11-21 17:53:34.554000',NULL,'2026-01-02 03:04:05.000000',1.97142362594604492187e-03,10,'token','elsewhere',12);
INSERT INTO "runs" VALUES('expert1','finished','',4611686018427387904,'{"reference": "expert"}','cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd','{"objective.eta": "command line"}','pointmaze/umaze','efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef',1000,10,'runs/expert1','cpu','{"python": "3.11.9", "genpolicy": "0.1.0"}','{"name": "here", "processors": 2}','1212121212121212121212121212121212121212',0,'agent run --backbone flow',NULL,NULL,'2026-11-21 17:53:34.563000','2026-11-21 17:53:34.563000','2026-11-21 17:53:34.568000','2026-11-21 17:53:34.568000',5.02914190292358398437e-03,0,NULL,NULL,NULL);
CREATE TABLE schema_version (
	program TEXT NOT NULL, 
	version INTEGER NOT NULL, 
	written_by TEXT NOT NULL, 
	CONSTRAINT pk_schema_version PRIMARY KEY (program)
);
INSERT INTO "schema_version" VALUES('genpolicy',1,'0.1.0');
CREATE TABLE tags (
	run_id TEXT NOT NULL, 
	tag TEXT NOT NULL, 
	CONSTRAINT pk_tags PRIMARY KEY (run_id, tag), 
	CONSTRAINT fk_tags_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "tags" VALUES('finished1','paper');
INSERT INTO "tags" VALUES('finished1','Größe');
CREATE INDEX ix_runs_created ON runs (created);
CREATE INDEX ix_runs_dataset_name ON runs (dataset_name);
CREATE INDEX ix_parts_name ON parts (name);
CREATE INDEX ix_evaluations_run_id ON evaluations (run_id, step);
CREATE INDEX ix_artifacts_run_id ON artifacts (run_id, step);
CREATE INDEX ix_events_run_id ON events (run_id);
CREATE INDEX ix_tags_tag ON tags (tag);
CREATE INDEX ix_notes_run_id ON notes (run_id);
CREATE VIEW v_parts AS 
SELECT run_id, slot, kind, name, distribution, version, source_hash, options FROM parts;
CREATE VIEW v_metrics AS SELECT run_id, stage, step, name, value, special FROM metrics;
CREATE VIEW v_scores AS 
SELECT
    evaluations.run_id, evaluations.id AS evaluation_id, runs.dataset_name AS dataset,
    evaluations.stage, evaluations.step, evaluations.protocol, evaluations.selection,
    evaluations.seed, evaluations.recorded, evaluations.seconds,
    totals.episodes, totals.return_mean,
    100.0 * (totals.return_mean - evaluations.random_return)
        / NULLIF(evaluations.expert_return - evaluations.random_return, 0) AS score_mean,
    totals.success_rate, totals.steps_to_success_mean
FROM evaluations
JOIN runs ON runs.id = evaluations.run_id
LEFT JOIN (
    SELECT
        evaluation_id, COUNT(*) AS episodes,
        CASE WHEN COUNT(return_value) = COUNT(*) THEN AVG(return_value) END AS return_mean,
        CAST(
            CASE WHEN COUNT(success) = COUNT(*) THEN AVG(CASE WHEN success THEN 1.0 ELSE 0 END) END
            AS DOUBLE PRECISION
        ) AS success_rate,
        CAST(AVG(steps_to_success) AS DOUBLE PRECISION) AS steps_to_success_mean
    FROM episodes GROUP BY evaluation_id
) AS totals ON totals.evaluation_id = evaluations.id;
CREATE VIEW v_runs AS 
SELECT
    runs.id,
    CASE WHEN runs.state = 'running' AND ((julianday('now') - julianday(runs.heartbeat)) * 86400.0) > 60.0 THEN 'lost' ELSE runs.state END
        AS state,
    runs.created, runs.started, runs.finished, runs.seconds, runs.step, runs.seed,
    runs.dataset_name AS dataset, runs.dataset_fingerprint, runs.recipe_hash, runs.device,
    (
        SELECT group_concat(name, ', ') FROM (
            SELECT name FROM parts
            WHERE parts.run_id = runs.id AND parts.kind = 'backbone' ORDER BY parts.position
        ) AS ordered
    ) AS backbone,
    (
        SELECT group_concat(name, ', ') FROM (
            SELECT name FROM parts
            WHERE parts.run_id = runs.id AND parts.kind = 'network' ORDER BY parts.position
        ) AS ordered
    ) AS network,
    (
        SELECT group_concat(name, ', ') FROM (
            SELECT name FROM parts
            WHERE parts.run_id = runs.id AND parts.kind = 'objective' ORDER BY parts.position
        ) AS ordered
    ) AS objective,
    (
        SELECT group_concat(name, ', ') FROM (
            SELECT name FROM parts
            WHERE parts.run_id = runs.id AND parts.kind = 'critic' ORDER BY parts.position
        ) AS ordered
    ) AS critic,
    (
        SELECT group_concat(name, ', ') FROM (
            SELECT name FROM parts
            WHERE parts.run_id = runs.id AND parts.kind = 'solver' ORDER BY parts.position
        ) AS ordered
    ) AS solver,
    (
        SELECT group_concat(name, ', ') FROM (
            SELECT name FROM parts
            WHERE parts.run_id = runs.id AND parts.kind = 'inference' ORDER BY parts.position
        ) AS ordered
    ) AS inference,
    json_extract(runs.recipe, '$.reference') AS reference,
    final.protocol, final.selection, final.episodes, final.return_mean, final.score_mean,
    final.success_rate,
    runs.message, runs.directory, runs.command, runs.git_commit, runs.git_dirty, runs.parent,
    runs.resumed_from
FROM runs
LEFT JOIN v_scores AS final ON final.evaluation_id = (
    SELECT id FROM evaluations
    WHERE evaluations.run_id = runs.id AND evaluations.selection IS NOT NULL
    ORDER BY CASE WHEN evaluations.selection = 'last' THEN 0 ELSE 1 END,
        evaluations.step DESC, evaluations.id DESC
    LIMIT 1
);
COMMIT;
