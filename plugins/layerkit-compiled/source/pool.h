/* A pool of threads that share one job at a time.

A job has a fixed number of shares, which follows from sizes alone, and any thread may do any share.
So the result depends neither on the number of threads nor on which of them are in time. Three
things are left to chance and to the machine:

1. Which thread does a share. All the information for taking one is in a single atomic word: the
   number of shares of the current job, the number of threads that may take part, and the shares
   that are taken. A thread changes that word to take a share, and reads the job only once it has
   one. The job cannot end while a thread has a share of it. So a late thread takes either a share
   of the job that is current by then, with everything that belongs to it, or none.

2. How threads wait. A worker spins briefly for the next share, because a training step is shorter
   than the time it takes to wake a thread, and then sleeps until it is called. The caller does
   every share that nobody has taken. For those that workers hold, it spins about as long as one
   share takes, and then sleeps too, so the system can give its core to a worker that has none.

3. Whether workers take part. If other programs occupy the cores, a worker may lose its core for
   several milliseconds while it holds a share of microseconds, or take the core of the caller. The
   gate compares the time of each job with the time that the caller would have taken alone,
   estimated from its own shares. Gains are a credit, up to CREDIT. Once losses exceed it by
   PATIENCE, the caller works alone for a while, twice as long after each trial that failed, up to
   LONGEST_PAUSE. After a trial that went well for GOOD_SPELL, the next pause is the shortest. */

#ifndef LAYERKIT_POOL_H
#define LAYERKIT_POOL_H

enum { MOST_SHARES = 8 };

typedef void (*Task)(void *job, int share);

/* Let up to `helpers` threads help the caller from now on, at most MOST_SHARES - 1, or fewer if the
system refuses them. If more exist, the rest sleep. */
void pool_grow(int helpers);

/* Call task(job, share) for each share, on the caller and the workers; return when all are done.
One caller at a time has the workers; others do all the shares of their jobs themselves. */
void pool_run(Task task, void *job, int shares);

/* Between these two calls the process cannot fork: a fork waits until all threads have left. So a
child never has a half-done job, or a lock of the matrix products held by a thread it lacks. */
void pool_enter(void);
void pool_leave(void);

#endif
