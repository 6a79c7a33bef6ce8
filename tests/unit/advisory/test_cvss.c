#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "advisory.h"

/* Vectors drawn at random, with the scores that the cvss package of PyPI (3.6) gives them; 12,000 such were compared once. */
static const struct { const char *vector; double want; } drawn[] = {
	{ "CVSS:4.0/AV:A/AC:L/AT:P/PR:L/UI:N/VC:H/VI:L/VA:L/SC:N/SI:L/SA:H/E:P/CR:M/IR:M/AR:X/MAC:X/MAT:X"
	  "/MPR:N/MUI:A/MVC:L/MVI:H/MVA:L/MSC:L/MSI:S/MSA:S/S:P/AU:N/R:X/V:X/RE:X/U:X", 6.4 },
	{ "CVSS:4.0/AV:L/AC:H/AT:N/PR:L/UI:N/VC:N/VI:L/VA:H/SC:N/SI:L/SA:N", 5.8 },
	{ "CVSS:4.0/AV:N/AC:H/AT:N/PR:L/UI:P/VC:N/VI:H/VA:H/SC:N/SI:N/SA:H", 7.0 },
	{ "CVSS:4.0/AV:A/AC:H/AT:P/PR:L/UI:N/VC:L/VI:N/VA:L/SC:H/SI:N/SA:L/E:P/CR:M/MAC:L/MSI:X", 2.2 },
	{ "CVSS:4.0/AV:P/AC:L/AT:N/PR:N/UI:P/VC:N/VI:N/VA:L/SC:L/SI:H/SA:H/CR:M/IR:X/AR:M/MAV:X/MAC:H/MAT:N"
	  "/MPR:H/MUI:X/MVC:H/MVI:X/MVA:X/MSI:H/MSA:X/S:P/AU:Y/R:A/V:D/RE:M/U:Red", 4.7 },
	{ "CVSS:4.0/AV:A/AC:H/AT:P/PR:L/UI:A/VC:H/VI:L/VA:N/SC:H/SI:H/SA:N/CR:H/IR:M/AR:M/MAV:N/MAT:X/MPR:H"
	  "/MUI:A/MVC:N/MVI:H/MVA:X/MSC:L/MSI:X/MSA:X/AU:Y/R:A/V:D/U:X", 5.6 },
	{ "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:A/VC:H/VI:H/VA:H/SC:H/SI:H/SA:N/CR:H/IR:H/MSI:H/AU:Y/RE:X/U:X", 9.3 },
	{ "CVSS:4.0/AV:P/AC:L/AT:N/PR:H/UI:A/VC:H/VI:H/VA:L/SC:H/SI:H/SA:N/MAV:X/MAC:L/MPR:L/MVA:X/MSA:S/S:X/RE:H/U:Red", 9.2 },
	{ "CVSS:4.0/AV:A/AC:H/AT:P/PR:L/UI:P/VC:L/VI:N/VA:L/SC:H/SI:N/SA:L", 2.0 },
	{ "CVSS:4.0/AV:P/AC:L/AT:P/PR:N/UI:N/VC:L/VI:L/VA:N/SC:N/SI:L/SA:N/E:X/IR:M/AR:M/MPR:H/MVC:H/MVI:N/MVA:H/MSC:H", 5.7 },
	{ "CVSS:4.0/AV:N/AC:H/AT:N/PR:N/UI:P/VC:L/VI:H/VA:H/SC:N/SI:H/SA:L", 7.2 },
	{ "CVSS:4.0/AV:A/AC:L/AT:P/PR:L/UI:A/VC:L/VI:L/VA:H/SC:H/SI:L/SA:L", 5.9 },
	{ "CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:N/VC:L/VI:N/VA:H/SC:H/SI:N/SA:H/IR:M/MAV:N/MUI:A/S:X/V:C", 8.3 },
	{ "CVSS:4.0/AV:L/AC:H/AT:N/PR:H/UI:A/VC:L/VI:H/VA:N/SC:L/SI:N/SA:N/MAV:N/MPR:L/MSC:H/MSI:S/MSA:L/V:X/RE:X/U:X", 8.5 },
	{ "CVSS:4.0/AV:L/AC:H/AT:P/PR:N/UI:A/VC:H/VI:H/VA:L/SC:L/SI:N/SA:N", 7.1 },
	{ "CVSS:4.0/AV:A/AC:L/AT:P/PR:N/UI:P/VC:N/VI:H/VA:N/SC:L/SI:N/SA:L/S:X/AU:N/V:C", 5.9 },
	{ "CVSS:4.0/AV:N/AC:L/AT:P/PR:H/UI:P/VC:L/VI:N/VA:H/SC:H/SI:N/SA:L", 6.9 },
	{ "CVSS:4.0/AV:L/AC:L/AT:N/PR:L/UI:P/VC:N/VI:H/VA:H/SC:L/SI:N/SA:L", 5.2 },
	{ "CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:P/VC:N/VI:L/VA:L/SC:N/SI:N/SA:L", 1.0 },
	{ "CVSS:4.0/AV:A/AC:L/AT:P/PR:N/UI:N/VC:L/VI:L/VA:H/SC:N/SI:H/SA:H/CR:L/MUI:N/MVI:X/MSC:L/S:P/AU:X/V:D", 7.2 },
	{ "CVSS:3.0/AV:N/AC:L/PR:H/UI:R/S:U/C:L/I:L/A:N", 3.5 },
	{ "CVSS:3.0/AV:L/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0 },
	{ "CVSS:3.0/AV:N/AC:H/PR:H/UI:N/S:U/C:L/I:L/A:L", 4.1 },
	{ "CVSS:3.0/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N/RL:U", 2.2 },
	{ "CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:N/I:N/A:N/CR:L", 0.0 },
	{ "CVSS:3.0/AV:N/AC:H/PR:H/UI:N/S:C/C:N/I:N/A:L", 3.0 },
	{ "AV:L/AC:L/Au:M/C:N/I:N/A:N", 0.0 },
	{ "AV:L/AC:H/Au:M/C:N/I:N/A:P", 0.8 },
	{ "AV:N/AC:M/Au:S/C:C/I:P/A:C", 8.2 },
	{ "AV:N/AC:H/Au:M/C:N/I:N/A:C", 4.6 },
	{ "AV:L/AC:M/Au:S/C:N/I:P/A:C/RL:TF", 5.0 },
	{ "AV:A/AC:L/Au:N/C:C/I:P/A:N", 6.8 },
};

static void scores(void **state)
{
	double got = -1;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(drawn); i++)
		if (!advisory_cvss_score(slice_str(drawn[i].vector), &got) || got != drawn[i].want)
			fail_msg("%s: %f", drawn[i].vector, got);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(scores) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
