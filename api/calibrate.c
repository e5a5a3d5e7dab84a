#include "study/calibrate.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/handles.h"
#include "api/relay.h"
#include "base/check.h"

struct tmill_calibration {
    struct calibration *calibration; // owned
};

static struct calibrate_request request_of(const char *path, const struct tmill_calibrate_options *options,
                                           struct relay *relay) {
    struct calibrate_request request = {.path = path, .rebuild = {.engine = ENGINE_LEAP}};
    if (options == NULL) {
        return request;
    }
    request.recipes_dir = options->recipes_dir;
    request.server = (struct measured_server){.gpu = options->gpu,
                                              .model = options->model,
                                              .precision = options->precision,
                                              .engine = options->engine,
                                              .tensor_parallel = options->tensor_parallel};
    request.base = options->base;
    request.hold_out = options->hold_out;
    request.threads = options->jobs;
    request.rebuild = (struct rebuild_options){
        .catalog_dir = options->catalog_dir,
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

enum tmill_status tmill_calibrate(const char *path, const struct tmill_calibrate_options *options,
                                  struct tmill_calibration **calibration, struct tmill_messages *messages) {
    struct relay relay;
    const struct calibrate_request request = request_of(path, options, &relay);
    struct diags *diags = diags_new();
    struct calibration *made = NULL;
    enum worker_pool_end end = calibrate_run(&request, &made, diags);
    enum tmill_status status = messages_take(messages, diags);
    if (end == WORKER_POOL_CANCELLED) {
        return TMILL_INTERRUPTED;
    }
    if (made != NULL) {
        *calibration = xcalloc(1, sizeof **calibration);
        (*calibration)->calibration = made;
    }
    return status;
}

void tmill_calibration_free(struct tmill_calibration *calibration) {
    if (calibration != NULL) {
        calibration_free(calibration->calibration);
        free(calibration);
    }
}

static char *text_of(const struct tmill_calibration *calibration, void (*print)(FILE *, const struct calibration *)) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    print(stream, calibration->calibration);
    CHECK(fclose(stream) == 0);
    return text;
}

char *tmill_calibration_table(const struct tmill_calibration *calibration) {
    return text_of(calibration, calibration_print_table);
}

char *tmill_calibration_json(const struct tmill_calibration *calibration) {
    return text_of(calibration, calibration_print_json);
}

enum tmill_status tmill_calibration_write_profile(const struct tmill_calibration *calibration, const char *path,
                                                  struct tmill_messages *messages) {
    struct diags *diags = diags_new();
    calibration_write_profile(path, calibration->calibration, diags);
    return messages_take(messages, diags);
}
