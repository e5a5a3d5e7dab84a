#include "bench/reference_loop.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { HEAP_COUNT = 96, RING_COUNT = 256, TURNS = 1000000 };

struct record {
    uint64_t words[8];
};

double cpu_now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static uint64_t next_word(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void sift_down(double *heap, double value) {
    size_t i = 0;
    for (size_t child = 1; child < HEAP_COUNT; child = 2 * i + 1) {
        child += child + 1 < HEAP_COUNT && heap[child + 1] < heap[child];
        if (heap[child] >= value) {
            break;
        }
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = value;
}

/* The result keeps the loop from being optimised away. */
static double turn_loop(uint64_t turns) {
    static struct record ring[RING_COUNT];
    double heap[HEAP_COUNT];
    uint64_t state = 42;
    memset(heap, 0, sizeof heap);
    for (uint64_t i = 0; i < turns; i++) {
        double u = (double)(next_word(&state) >> 11) * 0x1p-53 + 0x1p-54;
        double gap = -log(u);
        sift_down(heap, heap[0] + gap);
        struct record *record = &ring[i % RING_COUNT];
        record->words[i & 7] += (uint64_t)(gap * 1000);
    }
    return heap[0] + (double)ring[7].words[3];
}

double reference_turn_s(void) {
    static volatile double sink;
    double start = cpu_now_s();
    sink = turn_loop(TURNS);
    (void)sink;
    return (cpu_now_s() - start) / TURNS;
}
