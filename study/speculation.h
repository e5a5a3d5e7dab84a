/* speculation.h - what a measured run's speculative decoding was, as far as its row and recipe say.
 *
 * The number of drafts is the recipe's ("MTP nextn=3", "EAGLE steps=2 topk=1 draft_tokens=3", "eagle3 tokens=7"; SGLang's draft_tokens count the verified
 * token too). Accepted drafts are stated nowhere: a chance for each is assumed, by kind.
 *     mtp     0.72  2.16 times as fast with three drafts, at batch 1 (TensorRT-LLM's tech blog 2, DeepSeek-R1): 2.6 tokens in a step that drafts make a fifth
 *                   longer. (DeepSeek-V3's report, arXiv:2412.19437, has 85 to 90 % for a first draft; further ones of the same layer do worse.)
 *     eagle   0.7   EAGLE-3 (arXiv:2503.01840) has 70 to 80 % for the first drafts of chat answers */
#ifndef TOKENMILL_STUDY_SPECULATION_H
#define TOKENMILL_STUDY_SPECULATION_H

#include <stdint.h>

#include "study/measured.h"
#include "study/recipes.h"

struct speculation {
    int64_t draft_tokens;   /* 0: none, or not known */
    double acceptance_rate; /* assumed */
    const char *draft;      /* "mtp", "eagle" */
};

/* `recipe` may be NULL. */
struct speculation speculation_of(const struct measured_row *row, const struct recipe *recipe);

#endif
