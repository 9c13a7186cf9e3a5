/* Jobs whose number of shares changes at random: each share must be done exactly once, and with the
numbers of its own job. Arguments: threads, jobs, callers. */

#include "pool.c" /* whose gate has to stay open, however crowded the cores are */

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    long number; /* not atomic, as what belongs to a job in a training step */
    atomic_int done[MOST_SHARES];
    long seen[MOST_SHARES];
} Job;

static long jobs;

static void open_gate(void) {
    while (atomic_flag_test_and_set(&in_use)) look_again();
    gate.opens = 0;
    atomic_flag_clear(&in_use);
}

static void task(void *job, int share) {
    Job *j = job;
    j->seen[share] = j->number;
    atomic_fetch_add(&j->done[share], 1);
}

static void *run_jobs(void *seed) {
    static _Thread_local Job places[2]; /* in turn, so that a late thread would find another job */
    unsigned random = (unsigned)(size_t)seed;
    long wrong = 0;
    for (long number = 1; number <= jobs; number++) {
        random = random * 1664525 + 1013904223;
        const int shares = 1 + (int)(random >> 24) % MOST_SHARES;
        Job *job = &places[number % 2];
        job->number = number;
        for (int i = 0; i < MOST_SHARES; i++) atomic_store(&job->done[i], job->seen[i] = 0);
        open_gate();
        pool_run(task, job, shares);
        int bad = 0;
        for (int i = 0; i < MOST_SHARES; i++)
            bad |= atomic_load(&job->done[i]) != (i < shares) || (i < shares && job->seen[i] != number);
        if (bad && !wrong++) {
            fprintf(stderr, "job %ld of %d shares was done", number, shares);
            for (int i = 0; i < MOST_SHARES; i++) fprintf(stderr, " %d", atomic_load(&job->done[i]));
            fprintf(stderr, " times\n");
        }
    }
    return (void *)wrong;
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    const int threads = atoi(arguments[1]), callers = atoi(arguments[3]);
    jobs = atol(arguments[2]);
    pool_grow(threads - 1);
    pthread_t others[8];
    long wrong = 0;
    for (int i = 1; i < callers; i++)
        if (pthread_create(&others[i], NULL, run_jobs, (void *)(size_t)(i + 1))) return 2;
    wrong += (long)run_jobs((void *)1);
    for (int i = 1; i < callers; i++) {
        void *of_one;
        pthread_join(others[i], &of_one);
        wrong += (long)of_one;
    }
    printf("%ld of %ld jobs wrong\n", wrong, jobs * callers);
    return wrong != 0;
}
