#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* How often a thread looks for a job before it sleeps: some 100 microseconds. Between two jobs of
a training step lie less than ten. */
enum { LOOKS = 4000 };

/* The number of the present job in the upper half, and a bit for each share that is taken in the
lower. Both in one word, so that a thread that comes late cannot take a share of a later job. */
static _Atomic uint64_t state;
static atomic_int finished; /* shares of the present job */
static Task present_task;
static void *present_job;
static atomic_int present_shares;

static atomic_flag in_use = ATOMIC_FLAG_INIT;
static int thread_count;
static atomic_int sleepers;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t job_came = PTHREAD_COND_INITIALIZER;

static void look_again(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Do the shares of job number `number` that nobody has taken, the thread's own first: its core has
last step's numbers of that share in its cache. */
static void do_shares(uint64_t number, int own) {
    uint64_t now = atomic_load(&state);
    while (now >> 32 == number) {
        /* While a share is free the job is not done, and these belong to it. */
        int shares = atomic_load(&present_shares), share = own % shares;
        for (int i = 0; i < shares && now >> share & 1; i++) share = (share + 1) % shares;
        if (now >> share & 1) return;
        if (atomic_compare_exchange_weak(&state, &now, now | (uint64_t)1 << share)) {
            present_task(present_job, share);
            atomic_fetch_add(&finished, 1);
            now = atomic_load(&state);
        }
    }
}

static uint64_t next_job(uint64_t seen) {
    for (int i = 0; i < LOOKS; i++) {
        uint64_t number = atomic_load(&state) >> 32;
        if (number != seen) return number;
        look_again();
    }
    pthread_mutex_lock(&lock);
    atomic_fetch_add(&sleepers, 1);
    while (atomic_load(&state) >> 32 == seen) pthread_cond_wait(&job_came, &lock);
    atomic_fetch_sub(&sleepers, 1);
    pthread_mutex_unlock(&lock);
    return atomic_load(&state) >> 32;
}

static void *work(void *own) {
    for (uint64_t seen = 0;;) {
        seen = next_job(seen);
        do_shares(seen, (int)(intptr_t)own);
    }
    return NULL;
}

/* A process that was forked off has none of the threads. */
static void forget_threads(void) {
    thread_count = 0;
    atomic_store(&sleepers, 0);
    atomic_flag_clear(&in_use);
    pthread_mutex_init(&lock, NULL);
    pthread_cond_init(&job_came, NULL);
}

void pool_grow(int threads) {
    static int forks_are_watched;
    if (!forks_are_watched) {
        pthread_atfork(NULL, NULL, forget_threads);
        forks_are_watched = 1;
    }
    while (thread_count < threads) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, (void *)(intptr_t)(thread_count + 1))) return;
        pthread_detach(thread);
        thread_count++;
    }
}

void pool_run(Task task, void *job, int shares) {
    if (shares == 1 || !thread_count || atomic_flag_test_and_set(&in_use)) {
        for (int share = 0; share < shares; share++) task(job, share);
        return;
    }
    uint64_t number = (atomic_load(&state) >> 32) + 1 & UINT32_MAX;
    present_task = task;
    present_job = job;
    atomic_store(&present_shares, shares);
    atomic_store(&finished, 0);
    atomic_store(&state, number << 32);
    if (atomic_load(&sleepers)) {
        pthread_mutex_lock(&lock);
        pthread_cond_broadcast(&job_came);
        pthread_mutex_unlock(&lock);
    }
    do_shares(number, 0);
    /* Where other programs have the cores, a thread with a share may be waiting for this one. */
    for (int i = 0; atomic_load(&finished) < shares; i++) i < LOOKS ? look_again() : (void)sched_yield();
    atomic_flag_clear(&in_use);
}
