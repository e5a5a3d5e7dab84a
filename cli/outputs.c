#include "cli/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/tokenmill.h"
#include "cli/terminal.h"

enum { OUTPUT_COUNT = 5 };

static int cannot_write(const char *path, const char *why) {
    usage_error("cannot write '%s': %s", path, why);
    return TMILL_WORLD;
}

static bool same_file(const char *a, const char *b) {
    struct stat of_a, of_b;
    if (stat(a, &of_a) != 0 || stat(b, &of_b) != 0) {
        return strcmp(a, b) == 0;
    }
    return S_ISREG(of_a.st_mode) && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

/* Makes a file in `folder` and removes it again: permissions alone do not tell (root, read-only mounts, /proc). */
static bool takes_files(const char *folder) {
    int file = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
        char path[PATH_MAX];
        int length = snprintf(path, sizeof path, "%s/.tokenmill-XXXXXX", folder);
        if (length < 0 || (size_t)length >= sizeof path) {
            errno = ENAMETOOLONG;
            return false;
        }
        file = mkstemp(path);
        if (file >= 0) {
            unlink(path);
        }
    }
    return file >= 0 && close(file) == 0;
}

static int check_folder(const char *path) {
    char *copy = strdup(path);
    if (copy == NULL) {
        abort();
    }
    int code = takes_files(dirname(copy)) ? 0 : cannot_write(path, strerror(errno));
    free(copy);
    return code;
}

static int check_output(const char *path, bool must_be_regular) {
    struct stat status;
    if (stat(path, &status) != 0) {
        return errno == ENOENT ? check_folder(path) : cannot_write(path, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return cannot_write(path, strerror(EISDIR));
    }
    if (access(path, W_OK) != 0) {
        return cannot_write(path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return must_be_regular ? cannot_write(path, "not a regular file") : 0;
    }
    return check_folder(path);
}

int outputs_check(const struct options *options) {
    const char *paths[OUTPUT_COUNT] = {options->output, options->csv, options->requests, options->series, options->svg};
    for (size_t i = 0; i < OUTPUT_COUNT; i++) {
        if (paths[i] == NULL) {
            continue;
        }
        if (same_file(paths[i], options->operands[0])) {
            usage_error("'%s' is the input itself: results would overwrite it", paths[i]);
            return TMILL_USAGE;
        }
        if (options->base != NULL && same_file(paths[i], options->base)) {
            usage_error("'%s' is the base itself: the profile would overwrite it", paths[i]);
            return TMILL_USAGE;
        }
        for (size_t j = 0; j < i; j++) {
            if (paths[j] != NULL && same_file(paths[i], paths[j])) {
                usage_error("'%s' is given for two outputs", paths[i]);
                return TMILL_USAGE;
            }
        }
        int code = check_output(paths[i], i == 0);
        if (code != 0) {
            return code;
        }
    }
    return 0;
}
