#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "address.h"
#include "proxy.h"
#include "transfer.h"

static void addresses(void **state)
{
	(void)state;
	static const struct { const char *host; enum net_reach want; } t[] = {
		{ "8.8.8.8", NET_REACH_PUBLIC }, { "10.1.2.3", NET_REACH_PRIVATE }, { "172.16.0.1", NET_REACH_PRIVATE },
		{ "172.32.0.1", NET_REACH_PUBLIC }, { "192.168.1.1", NET_REACH_PRIVATE }, { "100.64.0.1", NET_REACH_PRIVATE },
		{ "100.100.100.200", NET_REACH_SPECIAL }, { "192.0.0.192", NET_REACH_SPECIAL }, { "127.0.0.1", NET_REACH_LOOPBACK },
		{ "127.255.255.255", NET_REACH_LOOPBACK }, { "0.0.0.0", NET_REACH_SPECIAL }, { "169.254.169.254", NET_REACH_SPECIAL },
		{ "224.0.0.1", NET_REACH_SPECIAL }, { "255.255.255.255", NET_REACH_SPECIAL }, { "198.51.100.1", NET_REACH_SPECIAL },
		{ "::1", NET_REACH_LOOPBACK }, { "[::1]", NET_REACH_LOOPBACK }, { "::", NET_REACH_SPECIAL }, { "fe80::1", NET_REACH_SPECIAL },
		{ "fc00::1", NET_REACH_PRIVATE }, { "fd00:ec2::254", NET_REACH_SPECIAL }, { "2606:4700::1", NET_REACH_PUBLIC },
		{ "::ffff:127.0.0.1", NET_REACH_LOOPBACK }, { "::ffff:169.254.169.254", NET_REACH_SPECIAL }, { "::ffff:8.8.8.8",
				NET_REACH_PUBLIC },
		{ "::127.0.0.1", NET_REACH_SPECIAL }, { "64:ff9b::a9fe:a9fe", NET_REACH_SPECIAL }, { "64:ff9b::7f00:1", NET_REACH_LOOPBACK },
		{ "64:ff9b::808:808", NET_REACH_PUBLIC }, { "64:ff9b:1::808:808", NET_REACH_PRIVATE }, { "2002:7f00:1::", NET_REACH_LOOPBACK },
		{ "2002:a00:1::", NET_REACH_PRIVATE }, { "2001:0:808:808::f5ff:fffe", NET_REACH_PRIVATE }, { "ff02::1", NET_REACH_SPECIAL },
		{ "localhost", NET_REACH_LOOPBACK }, { "x.localhost", NET_REACH_LOOPBACK },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		enum net_reach r;
		if (!net_host_reach(slice_str(t[i].host), &r) || r != t[i].want)
			fail_msg("%s", t[i].host);
	}
	enum net_reach r;
	assert_false(net_host_reach(SL("example.org"), &r));
}

static void urls(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "http://", "ftp://a/", "http://a b/", "http://u:p@h/", "http://h:0/", "http://h:70000/",
			"http://h:/",
		"http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://1.2.3/", "http://[::1/", "http://[zz]/", "http://h\\@x/",
		"http://h\n/", "http://\xff/", "file:///etc/passwd", "http://1.2.3.4.5/", "https:/x", "//x", "http://.../" };
	struct url u;
	struct err e = { 0 };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (url_parse(slice_str(bad[i]), &u, &e) == OK)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(url_parse(SL("https://[::1]:5000/a?b#c"), &u, &e), OK);
	assert_true(u.https && u.port == 5000 && slice_eqs(u.host, "[::1]") && slice_eqs(u.rest, "/a?b"));
	assert_true(net_url_same_origin("https://Host.example/a", "https://host.example:443/b"));
	assert_false(net_url_same_origin("https://h/a", "http://h/a"));
	assert_false(net_url_same_origin("https://h/a", "https://h:444/a"));
	assert_false(net_url_same_origin("https://h.example/a", "https://h.example.evil/a"));
}

