#include "study/screen.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/handles.h"
#include "base/arena.h"
#include "base/check.h"
#include "study/screen_text.h"

struct tmill_screen {
    struct screen *screen; // owned
};

enum tmill_status tmill_screen(const struct tmill_scenario *scenario, struct tmill_screen **screen,
                               struct tmill_messages *messages) {
    struct diags *diags = diags_new();
    struct screen *made = screen_new(scenario->scenario, diags);
    enum tmill_status status = messages_take(messages, diags);
    if (made == NULL) {
        return status;
    }
    *screen = xcalloc(1, sizeof **screen);
    (*screen)->screen = made;
    return TMILL_DONE;
}

void tmill_screen_free(struct tmill_screen *screen) {
    if (screen != NULL) {
        screen_free(screen->screen);
        free(screen);
    }
}

static char *text_of(const struct tmill_screen *screen, void (*print)(FILE *, const struct screen *)) {
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    print(stream, screen->screen);
    CHECK(fclose(stream) == 0);
    return text;
}

char *tmill_screen_table(const struct tmill_screen *screen) {
    return text_of(screen, screen_print_table);
}

char *tmill_screen_json(const struct tmill_screen *screen) {
    return text_of(screen, screen_print_json);
}

enum tmill_status tmill_screen_write_csv(const struct tmill_screen *screen, const char *path,
                                         struct tmill_messages *messages) {
    struct diags *diags = diags_new();
    screen_write_csv(path, screen->screen, diags);
    return messages_take(messages, diags);
}
