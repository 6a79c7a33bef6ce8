/* CVSS v4.0 (first.org/cvss/v4.0/specification-document, section 8): the vector's equivalence classes name a macro vector, whose score is looked
 * up and lowered by how far the vector lies below the worst vector of its class. */
#include "cvss.h"
#include <math.h>

enum { AV, AC, AT, PR, UI, VC, VI, VA, SC, SI, SA, E, CR, IR, AR, MAV, MAC, MAT, MPR, MUI, MVC, MVI, MVA, MSC, MSI, MSA };
static const struct cvss_metric metrics[] = {
	{ "AV", "NALP", true }, { "AC", "LH", true }, { "AT", "NP", true }, { "PR", "NLH", true }, { "UI", "NPA", true }, { "VC", "HLN", true },
	{ "VI", "HLN", true }, { "VA", "HLN", true }, { "SC", "HLN", true }, { "SI", "HLN", true }, { "SA", "HLN", true }, { "E", "XAPU" },
	{ "CR", "XHML" }, { "IR", "XHML" }, { "AR", "XHML" }, { "MAV", "XNALP" }, { "MAC", "XLH" }, { "MAT", "XNP" }, { "MPR", "XNLH" },
	{ "MUI", "XNPA" }, { "MVC", "XHLN" }, { "MVI", "XHLN" }, { "MVA", "XHLN" }, { "MSC", "XHLN" }, { "MSI", "XSHLN" }, { "MSA", "XSHLN" },
	{ "S", "XNP" }, { "AU", "XNY" }, { "R", "XAUI" }, { "V", "XDC" }, { "RE", "XLMH" }, { "U" },
};

/* Scores of macro vectors in tenths, by EQ1, EQ2, EQ3; inside by EQ4, EQ5, EQ6. EQ3 = 2 goes with EQ6 = 1 only. */
static const uint8_t scores[3][2][3][18] = {
	{ { { 100, 99, 98, 95, 95, 92, 100, 96, 93, 87, 91, 81, 93, 90, 89, 80, 81, 68 },
	    { 98, 95, 95, 92, 90, 84, 93, 92, 89, 81, 81, 65, 88, 80, 78, 70, 69, 48 },
	    { 92, 82, 72, 79, 69, 50, 69, 55, 27 } },
	  { { 99, 97, 95, 92, 92, 85, 95, 91, 90, 83, 84, 71, 92, 81, 82, 71, 72, 53 },
	    { 95, 93, 92, 85, 85, 73, 92, 82, 80, 72, 70, 59, 84, 70, 71, 52, 50, 30 },
	    { 86, 75, 52, 71, 52, 29, 63, 29, 17 } } },
	{ { { 98, 95, 94, 87, 91, 81, 94, 89, 86, 74, 77, 64, 87, 75, 74, 63, 63, 49 },
	    { 94, 89, 88, 77, 76, 67, 86, 76, 74, 58, 59, 50, 72, 57, 57, 52, 52, 25 },
	    { 83, 70, 54, 65, 58, 26, 53, 21, 13 } },
	  { { 95, 90, 88, 76, 76, 70, 90, 77, 75, 62, 61, 53, 77, 66, 68, 59, 52, 30 },
	    { 89, 78, 76, 67, 62, 58, 74, 59, 57, 57, 47, 23, 61, 52, 57, 29, 24, 16 },
	    { 71, 59, 30, 58, 26, 15, 23, 13, 6 } } },
	{ { { 93, 87, 86, 72, 75, 58, 86, 74, 74, 61, 56, 34, 70, 54, 52, 40, 40, 22 },
	    { 85, 75, 74, 55, 62, 51, 72, 57, 55, 41, 46, 19, 53, 36, 34, 19, 19, 8 },
	    { 64, 51, 20, 47, 21, 11, 24, 9, 4 } },
	  { { 88, 75, 73, 53, 60, 50, 73, 55, 59, 40, 41, 20, 54, 43, 45, 22, 20, 11 },
	    { 75, 55, 58, 45, 40, 21, 61, 51, 48, 18, 20, 9, 46, 18, 17, 7, 8, 2 },
	    { 53, 24, 14, 24, 12, 5, 10, 3, 1 } } },
};

/* Tenths; -1 where there is no such macro vector. */
static int score_of(const int eq[6])
{
	if (eq[0] > 2 || eq[1] > 1 || eq[2] > 2 || eq[3] > 2 || eq[4] > 2 || eq[5] > 1 || (eq[2] == 2 && eq[5] == 0))
		return -1;
	int i = eq[3] * 3 + eq[4];
	return scores[eq[0]][eq[1]][eq[2]][eq[2] == 2 ? i : i * 2 + eq[5]];
}

/* The worst vectors of each class, as the values of the metrics in `groups`. */
static const uint8_t groups[4][7] = { { 3, AV, PR, UI }, { 2, AC, AT }, { 6, VC, VI, VA, CR, IR, AR }, { 3, SC, SI, SA } };
static const char *const worst_eq1[3][4] = { { "NNN" }, { "ANN", "NLN", "NNP" }, { "PNN", "ALP" } };
static const char *const worst_eq2[2][3] = { { "LN" }, { "HN", "LP" } };
static const char *const worst_eq36[3][2][6] = {
	{ { "HHHHHH" }, { "HHLMMH", "HHHMMM" } },
	{ { "LHHHHH", "HLHHHH" }, { "LHLHMH", "LHHHMM", "HLHMHM", "HLLMHH", "LLHHHM" } },
	{ { NULL }, { "LLLHHH" } },
};
static const char *const worst_eq4[3][2] = { { "HSS" }, { "HHH" }, { "LLL" } };

