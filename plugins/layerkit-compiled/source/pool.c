#include "pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* Nanoseconds. There are 5 to 30 microseconds between two jobs of a training step. */
enum {
    WORKER_LOOKS = 100000,
    CALLER_LOOKS = 200000, /* the minimum; more if a share takes longer */
    PATIENCE = 1500000, /* less than a time slice, more than it takes to wake a thread */
    CREDIT = 3000000, /* an occasional stall costs less than a pause */
    SHORTEST_PAUSE = 10000000,
    LONGEST_PAUSE = 1000000000,
    GOOD_SPELL = 100000000
};

/* The current job: a bit for each share that is taken, the number of shares, and the number of
threads that may take part. A finished job has no free share. */
static _Atomic uint32_t present;
enum { SHARES_AT = 8, TEAM_AT = 16 };

/* The data of the current job; only a thread that has a share of it reads them. */
static Task present_task;
static void *present_job;
static atomic_int finished; /* the finished shares of the current job */

static atomic_flag in_use = ATOMIC_FLAG_INIT;
static atomic_int thread_count = 1; /* the threads to use; at least as many are started */
static int started = 1;             /* the threads, including the caller's */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t calls[MOST_SHARES]; /* for the worker of each number; for the caller: 0 */
static atomic_int sleeps[MOST_SHARES];

static int64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t nanoseconds(void) { return read_clock(CLOCK_MONOTONIC); }

