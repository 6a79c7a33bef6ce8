/* Within the room: what is said of a report as a whole once its findings are there. */
#pragma once
#include "finding.h"

void finish_packages(struct report *r);
/* complete, what evidence says of findings, order. */
void finish_report(struct report *r);
