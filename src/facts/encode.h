/* Within the room: decoding the part of a record behind its path. */
#pragma once
#include "facts.h"

/* ret->type and ret->path are set by the caller; reads inner, bitmap and fields. */
bool fact_body_decode(struct rd *r, struct fact *ret);
