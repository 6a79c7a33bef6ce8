/* What a name promises: programs and paths of which one must be there. Generous on purpose: clients, other vendors' builds and forks count. */
#include "names_private.h"

enum { WORDS_MAX = 12 };
struct promise { const char *base, *programs[WORDS_MAX], *paths[4]; };
#define JAVA "java", "javac", "jshell", "keytool"
#define JAVA_DIR "usr/lib/jvm", "opt/java", "opt/jdk"
static const struct promise promises[] = {
	{ "openjdk", { JAVA }, { JAVA_DIR } }, { "eclipse-temurin", { JAVA }, { JAVA_DIR } }, { "amazoncorretto", { JAVA }, { JAVA_DIR } },
	{ "azul-zulu", { JAVA }, { JAVA_DIR } }, { "sapmachine", { JAVA }, { JAVA_DIR } }, { "ibmjava", { JAVA }, { JAVA_DIR } },
	{ "ibm-semeru-runtimes", { JAVA }, { JAVA_DIR } }, { "maven", { "mvn", JAVA } }, { "gradle", { "gradle", JAVA } },
	{ "groovy", { "groovy", JAVA } }, { "tomcat", { "catalina.sh", JAVA }, { "usr/local/tomcat", "opt/bitnami/tomcat" } },
	{ "tomee", { "catalina.sh", JAVA } }, { "jruby", { "jruby", JAVA } }, { "clojure", { "clojure", "lein", "clj", JAVA } },
	{ "zookeeper", { "zkServer.sh", JAVA } }, { "cassandra", { "cassandra", JAVA } }, { "elasticsearch", { "elasticsearch", JAVA } },
	{ "logstash", { "logstash", JAVA } }, { "solr", { "solr", JAVA } }, { "flink", { "flink", JAVA } }, { "sonarqube", { JAVA } },
	{ "golang", { "go", "gofmt" }, { "usr/local/go", "usr/lib/go" } }, { "node", { "node", "nodejs", "npm", "bun" } },
	{ "python", { "python", "python2", "python3", "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13", "python3.14",
		"pypy3", "python2.7" }, { "opt/conda", "usr/local/lib/python3" } },
	{ "pypy", { "pypy", "pypy3" } }, { "ruby", { "ruby", "irb" } }, { "php", { "php", "php-fpm", "php8", "php7", "php-cgi", "php81", "php82", "php83" } },
	{ "perl", { "perl" } }, { "rust", { "rustc", "cargo", "rustup" } }, { "gcc", { "gcc", "g++", "cc" } }, { "julia", { "julia" } },
	{ "erlang", { "erl", "erlc" } }, { "elixir", { "elixir", "iex", "mix" } }, { "haskell", { "ghc", "stack", "cabal" } }, { "r-base", { "R", "Rscript" } },
	{ "swift", { "swift", "swiftc" } }, { "dart", { "dart" } }, { "composer", { "composer", "php" } }, { "bash", { "bash" } }, { "busybox", { "busybox" } },
	{ "nginx", { "nginx", "nginx-debug", "openresty", "angie" } }, { "httpd", { "httpd", "apache2", "apachectl", "httpd-foreground" } },
	{ "caddy", { "caddy" } }, { "haproxy", { "haproxy" } }, { "traefik", { "traefik" } }, { "varnish", { "varnishd", "varnishtest" } },
	{ "kong", { "kong", "openresty", "nginx" } }, { "redis", { "redis-server", "redis-cli", "valkey-server", "redis-sentinel", "keydb-server" } },
	{ "memcached", { "memcached" } }, { "postgres", { "postgres", "psql", "pg_ctl", "initdb", "pg_dump" } },
	{ "mysql", { "mysqld", "mysql", "mysqldump", "mysqlsh", "mariadb", "mariadbd" } }, { "mariadb", { "mariadbd", "mariadb", "mysqld", "mysql", "mariadb-dump" } },
	{ "percona", { "mysqld", "mysql" } }, { "mongo", { "mongod", "mongos", "mongo", "mongosh", "mongodump" } }, { "mongo-express", { "node" } },
	{ "couchdb", { "couchdb", "beam.smp", "erl" } }, { "influxdb", { "influxd", "influx", "influxdb3" } }, { "clickhouse", { "clickhouse", "clickhouse-server" } },
	{ "rabbitmq", { "rabbitmq-server", "rabbitmqctl", "erl" } }, { "nats", { "nats-server", "nats" } }, { "telegraf", { "telegraf" } },
	{ "fluentd", { "fluentd", "ruby" } }, { "registry", { "registry" } }, { "docker", { "docker", "dockerd" } }, { "eclipse-mosquitto", { "mosquitto" } },
	{ "wordpress", { "php", "php-fpm", "apache2", "wp" } }, { "drupal", { "php", "php-fpm", "apache2" } }, { "joomla", { "php", "php-fpm" } },
	{ "nextcloud", { "php", "php-fpm" } }, { "phpmyadmin", { "php", "php-fpm" } }, { "ghost", { "node", "ghost" } }, { "redmine", { "ruby" } },
	{ "kibana", { "kibana", "node" } }, { "neo4j", { "neo4j", JAVA } }, { "spark", { "spark-submit", "spark-shell", JAVA } }, { "arangodb", { "arangod" } },
	{ "mediawiki", { "php", "php-fpm", "apache2" } }, { "matomo", { "php", "php-fpm" } }, { "odoo", { "odoo", "python3" } }, { "adminer", { "php" } },
	{ "couchbase", { "couchbase-server", "beam.smp" } }, { "teamspeak", { "ts3server" } }, { "buildpack-deps", { "gcc", "curl", "git" } },
};
/* Base images are their system. */
static const struct { const char *base, *ids[4]; } systems[] = {
	{ "alpine", { "alpine" } }, { "debian", { "debian" } }, { "ubuntu", { "ubuntu" } }, { "fedora", { "fedora" } }, { "rockylinux", { "rocky" } },
	{ "almalinux", { "almalinux" } }, { "amazonlinux", { "amzn" } }, { "oraclelinux", { "ol" } }, { "archlinux", { "arch" } }, { "photon", { "photon" } },
	{ "mageia", { "mageia" } }, { "centos", { "centos" } }, { "clearlinux", { "clear-linux-os" } },
};

