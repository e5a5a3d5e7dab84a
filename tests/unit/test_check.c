#include "base/check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/int128.h"

/* Runs `body` in a child whose standard error comes back in `message`; returns how the child ended. */
static int run_child(void (*body)(void), char *message, size_t size) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL); /* cmocka catches it */
        dup2(ends[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    while ((got = read(ends[0], message + length, size - 1 - length)) > 0) {
        length += (size_t)got;
    }
    message[length] = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void assert_aborts(void (*body)(void), const char *expected) {
    char message[4096];
    int status = run_child(body, message, sizeof(message));
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    if (strstr(message, expected) == NULL) {
        fail_msg("'%s' is not in: %s", expected, message);
    }
}

static void fail_in_a_run(void) {
    check_context_set(42, 1.5);
    CHECK(1 + 1 == 3);
}

static void fail_slow(void) {
    CHECK_SLOW(2 > 3);
}

static void overflow_a_product(void) {
    struct arena *arena = arena_new();
    (void)arena_alloc(arena, SIZE_MAX / 2, 3);
}

static void divide_by_zero(void) {
    (void)i128_floor_div(1, 0);
}

static void lose_bits(void) {
    (void)i128_mul_div(I128_MAX, 2, 1);
}

static void a_failed_check_says_where_when_and_with_which_seed(void **context) {
    (void)context;
    assert_aborts(fail_in_a_run, "CHECK(1 + 1 == 3) failed at ");
    assert_aborts(fail_in_a_run, "test_check.c:");
    assert_aborts(fail_in_a_run, "(seed 42, simulated time 1.5 s)");
}

static void a_slow_check_fails_where_they_are_compiled_in(void **context) {
    (void)context;
    assert_aborts(fail_slow, "CHECK(2 > 3) failed");
}

static void misuse_of_base_fails_a_check(void **context) {
    (void)context;
    assert_aborts(overflow_a_product, "arena.c");
    assert_aborts(divide_by_zero, "int128.c");
    assert_aborts(lose_bits, "int128.c");
}

static void succeed(void) {
    CHECK(1 + 1 == 2);
    CHECK_SLOW(1 + 1 == 2);
}

static void a_check_that_holds_says_nothing(void **context) {
    (void)context;
    char message[4096];
    assert_int_equal(run_child(succeed, message, sizeof(message)), 0);
    assert_string_equal(message, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_check_says_where_when_and_with_which_seed),
        cmocka_unit_test(a_slow_check_fails_where_they_are_compiled_in),
        cmocka_unit_test(misuse_of_base_fails_a_check),
        cmocka_unit_test(a_check_that_holds_says_nothing),
    };
    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
