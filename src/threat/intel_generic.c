/* Hosts that say nothing: listing one of them by mistake must not refuse half of all images. */
#include "intel_private.h"

/* Shared by strangers: a listed name below one of them means something, the suffix itself does not. Public suffixes with two labels
 * (from publicsuffix.org's facts, the frequent ones), dynamic DNS, hosting and content networks. */
static const char *const shared_suffixes[] = {
	"ac.uk", "co.id", "co.il", "co.in", "co.jp", "co.kr", "co.nz", "co.th", "co.uk", "co.za", "com.ar", "com.au", "com.bd", "com.br",
	"com.cn", "com.co", "com.eg", "com.hk", "com.mx", "com.my", "com.ng", "com.pe", "com.ph", "com.pk", "com.pl", "com.ru", "com.sa",
	"com.sg", "com.tr", "com.tw", "com.ua", "com.ve", "com.vn", "edu.au", "edu.cn", "eu.org", "gob.mx", "gov.br", "gov.cn", "gov.in",
	"gov.uk", "in.ua", "me.uk", "msk.ru", "net.au", "net.br", "net.cn", "ne.jp", "or.jp", "org.au", "org.br", "org.cn", "org.in", "org.uk",
	"spb.ru", "inf.br",
	"amazonaws.com", "anondns.net", "appspot.com", "azurewebsites.net", "b-cdn.net", "backblazeb2.com", "bitbucket.io",
	"blob.core.windows.net", "blogspot.com", "bplace.net", "cloudapp.azure.com", "cloudapp.net", "cloudflare.net", "cloudfront.net",
	"ddns.net", "digitaloceanspaces.com", "duckdns.org", "dyndns.org", "dynu.net", "elasticbeanstalk.com", "fastly.net", "firebaseapp.com",
	"fly.dev", "freeddns.org", "github.io", "gitlab.io", "glitch.me", "herokuapp.com", "hldns.ru", "hopto.org", "loca.lt", "myftp.org",
	"myvnc.com", "netlify.app", "ngrok.app", "ngrok.io", "ngrok-free.app", "no-ip.biz", "no-ip.org", "oast.fun", "oast.pro", "onion.to",
	"onrender.com", "pages.dev", "r2.dev", "railway.app", "repl.co", "s3.amazonaws.com", "serveo.net", "servebeer.com", "serveftp.com",
	"sytes.net", "tor2web.io", "tor2web.su", "tor2web.org", "trycloudflare.com", "vercel.app", "web.app", "windows.net", "workers.dev",
	"wordpress.com", "xsph.ru", "zapto.org", "mooo.com", "000webhostapp.com", "weebly.com", "wixsite.com", "yolasite.com",
};
/* Known to everybody: neither they nor anything below them is ever an indicator by name (a URL on them may be). */
static const char *const common_hosts[] = {
	"akamai.net", "akamaihd.net", "aliyun.com", "alpinelinux.org", "amazon.com", "anaconda.com", "ansible.com", "apache.org", "apple.com",
	"archive.org", "archlinux.org", "atlassian.com", "aws.amazon.com", "azure.com", "baidu.com", "bing.com", "bitbucket.org", "bootstrapcdn.com",
	"canonical.com", "centos.org", "cisco.com", "cloudflare.com", "codeberg.org", "cpan.org", "crates.io", "debian.org", "discord.com",
	"discordapp.com", "docker.com", "docker.io", "dropbox.com", "dropboxusercontent.com", "elastic.co", "example.com", "example.net",
	"example.org", "facebook.com", "fedoraproject.org", "free.fr", "freedesktop.org", "gcr.io", "ghcr.io", "git.io", "gitee.com", "gitlab.com",
	"github.com", "githubusercontent.com", "gnu.org", "godoc.org", "golang.org", "google.com", "googleapis.com", "googletagmanager.com",
	"googleusercontent.com", "goproxy.io", "gravatar.com", "gstatic.com", "hashicorp.com", "ibm.com", "ietf.org", "ifconfig.co", "ifconfig.me",
	"instagram.com", "intel.com", "ipinfo.io", "ipify.org", "icanhazip.com", "java.com", "jetbrains.com", "jquery.com", "jsdelivr.net",
	"k8s.io", "kernel.org", "kubernetes.io", "launchpad.net", "letsencrypt.org", "linkedin.com", "live.com", "mariadb.org", "maven.org",
	"mediafire.com", "mega.nz", "microsoft.com", "mit.edu", "mongodb.com", "mozilla.org", "msn.com", "mysql.com", "nginx.org", "nist.gov",
	"nodejs.org", "npmjs.com", "npmjs.org", "ntp.org", "nuget.org", "nvidia.com", "office.com", "opensuse.org", "oracle.com", "packagist.org",
	"pastebin.com", "paste.ee", "php.net", "postgresql.org", "pypi.org", "python.org", "pythonhosted.org", "qq.com", "quay.io", "readthedocs.io",
	"reddit.com", "redhat.com", "redis.io", "rubygems.org", "rust-lang.org", "sourceforge.net", "sourceware.org", "stackexchange.com",
	"stackoverflow.com", "steamcommunity.com", "suse.com", "t.co", "t.me", "telegram.org", "transfer.sh", "twitter.com", "ubuntu.com",
	"unpkg.com", "virustotal.com", "w3.org", "wikimedia.org", "wikipedia.org", "windowsupdate.com", "x.com", "yahoo.com",
	"yandex.ru", "youtube.com", "zoom.us",
};

static bool listed(const char *const *list, size_t n, struct slice host)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eqs(host, list[i]))
			return true;
	return false;
}

bool intel_host_generic(struct slice host)
{
	if (listed(shared_suffixes, ARRAY_LEN(shared_suffixes), host))
		return true;
	for (struct slice s = host; s.n;) {
		if (listed(common_hosts, ARRAY_LEN(common_hosts), s))
			return true;
		ptrdiff_t dot = slice_find_byte(s, '.');
		if (dot < 0)
			break;
		s = slice_from(s, (size_t)dot + 1);
	}
	return slice_find_byte(host, '.') < 0;
}

bool intel_host_shape(struct slice host)
{
	unsigned labels = 0;
	struct slice rest = host, label;
	if (host.n < 4 || host.n > 253)
		return false;
	while (slice_next_piece(&rest, '.', &label)) {
		if (!label.n || label.n > 63)
			return false;
		bool letter = false;
		for (size_t i = 0; i < label.n; i++) {
			uint8_t c = label.p[i];
			bool alpha = c >= 'a' && c <= 'z';
			if (!alpha && !(c >= '0' && c <= '9') && c != '-' && c != '_')
				return false;
			letter |= alpha;
		}
		labels++;
		if (!rest.p && (!letter || label.n < 2))
			return false;
	}
	return labels >= 2;
}