/* The caller's own time on a core, because another thread, even a worker, may take that core. */
static int64_t computing(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

static void look_again(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The best free share for a thread to take, or -1. Each thread begins at its own place and
continues from there, because its core has the last step's numbers of those shares in its cache. */
static int free_share(uint32_t job, int own) {
    const int shares = job >> SHARES_AT & 0xff, team = job >> TEAM_AT & 0xff;
    if (own >= team) return -1;
    for (int i = 0, share = own * shares / team; i < shares; i++, share = (share + 1) % shares)
        if (!(job >> share & 1)) return share;
    return -1;
}

static int has_share(int own) { return free_share(atomic_load(&present), own) >= 0; }

static int is_done(int shares) { return atomic_load(&finished) == shares; }

/* Wake a sleeping thread. A thread announces its sleep before it checks its condition for the last
time, and a caller reads the announcement after it has changed that condition. So one of the two
always sees the other. */
static void call(int own) {
    if (!atomic_load(&sleeps[own])) return;
    pthread_mutex_lock(&lock);
    pthread_cond_signal(&calls[own]);
    pthread_mutex_unlock(&lock);
}

/* Wait until look(what) is true: spin for some nanoseconds, and then sleep. */
static void wait_until(int (*look)(int), int what, int own, int64_t looks) {
    for (const int64_t end = nanoseconds() + looks; !look(what); look_again())
        if (nanoseconds() > end) break;
    if (look(what)) return;
    pthread_mutex_lock(&lock);
    atomic_store(&sleeps[own], 1);
    while (!look(what)) pthread_cond_wait(&calls[own], &lock);
    atomic_store(&sleeps[own], 0);
    pthread_mutex_unlock(&lock);
}

/* Take and do shares until none is free; return how many. */
static int do_shares(int own) {
    int count = 0;
    uint32_t job = atomic_load(&present);
    for (int share; (share = free_share(job, own)) >= 0;) {
        if (!atomic_compare_exchange_weak(&present, &job, job | (uint32_t)1 << share)) continue;
        const int shares = job >> SHARES_AT & 0xff;
        present_task(present_job, share);
        if (atomic_fetch_add(&finished, 1) + 1 == shares && own) call(0);
        count++;
        job = atomic_load(&present);
    }
    return count;
}

static void *work(void *number) {
    const int own = (int)(intptr_t)number;
    for (;;) {
        wait_until(has_share, own, own, WORKER_LOOKS);
        do_shares(own);
    }
    return NULL;
}

/* Whether workers help; only the thread that is using the pool reads and writes it. */
static struct {
    int64_t lost, used; /* the time in this trial lost by slow jobs, and used by all jobs */
    int64_t pause, opens;
} gate;

/* Record the time of a job, and the time that it would have taken on one thread. */
static void gate_judge(int64_t now, int64_t took, int64_t alone) {
    gate.used += took;
    gate.lost += took - alone;
    if (gate.lost < -CREDIT) gate.lost = -CREDIT;
    if (gate.lost < PATIENCE) return;
    gate.pause = gate.used - gate.lost > GOOD_SPELL ? SHORTEST_PAUSE : 2 * gate.pause;
    if (gate.pause < SHORTEST_PAUSE) gate.pause = SHORTEST_PAUSE;
    if (gate.pause > LONGEST_PAUSE) gate.pause = LONGEST_PAUSE;
    gate.lost = gate.used = 0;
    gate.opens = now + gate.pause;
}

static void run_with_workers(Task task, void *job, int shares, int team, int64_t began) {
    present_task = task;
    present_job = job;
    atomic_store(&finished, 0);
    atomic_store(&present, (uint32_t)(team << TEAM_AT | shares << SHARES_AT));
    for (int own = 1; own < team; own++) call(own);
    const int64_t computed = computing();
    const int count = do_shares(0);
    if (!count) { /* workers did all shares, so there is nothing to compare with */
        wait_until(is_done, shares, 0, CALLER_LOOKS);
        return;
    }
    const int64_t each = (computing() - computed) / count;
    wait_until(is_done, shares, 0, each > CALLER_LOOKS ? each : CALLER_LOOKS);
    const int64_t now = nanoseconds();
    gate_judge(now, now - began, each * shares);
}

void pool_run(Task task, void *job, int shares) {
    const int threads = atomic_load(&thread_count), team = threads < shares ? threads : shares;
    if (team > 1 && !atomic_flag_test_and_set(&in_use)) {
        const int64_t now = nanoseconds();
        const int open = now >= gate.opens;
        if (open) run_with_workers(task, job, shares, team, now);
        atomic_flag_clear(&in_use);
        if (open) return;
    }
    for (int share = 0; share < shares; share++) task(job, share);
}

/* The threads in C code, and those that want to fork; see pool_enter. */
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t door_opens = PTHREAD_COND_INITIALIZER;
static int inside, forks;

void pool_enter(void) {
    pthread_mutex_lock(&door);
    while (forks) pthread_cond_wait(&door_opens, &door);
    inside++;
    pthread_mutex_unlock(&door);
}

void pool_leave(void) {
    pthread_mutex_lock(&door);
    if (!--inside && forks) pthread_cond_broadcast(&door_opens);
    pthread_mutex_unlock(&door);
}

static void before_fork(void) {
    pthread_mutex_lock(&door);
    forks++;
    while (inside) pthread_cond_wait(&door_opens, &door);
}

static void after_fork_in_parent(void) {
    forks--;
    pthread_cond_broadcast(&door_opens);
    pthread_mutex_unlock(&door);
}

static void prepare_calls(void) {
    for (int own = 0; own < MOST_SHARES; own++) {
        pthread_cond_init(&calls[own], NULL);
        atomic_store(&sleeps[own], 0);
    }
}

static void start_threads(int threads) {
    /* Signals must go to the threads that the program knows. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started < threads) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, (void *)(intptr_t)started)) break;
        pthread_detach(thread);
        started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    atomic_store(&thread_count, threads < started ? threads : started);
}

/* A forked child has none of the workers, one of which may have held the lock. */
static void after_fork_in_child(void) {
    pthread_mutex_init(&door, NULL);
    pthread_cond_init(&door_opens, NULL);
    pthread_mutex_init(&lock, NULL);
    prepare_calls();
    inside = forks = 0;
    started = 1;
    atomic_store(&thread_count, 1);
}

void pool_grow(int helpers) {
    static int is_prepared;
    if (!is_prepared) {
        prepare_calls();
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
        is_prepared = 1;
    }
    start_threads(helpers < MOST_SHARES ? helpers + 1 : MOST_SHARES);
}
