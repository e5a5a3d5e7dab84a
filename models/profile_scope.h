/* profile_scope.h - what a profile's term may be about: the parts of its scope, and their known names. */
#ifndef TOKENMILL_MODELS_PROFILE_SCOPE_H
#define TOKENMILL_MODELS_PROFILE_SCOPE_H

#include <stddef.h>

#include "base/text.h"

enum { SCOPE_PARTS_MAX = 3, SCOPE_WORDS_MAX = 16 };

enum scope_part { SCOPE_ENGINE, SCOPE_ARCHITECTURE, SCOPE_FORMAT, SCOPE_KIND, SCOPE_FAMILY };

/* The parts of a term's scope, in their order; returns their number, 0 where the scope is empty. `term`: a name of
 * profile_names(). */
size_t profile_scope_parts(const char *term, enum scope_part parts[SCOPE_PARTS_MAX]);

/* "engine", "architecture", "format", "kind", "family". */
const char *profile_scope_part_name(enum scope_part part);

/* The names that a part can have; returns their number. "" is the family of models of no known one. */
size_t profile_scope_words(enum scope_part part, const char *words[SCOPE_WORDS_MAX]);

#endif
