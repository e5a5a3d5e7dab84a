/* atomic_file.h - files that appear whole or not at all: written under a temporary name in the same folder, synced, renamed.
 *
 * A symbolic link is followed. What is no regular file (/dev/stdout, a pipe) is written directly. */
#ifndef TOKENMILL_ANALYSIS_ATOMIC_FILE_H
#define TOKENMILL_ANALYSIS_ATOMIC_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/diag.h"

struct atomic_file {
    char *path; // owned: where it shall be
    char *temp; // owned: where it is written; NULL: directly
};

/* Creates the empty temporary file. False with a diagnostic (rule "cannot-write") otherwise. */
bool atomic_file_init(struct atomic_file *file, const char *path, struct diags *diags);

/* The same, opened for writing; NULL with a diagnostic. */
FILE *atomic_file_open(struct atomic_file *file, const char *path, struct diags *diags);

/* Where to write. */
const char *atomic_file_name(const struct atomic_file *file);

/* Syncs and renames what was written and closed, then syncs the folder; releases. On failure the temporary file is
 * removed and `path` is untouched. */
bool atomic_file_commit(struct atomic_file *file, struct diags *diags);

/* Removes the temporary file; releases. Accepts a zeroed one. */
void atomic_file_abandon(struct atomic_file *file);

/* Flushes and closes `stream`, then commits; or abandons if any write had failed. */
bool atomic_file_finish(struct atomic_file *file, FILE *stream, struct diags *diags);

#endif
