/* timestamp.h - points of time as traces write them, read exactly: decimal text to integers, no double between.
 *
 * Times are i128 counts of attoseconds (1e-18 s), numbers from their own origin, timestamps from 1970-01-01 00:00
 * UTC. Digits beyond the attosecond are cut off. Pure functions. */
#ifndef TOKENMILL_SCENARIOS_TIMESTAMP_H
#define TOKENMILL_SCENARIOS_TIMESTAMP_H

#include <stdbool.h>

#include "base/int128.h"
#include "base/text.h"

#define ATTOSECOND_PER_S ((i128)1000000000000000000LL)

enum time_kind {
    TIME_AUTO, /* to be decided by time_kind_guess */
    TIME_S,    /* numbers: seconds, */
    TIME_MS,
    TIME_US,
    TIME_NS,
    TIME_TIMESTAMP, /* calendar time */
    TIME_KIND_COUNT
};

/* "auto", "s", "ms", "us", "ns", "timestamp". */
const char *time_kind_name(enum time_kind kind);

/* YYYY-MM-DD, then optionally `T` or blanks and HH:MM[:SS[.fraction]], then optionally `Z`, `UTC`, or +HH[[:]MM]. `,`
 * may stand for the point. Without a zone: UTC, so local time with daylight saving goes back by an hour once a year.
 * Second 60 is taken (a leap second equals the next minute's first). False if anything else is found. */
bool timestamp_parse(struct span text, i128 *time);

/* [+-]digits[.digits][e[+-]digits] of `kind` TIME_S..TIME_NS; `decimal_point` is `.` or `,`. False also beyond 1e19
 * s. */
bool time_number_parse(struct span text, enum time_kind kind, char decimal_point, i128 *time);

/* What a column holds, from its first value and its name ("" if it has none): a timestamp if the value reads as one;
 * else a number, in ms, us or ns if the name ends so ("t_ms", "time (us)", "latency[ns]", "timeMs"), or if its size
 * is that of a Unix epoch (1e11..1e14: ms, ..1e17: us, ..1e20: ns); else seconds. TIME_AUTO if the value is neither. */
enum time_kind time_kind_guess(struct span name, struct span value, char decimal_point);

#endif
