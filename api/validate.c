#include "study/validate.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/handles.h"
#include "api/relay.h"
#include "base/check.h"
#include "study/validate_text.h"

struct tmill_validation {
    struct validation *validation; // owned
};

static struct validate_request request_of(const char *path, const struct tmill_validate_options *options,
                                          struct relay *relay) {
    struct validate_request request = {.path = path, .rebuild = {.engine = ENGINE_LEAP}};
    if (options == NULL) {
        return request;
    }
    request.recipes_dir = options->recipes_dir;
    request.threads = options->jobs;
    request.rebuild = (struct rebuild_options){
        .catalog_dir = options->catalog_dir,
        .sets = options->sets,
        .set_count = options->set_count,
        .has_seed = options->has_seed,
        .seed = options->seed,
        .engine = options->stepwise ? ENGINE_STEPWISE : ENGINE_LEAP,
    };
    if (options->listener != NULL) {
        *relay = (struct relay){.listener = options->listener, .context = options->context};
        request.listener = relay_progress;
        request.context = relay;
    }
    return request;
}

enum tmill_status tmill_validate(const char *path, const struct tmill_validate_options *options,
                                 struct tmill_validation **validation, struct tmill_messages *messages) {
    struct relay relay;
    const struct validate_request request = request_of(path, options, &relay);
    struct diags *diags = diags_new();
    struct validation *made = NULL;
    enum worker_pool_end end = validate_run(&request, &made, diags);
    enum tmill_status status = messages_take(messages, diags);
    if (end == WORKER_POOL_CANCELLED) {
        return TMILL_INTERRUPTED;
    }
    if (made != NULL) {
        *validation = xcalloc(1, sizeof **validation);
        (*validation)->validation = made;
    }
    return status;
}

void tmill_validation_free(struct tmill_validation *validation) {
    if (validation != NULL) {
        validation_free(validation->validation);
        free(validation);
    }
}

static char *text_of(const struct tmill_validation *validation, void (*print)(FILE *, const struct validation *)) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    print(stream, validation->validation);
    CHECK(fclose(stream) == 0);
    return text;
}

char *tmill_validation_table(const struct tmill_validation *validation) {
    return text_of(validation, validation_print_table);
}

char *tmill_validation_json(const struct tmill_validation *validation) {
    return text_of(validation, validation_print_json);
}

enum tmill_status tmill_validation_write_csv(const struct tmill_validation *validation, const char *path,
                                             struct tmill_messages *messages) {
    struct diags *diags = diags_new();
    validation_write_csv(path, validation->validation, diags);
    return messages_take(messages, diags);
}

enum tmill_status tmill_validation_write_svg(const struct tmill_validation *validation, const char *path,
                                             struct tmill_messages *messages) {
    struct diags *diags = diags_new();
    validation_write_svg(path, validation->validation, diags);
    return messages_take(messages, diags);
}
