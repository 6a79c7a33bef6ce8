/* CVSS base scores: v2 (first.org/cvss/v2/guide), v3.0 and v3.1 (first.org/cvss/v3.1/specification-document, section 7). v4.0 is in cvss4.c. */
#include "cvss.h"
#include <math.h>

bool cvss_split(struct slice vector, const struct cvss_metric *metrics, size_t n_metrics, uint8_t *values)
{
	struct slice rest = vector, part;
	memset(values, 0, n_metrics);
	while (slice_next_piece(&rest, '/', &part)) {
		ptrdiff_t colon = slice_find_byte(part, ':');
		size_t m = 0;
		if (colon < 1 || (size_t)colon + 2 > part.n)
			return false;
		struct slice name = slice_upto(part, (size_t)colon), value = slice_from(part, (size_t)colon + 1);
		while (m < n_metrics && !slice_eqs(name, metrics[m].name))
			m++;
		if (m == n_metrics || values[m])
			return false;
		/* Values are told apart by their first letter ("POC", "ND" and the like are of metrics that only must be there once). */
		if (metrics[m].values && (value.n != 1 || !strchr(metrics[m].values, value.p[0])))
			return false;
		values[m] = value.p[0];
	}
	for (size_t m = 0; m < n_metrics; m++)
		if (metrics[m].required && !values[m])
			return false;
	return true;
}

static double pick(uint8_t value, const char *letters, const double *weights)
{
	const char *at = strchr(letters, value);
	return at ? weights[at - letters] : 0;
}
#define PICK(value, letters, ...) pick((value), (letters), (const double[]){ __VA_ARGS__ })

static bool score_v2(struct slice vector, double *ret)
{
	enum { AV, AC, AU, C, I, A, N_BASE };
	static const struct cvss_metric metrics[] = {
		{ "AV", "LAN", true }, { "AC", "HML", true }, { "Au", "MSN", true }, { "C", "NPC", true }, { "I", "NPC", true }, { "A", "NPC", true },
		{ "E" }, { "RL" }, { "RC" }, { "CDP" }, { "TD" }, { "CR" }, { "IR" }, { "AR" },
	};
	uint8_t v[ARRAY_LEN(metrics)];
	_Static_assert(N_BASE == 6);
	if (vector.n >= 2 && *vector.p == '(' && vector.p[vector.n - 1] == ')')
		vector = slice_sub(vector, 1, vector.n - 2);
	if (!cvss_split(vector, metrics, ARRAY_LEN(metrics), v))
		return false;
	double c = PICK(v[C], "NPC", 0, 0.275, 0.660), i = PICK(v[I], "NPC", 0, 0.275, 0.660), a = PICK(v[A], "NPC", 0, 0.275, 0.660);
	double impact = 10.41 * (1 - (1 - c) * (1 - i) * (1 - a));
	double exploit = 20 * PICK(v[AV], "LAN", 0.395, 0.646, 1.0) * PICK(v[AC], "HML", 0.35, 0.61, 0.71) * PICK(v[AU], "MSN", 0.45, 0.56, 0.704);
	double score = (0.6 * impact + 0.4 * exploit - 1.5) * (impact == 0 ? 0 : 1.176);
	*ret = score <= 0 ? 0 : round(score * 10) / 10;
	return true;
}

/* The specification's own, made to give the same on every machine. */
static double roundup31(double x)
{
	long i = lround(x * 100000);
	return i % 10000 == 0 ? (double)i / 100000 : (double)(i / 10000 + 1) / 10;
}

static bool score_v3(struct slice vector, bool v31, double *ret)
{
	enum { AV, AC, PR, UI, S, C, I, A };
	static const struct cvss_metric metrics[] = {
		{ "AV", "NALP", true }, { "AC", "LH", true }, { "PR", "NLH", true }, { "UI", "NR", true }, { "S", "UC", true }, { "C", "HLN", true },
		{ "I", "HLN", true }, { "A", "HLN", true }, { "E", "XHFPU" }, { "RL", "XUWTO" }, { "RC", "XCRU" }, { "CR", "XHML" }, { "IR", "XHML" },
		{ "AR", "XHML" }, { "MAV", "XNALP" }, { "MAC", "XLH" }, { "MPR", "XNLH" }, { "MUI", "XNR" }, { "MS", "XUC" }, { "MC", "XHLN" },
		{ "MI", "XHLN" }, { "MA", "XHLN" },
	};
	uint8_t v[ARRAY_LEN(metrics)];
	if (!cvss_split(vector, metrics, ARRAY_LEN(metrics), v))
		return false;
	bool changed = v[S] == 'C';
	double c = PICK(v[C], "HLN", 0.56, 0.22, 0), i = PICK(v[I], "HLN", 0.56, 0.22, 0), a = PICK(v[A], "HLN", 0.56, 0.22, 0);
	double iss = 1 - (1 - c) * (1 - i) * (1 - a);
	double impact = changed ? 7.52 * (iss - 0.029) - 3.25 * pow(iss - 0.02, 15) : 6.42 * iss;
	double pr = changed ? PICK(v[PR], "NLH", 0.85, 0.68, 0.5) : PICK(v[PR], "NLH", 0.85, 0.62, 0.27);
	double exploit = 8.22 * PICK(v[AV], "NALP", 0.85, 0.62, 0.55, 0.2) * PICK(v[AC], "LH", 0.77, 0.44) * pr * PICK(v[UI], "NR", 0.85, 0.62);
	double score = fmin(changed ? 1.08 * (impact + exploit) : impact + exploit, 10);
	*ret = impact <= 0 ? 0 : v31 ? roundup31(score) : ceil(score * 10) / 10;
	return true;
}

bool advisory_cvss_score(struct slice vector, double *ret_score)
{
	vector = slice_trim(vector);
	if (slice_has_prefix(vector, SL("CVSS:3.0/")) || slice_has_prefix(vector, SL("CVSS:3.1/")))
		return score_v3(slice_from(vector, 9), vector.p[7] == '1', ret_score);
	if (slice_has_prefix(vector, SL("CVSS:4.0/")))
		return cvss4_score(slice_from(vector, 9), ret_score);
	if (slice_has_prefix(vector, SL("CVSS:2.0/")))
		vector = slice_from(vector, 9);
	return !slice_has_prefix(vector, SL("CVSS:")) && score_v2(vector, ret_score);
}

/* NVD's scale for version 2 has no "critical". */
enum severity advisory_cvss_severity(double score, bool v2)
{
	if (score >= 9 && !v2)
		return SEV_CRITICAL;
	return score >= 7 ? SEV_HIGH : score >= 4 ? SEV_MEDIUM : score > 0 ? SEV_LOW : SEV_INFO;
}
