/* Threads that share out one job at a time.

A job comes in a fixed number of shares, so that what is computed does not depend on how many
threads there are. Threads wait for the next job by spinning, a training step being shorter than
the time it takes to wake a thread, and fall asleep when none comes. */

#ifndef LAYERKIT_POOL_H
#define LAYERKIT_POOL_H

enum { MOST_SHARES = 8 };

typedef void (*Task)(void *job, int share);

/* Make sure that so many threads stand ready beside the caller's; fewer if the system refuses. */
void pool_grow(int threads);

/* Do task(job, share) for each share, by the caller and the threads that stand ready; return when
all are done. One caller at a time; a second does all the shares of its job itself. */
void pool_run(Task task, void *job, int shares);

#endif
