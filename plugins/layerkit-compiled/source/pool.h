/* Threads that share out one job at a time.

A job comes in a fixed number of shares, which follows from sizes alone, and any thread may do any
share. So the result depends neither on the number of threads nor on which of them come in time, and
three things are left to chance and to the machine:

1. Who does a share. All that a thread has to know to take one stands in a single atomic word: how
   many shares the present job has, how many threads may take part, and which shares are taken. A
   thread changes that word to take a share, and looks at the job only once it has one. While it has
   a share the job cannot end, so a thread that comes late either takes a share of the job that is
   present by then, with everything that belongs to it, or none.

2. How threads wait. A worker looks for the next share for a moment, because a training step is
   shorter than the time it takes to wake a thread, and then sleeps until it is called. The caller
   does every share that nobody has taken, waits about as long as one share takes for those that
   workers hold, and then sleeps too: the system can give its core to a worker that has none.

3. Whether workers take part. Where other programs have the cores, a worker may lose its core for
   several milliseconds while it holds a share of microseconds, or take the core of the caller. The
   gate compares the time of each job with what the caller would have computed alone, which its own
   shares tell. Gains are a credit, up to CREDIT; once losses are PATIENCE more than that, the caller
   works alone for a while, twice as long after each trial that failed, up to LONGEST_PAUSE. A trial
   that went well for GOOD_SPELL lets the next pause be the shortest. */

#ifndef LAYERKIT_POOL_H
#define LAYERKIT_POOL_H

enum { MOST_SHARES = 8 };

typedef void (*Task)(void *job, int share);

/* Let so many threads help the caller's from now on, MOST_SHARES - 1 at the most; fewer if the system
refuses them. Where more stand ready, the rest sleeps. */
void pool_grow(int helpers);

/* Do task(job, share) for each share, by the caller and the workers; return when all are done. One
caller at a time has the workers; others do all the shares of their jobs themselves. */
void pool_run(Task task, void *job, int shares);

/* Between these two no process is forked off: fork waits until everyone has left. So a child finds
no job half done, and no lock of the matrix products held by a thread that it does not have. */
void pool_enter(void);
void pool_leave(void);

#endif
