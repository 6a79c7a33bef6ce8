/* Names that people trust: Docker's official images (docker-library's list), publishers and registries. */
#include "names_private.h"

/* Sorted. */
static const char *const official[] = {
	"adminer", "aerospike", "almalinux", "alpine", "alt", "amazoncorretto", "amazonlinux", "api-firewall", "arangodb",
	"archlinux", "azul-zulu", "backdrop", "bash", "bonita", "buildpack-deps", "busybox", "caddy", "cassandra", "chronograf",
	"cirros", "clearlinux", "clefos", "clickhouse", "clojure", "composer", "convertigo", "couchbase", "couchdb", "crate",
	"dart", "debian", "docker", "drupal", "eclipse-mosquitto", "eclipse-temurin", "eggdrop", "elasticsearch", "elixir",
	"emqx", "erlang", "espocrm", "fedora", "flink", "fluentd", "friendica", "gazebo", "gcc", "geonetwork", "ghost",
	"golang", "gradle", "groovy", "haproxy", "haskell", "haxe", "hello-world", "hitch", "httpd", "hylang",
	"ibm-semeru-runtimes", "ibmjava", "influxdb", "irssi", "jetty", "joomla", "jruby", "julia", "kapacitor", "kibana",
	"kong", "krakend", "lightstreamer", "liquibase", "logstash", "mageia", "mariadb", "matomo", "maven", "mediawiki",
	"memcached", "mongo", "mongo-express", "monica", "mysql", "nats", "neo4j", "neurodebian", "nextcloud", "nginx", "nim",
	"node", "notary", "odoo", "open-liberty", "openjdk", "oraclelinux", "orientdb", "percona", "perl", "photon", "php",
	"php-zendserver", "phpmyadmin", "plone", "postfixadmin", "postgres", "pypy", "python", "r-base", "rabbitmq",
	"rakudo-star", "redis", "redmine", "registry", "rethinkdb", "rocket.chat", "rockylinux", "ros", "ruby", "rust",
	"sapmachine", "satosa", "silverpeas", "solr", "sonarqube", "spark", "spiped", "storm", "swift", "swipl", "teamspeak",
	"telegraf", "tomcat", "tomee", "traefik", "ubuntu", "unit", "varnish", "websphere-liberty", "wordpress", "xwiki",
	"yourls", "znc", "zookeeper",
};
/* Words that people also use for something of their own. */
static const char *const common_words[] = { "alt", "backdrop", "composer", "crate", "dart", "docker", "express", "gazebo", "ghost", "hello-world",
	"hitch", "jetty", "kong", "monica", "node", "notary", "photon", "registry", "ros", "spark", "storm", "swift", "unit" };
/* Publishers known to everybody (the verified ones of Docker Hub that are pulled most, and the namespaces of the big registries). */
static const char *const publishers[] = { "library", "bitnami", "bitnamilegacy", "nginxinc", "grafana", "hashicorp", "aquasec", "aquasecurity",
	"datadog", "elastic", "rancher", "portainer", "gitlab", "jenkins", "sonatype", "prom", "prometheus", "traefik", "redis", "postgis", "confluentinc",
	"apache", "oracle", "redhat", "ubuntu", "amazon", "amazonlinux", "google", "microsoft", "mcr", "kubernetes", "istio", "envoyproxy", "minio",
	"localstack", "selenium", "circleci", "cimg", "linuxserver", "chainguard", "distroless", "nvidia", "pytorch", "tensorflow", "continuumio",
	"jupyter", "airbyte", "newrelic", "splunk", "sysdig", "falcosecurity", "openpolicyagent", "moby", "tonistiigi", "dockereng", "ibmcom",
	"percona", "mysql", "mongodb", "opensearchproject", "fluent", "open-policy-agent", "home-assistant", "homeassistant", "nextcloud" };
/* Where Docker's own builds of the official images are: by architecture, and mirrors. */
static const char *const official_spaces[] = { "library", "amd64", "arm32v5", "arm32v6", "arm32v7", "arm64v8", "i386", "mips64le", "ppc64le", "riscv64",
	"s390x", "windows-amd64", "docker/library", "docker-hub/library", "dockerhub/library" };
/* Where strangers may publish under names of their choice. */
static const char *const public_registries[] = { "docker.io", "ghcr.io", "quay.io", "gcr.io", "public.ecr.aws", "registry.gitlab.com",
	"registry.k8s.io", "mcr.microsoft.com", "registry.redhat.io", "registry.access.redhat.com", "cgr.dev", "docker.elastic.co", "nvcr.io" };

static bool in(const char *const *list, size_t n, struct slice s)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eqs(s, list[i]))
			return true;
	return false;
}

bool names_is_official(struct slice base) { return in(official, ARRAY_LEN(official), base); }
bool names_is_common_word(struct slice s) { return in(common_words, ARRAY_LEN(common_words), s); }
bool names_is_publisher(struct slice space) { return in(publishers, ARRAY_LEN(publishers), space); }
bool names_is_official_space(struct slice space) { return in(official_spaces, ARRAY_LEN(official_spaces), space); }
bool names_is_public_registry(struct slice r) { return in(public_registries, ARRAY_LEN(public_registries), r); }

#define LIST(v) ((struct name_list){ v, ARRAY_LEN(v) })
struct name_list names_official(void) { return LIST(official); }
struct name_list names_publishers(void) { return LIST(publishers); }
struct name_list names_registries(void) { return LIST(public_registries); }
