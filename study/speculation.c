#include "study/speculation.h"

#include <stdlib.h>
#include <string.h>

#include "models/step_model.h"

/* The number after a name that begins a word; -1: there is none. */
static int64_t number_after(const char *text, const char *name) {
    for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name)) {
        const char *digits = at + strlen(name);
        if ((at == text || at[-1] == ' ') && *digits >= '0' && *digits <= '9') {
            return strtoll(digits, NULL, 10);
        }
    }
    return -1;
}

static int64_t drafts_of(const char *text) {
    static const char *const names[] = {"steps=", "nextn=", "tokens="};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int64_t drafts = number_after(text, names[i]);
        if (drafts >= 0) {
            return drafts <= DRAFT_TOKENS_MAX ? drafts : 0;
        }
    }
    return 0;
}

struct speculation speculation_of(const struct measured_row *row, const struct recipe *recipe) {
    static const struct {
        const char *kind; /* a beginning */
        double acceptance_rate;
    } kinds[] = {{"mtp", 0.72}, {"eagle", 0.7}};
    for (size_t i = 0; recipe != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(row->spec_decode, kinds[i].kind, strlen(kinds[i].kind)) == 0) {
            return (struct speculation){.draft_tokens = drafts_of(recipe->speculative),
                                        .acceptance_rate = kinds[i].acceptance_rate,
                                        .draft = kinds[i].kind};
        }
    }
    return (struct speculation){0};
}
