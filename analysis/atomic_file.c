#include "analysis/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/check.h"

enum { NAME_TRIES_MAX = 100 };

static const struct position NOWHERE = {0};

static bool failed(struct diags *diags, const char *path) {
    return diag_world(diags, NOWHERE, "cannot-write", "cannot write %s: %s", path, strerror(errno));
}

static char *format_name(const char *path, int try) {
    char *name;
    CHECK(asprintf(&name, "%s.partial.%ld.%d", path, (long)getpid(), try) >= 0);
    return name;
}

/* Where a symbolic link leads, if it leads to anything. */
static char *followed(const char *path) {
    char *real = realpath(path, NULL);
    return real != NULL ? real : xstrdup(path);
}

static bool is_special(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

static bool is_folder(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* A new empty file; NULL with errno set. The name is released by the caller. */
static char *create_temp(const char *path) {
    for (int try = 0; try < NAME_TRIES_MAX; try++) {
        char *name = format_name(path, try);
        const int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0) {
            close(file);
            return name;
        }
        free(name);
        if (errno != EEXIST) {
            return NULL;
        }
    }
    return NULL;
}

bool atomic_file_init(struct atomic_file *file, const char *path, struct diags *diags) {
    struct atomic_file made = {.path = followed(path)};
    if (is_folder(made.path)) {
        errno = EISDIR;
    } else if (is_special(made.path)) {
        *file = made;
        return true;
    } else {
        made.temp = create_temp(made.path);
    }
    if (made.temp == NULL) {
        free(made.path);
        return failed(diags, path);
    }
    *file = made;
    return true;
}

FILE *atomic_file_open(struct atomic_file *file, const char *path, struct diags *diags) {
    if (!atomic_file_init(file, path, diags)) {
        return NULL;
    }
    FILE *stream = fopen(atomic_file_name(file), "we");
    if (stream == NULL) {
        failed(diags, path);
        atomic_file_abandon(file);
    }
    return stream;
}

const char *atomic_file_name(const struct atomic_file *file) {
    return file->temp != NULL ? file->temp : file->path;
}

void atomic_file_abandon(struct atomic_file *file) {
    if (file->temp != NULL) {
        unlink(file->temp);
    }
    free(file->temp);
    free(file->path);
    *file = (struct atomic_file){0};
}

static bool sync_path(const char *path, int flags) {
    const int file = open(path, flags | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    const bool synced = fsync(file) == 0;
    const int saved = errno;
    close(file);
    errno = saved;
    return synced;
}

/* So that the new name survives a crash. Some file systems cannot sync a folder; the file is there all the same. */
static void sync_folder_of(const char *path) {
    char *folder = xstrdup(path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL) {
        sync_path(".", O_RDONLY | O_DIRECTORY);
    } else {
        slash[slash == folder ? 1 : 0] = '\0';
        sync_path(folder, O_RDONLY | O_DIRECTORY);
    }
    free(folder);
}

bool atomic_file_commit(struct atomic_file *file, struct diags *diags) {
    if (file->temp != NULL) {
        if (!sync_path(file->temp, O_RDONLY) || rename(file->temp, file->path) != 0) {
            failed(diags, file->path);
            atomic_file_abandon(file);
            return false;
        }
        sync_folder_of(file->path);
        free(file->temp);
        file->temp = NULL;
    }
    atomic_file_abandon(file);
    return true;
}

bool atomic_file_finish(struct atomic_file *file, FILE *stream, struct diags *diags) {
    errno = 0;
    const bool was_good = !ferror(stream);
    const bool closed = fclose(stream) == 0;
    if (!was_good || !closed) {
        errno = errno == 0 ? EIO : errno;
        failed(diags, file->path);
        atomic_file_abandon(file);
        return false;
    }
    return atomic_file_commit(file, diags);
}