static int level(int metric, uint8_t value)
{
	static const char *const order[] = { [AV] = "NALP", [AC] = "LH", [AT] = "NP", [PR] = "NLH", [UI] = "NPA", [VC] = "HLN", [VI] = "HLN",
					     [VA] = "HLN", [SC] = "SHLN", [SI] = "SHLN", [SA] = "SHLN", [E] = "APU", [CR] = "HML", [IR] = "HML", [AR] = "HML" };
	const char *at = value ? strchr(order[metric], value) : NULL;
	return at ? (int)(at - order[metric]) : 0;
}

/* Steps from the first worst vector that is worse in every metric of the group. */
static int distance(int group, const char *const *worst, const uint8_t *v)
{
	for (; *worst; worst++) {
		int sum = 0, i = 0;
		for (; i < groups[group][0]; i++) {
			int m = groups[group][1 + i], d = level(m, v[m]) - level(m, (uint8_t)(*worst)[i]);
			if (d < 0)
				break;
			sum += d;
		}
		if (i == groups[group][0])
			return sum;
	}
	return 0;
}

static void classify(const uint8_t *v, int eq[6])
{
	bool n = v[AV] == 'N', p = v[PR] == 'N', u = v[UI] == 'N';
	eq[0] = n && p && u ? 0 : (n || p || u) && v[AV] != 'P' ? 1 : 2;
	eq[1] = v[AC] == 'L' && v[AT] == 'N' ? 0 : 1;
	eq[2] = v[VC] == 'H' && v[VI] == 'H' ? 0 : v[VC] == 'H' || v[VI] == 'H' || v[VA] == 'H' ? 1 : 2;
	eq[3] = v[SI] == 'S' || v[SA] == 'S' ? 0 : v[SC] == 'H' || v[SI] == 'H' || v[SA] == 'H' ? 1 : 2;
	eq[4] = v[E] == 'A' ? 0 : v[E] == 'P' ? 1 : 2;
	eq[5] = (v[CR] == 'H' && v[VC] == 'H') || (v[IR] == 'H' && v[VI] == 'H') || (v[AR] == 'H' && v[VA] == 'H') ? 0 : 1;
}

/* The score one class lower in eq[i]. EQ3 and EQ6 move together: the better way of the two. */
static int score_below(const int eq[6], int i)
{
	int low[6], other[6];
	memcpy(low, eq, sizeof(low));
	if (i != 2) {
		low[i]++;
		return score_of(low);
	}
	memcpy(other, eq, sizeof(other));
	if (eq[2] == 0 && eq[5] == 0) {
		low[2]++;
		other[5]++;
		return MAX(score_of(low), score_of(other));
	}
	low[eq[2] == 1 && eq[5] == 0 ? 5 : 2]++;
	return score_of(low);
}

/* Modified metrics replace the base; what is not defined counts as the worst. */
static void effective(uint8_t *v)
{
	for (int i = 0; i <= MSA - MAV; i++)
		if (v[MAV + i] && v[MAV + i] != 'X')
			v[AV + i] = v[MAV + i];
	if (!v[E] || v[E] == 'X')
		v[E] = 'A';
	for (int m = CR; m <= AR; m++)
		if (!v[m] || v[m] == 'X')
			v[m] = 'H';
}

bool cvss4_score(struct slice vector, double *ret)
{
	uint8_t v[ARRAY_LEN(metrics)];
	int eq[6], existing = 0;
	if (!cvss_split(vector, metrics, ARRAY_LEN(metrics), v))
		return false;
	effective(v);
	bool none = true;
	for (int m = VC; m <= SA; m++)
		none &= v[m] == 'N';
	*ret = 0;
	if (none)
		return true;
	classify(v, eq);
	static const int depth1[] = { 1, 4, 5 }, depth2[] = { 1, 2 }, depth36[3][2] = { { 7, 6 }, { 8, 8 }, { 10, 10 } }, depth4[] = { 6, 5, 4 };
	const int depth[5] = { depth1[eq[0]], depth2[eq[1]], depth36[eq[2]][eq[5]], depth4[eq[3]], 1 };
	const int steps[5] = { distance(0, worst_eq1[eq[0]], v), distance(1, worst_eq2[eq[1]], v), distance(2, worst_eq36[eq[2]][eq[5]], v),
			       distance(3, worst_eq4[eq[3]], v), 0 };
	double value = score_of(eq), lower = 0;
	for (int i = 0; i < 5; i++) {
		int below = score_below(eq, i);
		if (below < 0)
			continue;
		existing++;
		lower += (value - below) * steps[i] / depth[i];
	}
	if (existing)
		value -= lower / existing;
	*ret = fmax(0, fmin(100, floor(value + 0.5 + 1e-6))) / 10;
	return true;
}