static const struct promise *promise_of(struct slice base)
{
	for (size_t i = 0; i < ARRAY_LEN(promises); i++)
		if (slice_eqs(base, promises[i].base))
			return &promises[i];
	return NULL;
}

const char *names_promise(struct slice base)
{
	const struct promise *p = promise_of(base);
	if (p)
		return p->programs[0];
	for (size_t i = 0; i < ARRAY_LEN(systems); i++)
		if (slice_eqs(base, systems[i].base))
			return systems[i].base;
	return "";
}

/* A layer that could not be read may hold what is missed. */
static bool blind(const struct report *r)
{
	for (size_t i = 0; i < r->findings.n; i++)
		if (r->findings.items[i].skip_class == FINDING_SKIP_LAYER)
			return true;
	return false;
}

static enum fit system_fit(struct slice base, const struct report *r)
{
	for (size_t i = 0; i < ARRAY_LEN(systems); i++) {
		if (!slice_eqs(base, systems[i].base))
			continue;
		if (!r->os.id.n)
			return FIT_UNKNOWN;
		for (size_t k = 0; k < ARRAY_LEN(systems[i].ids) && systems[i].ids[k]; k++)
			if (slice_eqs(r->os.id, systems[i].ids[k]))
				return FIT_YES;
		return blind(r) ? FIT_UNKNOWN : FIT_NO;
	}
	return FIT_UNKNOWN;
}

enum fit names_content(struct slice base, const struct image_view *v)
{
	const struct promise *p = promise_of(base);
	if (!p)
		return system_fit(base, v->report);
	for (size_t i = 0; i < WORDS_MAX && p->programs[i]; i++)
		if (v->has_program(v->arg, slice_str(p->programs[i])))
			return FIT_YES;
	for (size_t i = 0; i < ARRAY_LEN(p->paths) && p->paths[i]; i++)
		if (v->has_path(v->arg, slice_str(p->paths[i])))
			return FIT_YES;
	return blind(v->report) ? FIT_UNKNOWN : FIT_NO;
}

/* --- The command ---------------------------------------------------------------------------------------------------------- */

static struct slice base_of(struct slice path)
{
	ptrdiff_t at = slice_rfind_byte(path, '/');
	return at < 0 ? path : slice_from(path, (size_t)at + 1);
}

/* Starters that say nothing about what they start. */
static bool is_starter(struct slice word)
{
	static const char *const names[] = { "sh", "bash", "ash", "dash", "zsh", "env", "tini", "dumb-init", "catatonit", "gosu", "su-exec", "init",
		"supervisord", "s6-svscan", "exec", "nice", "setpriv", "runuser", "cat", "sleep", "tail", "true", "jshell", "irb", "node", "python3",
		"python", "java", "php", "npm", "yarn" };
	struct slice base = base_of(word);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (slice_eqs(base, names[i]))
			return true;
	return word.n && (word.p[0] == '-' || slice_find(word, SL("entrypoint")) >= 0 || slice_has_suffix(word, SL(".sh")));
}

enum fit names_start(struct slice base, const struct image_view *v)
{
	const struct image_config *c = &v->report->config;
	const struct slice_list *words = c->entrypoint.n ? &c->entrypoint : &c->cmd;
	const struct promise *p = promise_of(base);
	if (!p || !words->n || !words->items[0].n)
		return FIT_UNKNOWN;
	struct slice first = words->items[0];
	ptrdiff_t space = slice_find_byte(first, ' ');
	if (space > 0)
		first = slice_upto(first, (size_t)space);
	if (is_starter(first) || slice_find(first, base) >= 0)
		return FIT_YES;
	for (size_t i = 0; i < WORDS_MAX && p->programs[i]; i++)
		if (slice_has_prefix(base_of(first), slice_str(p->programs[i])))
			return FIT_YES;
	return FIT_NO;
}