static void joins(void **state)
{
	(void)state;
	static const struct { const char *ref, *want; } t[] = {
		{ "/x", "https://h:1/x" }, { "x?q", "https://h:1/a/x?q" }, { "//o/x", "https://o/x" }, { "http://o/", "http://o/" },
		{ "?z", "https://h:1/a/b?z" }, { "", "https://h:1/a/b?c" }, { "file:///x", NULL }, { "//u@o/", NULL }, { "/a b", NULL },
		{ "javascript:x", NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		AUTO_BUF b = BUF(1024);
		struct err e = { 0 };
		bool ok = net_url_join("https://h:1/a/b?c", t[i].ref, &b, &e) == OK;
		if (ok != (t[i].want != NULL) || (ok && strcmp(buf_cstr(&b), t[i].want)))
			fail_msg("%s -> %s", t[i].ref, buf_cstr(&b));
	}
}

static const char *env_a(const char *n)
{
	return !strcmp(n, "https_proxy") ? "http://p:1" : !strcmp(n, "ALL_PROXY") ? "http://all:1"
		: !strcmp(n, "HTTP_PROXY") ? "http://never:1" : !strcmp(n, "NO_PROXY") ? "a.example, .b.example,10.0.0.0/8" : NULL;
}

static void proxies(void **state)
{
	(void)state;
	static const struct { const char *url, *want; } t[] = {
		{ "https://x.example/", "http://p:1" }, { "http://x.example/", "http://all:1" }, { "https://a.example/", "" },
		{ "https://z.a.example/", "" }, { "https://za.example/", "http://p:1" }, { "https://q.b.example/", "" }, { "https://10.9.8.7/",
				"" },
		{ "https://11.9.8.7/", "http://p:1" },
	};
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		struct url u;
		struct err e = { 0 };
		assert_int_equal(url_parse(slice_str(t[i].url), &u, &e), OK);
		assert_string_equal(proxy_for(&u, env_a), t[i].want);
	}
}

static void heads(void **state)
{
	(void)state;
	struct headers h = { 0 };
	uint64_t first, total;
	headers_reset(&h);
	headers_line(&h, SL("HTTP/1.1 100 Continue\r\n"));
	headers_line(&h, SL("\r\n"));
	assert_false(h.done);
	headers_line(&h, SL("HTTP/1.1 206 Partial\r\n"));
	headers_line(&h, SL("Content-Range:  bytes 5-9/10 \r\n"));
	headers_line(&h, SL("\r\n"));
	assert_true(h.done && h.status == 206);
	assert_true(content_range_parse(headers_get(&h, "content-range"), &first, &total) && first == 5 && total == 10);
	assert_true(content_range_parse(SL("bytes 5-9/*"), &first, &total) && total == UINT64_MAX);
	assert_false(content_range_parse(SL("bytes */10"), &first, &total));
	headers_reset(&h);
	headers_line(&h, SL("HTTP/1.1 200 OK\r\n"));
	for (int i = 0; i < 1000; i++)
		headers_line(&h, SL("X: y\r\n"));
	assert_true(h.too_large);
	arena_free(&h.arena);
	assert_int_equal(retry_after_ms(SL("3"), 0), 3000);
	assert_int_equal(retry_after_ms(SL("100000"), 0), 60000);
	assert_int_equal(retry_after_ms(SL("-1"), 0), 0);
	assert_int_equal(retry_after_ms(SL("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777 - 7), 7000);
	assert_int_equal(retry_after_ms(SL("Sun, 06 Nov 1994 08:49:37 GMT"), 784111777 + 7), 0);
	assert_int_equal(retry_after_ms(SL("soon"), 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(addresses), cmocka_unit_test(urls), cmocka_unit_test(joins),
			cmocka_unit_test(proxies),
		cmocka_unit_test(heads) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
