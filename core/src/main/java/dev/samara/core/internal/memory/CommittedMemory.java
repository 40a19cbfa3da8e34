// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.memory;

import dev.samara.core.internal.sync.SpinLock;
import dev.samara.core.internal.sync.StackReserve;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The memory that all address spaces of one machine have committed, and its limit ({@code vm_committed_as} and {@code
 * __vm_enough_memory} in {@code mm/util.c}). Thread-safe.
 *
 * <p>Memory is charged before a change is published and settled afterwards, so the count is never lower than the memory
 * of the layouts. It may be read at any time.
 *
 * <p>The limit is exact. A charge is refused only if the request plus the sum of all charges exceeds the limit at one
 * instant of the call. A charge never brings this sum above the limit. Far from the limit a charge writes one word that
 * few threads share, and near the limit one word that all threads share.
 */
public final class CommittedMemory {
    /*
     * Notes. The free memory is the limit minus all charges. It is in three places:
     *
     *     pool         one word; negative after charges that ignore the limit
     *     stripes      a word each: not negative while the stripe is open, CLOSED otherwise
     *     carried      what the owner of the lock took from a stripe or the pool and did not store yet; not negative
     *
     *     fast charge (no lock)        near the limit (lock)                   uncharge (no lock)
     *     read the pool: not negative  close each stripe, add it to the pool   read the pool: not negative
     *     stripe -= request, if the    pool -= request, if the pool has        stripe += bytes, if the stripe
     *       stripe has as much           as much; refused if not                 is open
     *                                  fill the stripes from the pool,         else pool += bytes
     *                                    if it is large
     *
     * While the stripes are closed, a charge without the lock takes from the pool, if the pool has as much. All changes
     * are compare-and-set, or get-and-add to the pool, and all reads are volatile, so all of them are in one order.
     *
     * A charge is not refused too early. Only the owner of the lock refuses, at the instant at which it reads the pool.
     * All stripes are closed then, because only the owner opens stripes, and nothing is carried. So the pool is all
     * free memory at that instant. Whatever other threads charge and uncharge concurrently is a change of the pool, and
     * each such change is before or after that instant.
     *
     * A charge is not refused too late. A charge takes from a word that contains enough. If the pool is not negative
     * at that instant, the free memory is at least as large as that word. If the pool is negative, the word is a
     * stripe, and a charge F that ignores the limit made the pool negative after this charge read the pool. Likewise,
     * each call that changes a stripe while the pool is negative started before F. So the change counts as made right
     * before F, in the order of the changes. At that point the free memory was enough for each change, because the pool
     * was not negative, and each stripe contained what its change took. No result contradicts this order: a thread that
     * refuses or counts has closed the stripes first, and so comes after all these changes in both orders. A stripe is
     * opened again only from a pool that is not negative.
     *
     * A thread that counts also closes the stripes and then reads the pool. The count is the limit minus the pool.
     *
     * A charge waits only for the owner of the lock, which takes a bounded number of steps. An uncharge takes no lock,
     * and needs no memory and little stack, because it may follow a publication or an error. (The words are atomics,
     * because the first use of a VarHandle may need memory.) The owner of the lock checks its stack first.
     *
     * The owner of the lock divides all free memory equally among the stripes. So a stripe that is used up has served
     * an eighth of the free memory, and another division is rare until the limit is near. A limit below DEALT is never
     * divided; then each charge is one change of the pool.
     */

    /** No limit. */
    public static final long UNLIMITED = -1;

    /** The number of stripes; a power of two. */
    private static final int STRIPES = 8;

    /** The word of a closed stripe. */
    private static final long CLOSED = -1;

    /** The minimum free memory that is divided among the stripes, in bytes. */
    private static final long DEALT = 16L << 20;

    /**
     * The minimum free memory at which a charge opens closed stripes. More than {@link #DEALT}, so that stripes are not
     * opened and closed again and again.
     */
    private static final long OPENED = 2 * DEALT;

    /** The stack that the owner of the lock needs, in frames. */
    private static final int DEPTH = 10;

    /**
     * The free memory for threads whose numbers have the same remainder, so that threads that charge concurrently
     * mostly write different cache lines. Padded to two cache lines, because processors fetch lines in pairs.
     */
    @SuppressWarnings("UnusedVariable") // padding
    private static final class Stripe {
        /**
         * Written: a thread that charges or uncharges, each at the stripe of its number (compare-and-set); the owner of
         *     {@code lock} that closes it (get-and-set) or opens it (volatile).
         * Read: as written (volatile).
         * Pairs: the exchange that closes a stripe pairs with the compare-and-set of a charge, so the stripe's memory
         *     is taken once.
         * Invariant: free memory, not negative; or -1, closed. Only the owner of {@code lock} opens a closed stripe.
         */
        private final AtomicLong stripe = new AtomicLong(CLOSED);

        private long p00, p01, p02, p03, p04, p05, p06, p07, p08, p09, p10, p11, p12, p13, p14, p15;

        /** Takes bytes if the stripe contains as many. Given a negative number, adds bytes if the stripe is open. */
        boolean take(long bytes) {
            for (; ; ) {
                long known = stripe.get();
                if (known == CLOSED || known < bytes) {
                    return false;
                }
                if (stripe.compareAndSet(known, known - bytes)) {
                    return true;
                }
            }
        }

        boolean isClosed() {
            return stripe.get() == CLOSED;
        }

        /** Closes the stripe. Returns the bytes that it contained. */
        long close() {
            return Math.max(0, stripe.getAndSet(CLOSED));
        }

        /** Opens the stripe, which is closed. */
        void open(long bytes) {
            stripe.set(bytes);
        }
    }

    /** Whether memory is never overcommitted ({@code overcommit_memory=2}), so that NORESERVE is ignored. */
    public final boolean isStrict;

    /** In bytes, because spaces of one machine may differ in page size. */
    private final long limit;

    /**
     * Written: any thread that charges and finds its stripe closed, and the owner of {@code lock} when it fills the
     *     stripes (compare-and-set); a thread that uncharges and cannot use its stripe, and the owner of {@code lock}
     *     when it closes a stripe (get-and-add).
     * Read: any thread that charges or uncharges, before it uses its stripe; the owner of {@code lock} (volatile).
     * Pairs: a charge that ignores the limit and makes the pool negative pairs with the read of a later charge or
     *     uncharge, which then does not use its stripe.
     * Invariant: the sum of the pool, all stripes, and what the owner of {@code lock} is carrying between them is the
     *     limit minus all charges. While all stripes are closed and nothing is carried, the pool alone is that sum. A
     *     charge is refused, and the committed memory is read, only at such an instant (P46). The pool is negative only
     *     after a charge that ignores the limit. Charges precede the publication of their mapping; uncharges follow at
     *     completion, except for the part that the edit itself uses again.
     */
    private final AtomicLong pool;

    private final SpinLock lock = new SpinLock();
    private final Stripe[] stripes = new Stripe[STRIPES];

    /** Creates a count of 0. The limit is in bytes, or {@link #UNLIMITED}. */
    public CommittedMemory(long limitBytes) {
        isStrict = limitBytes != UNLIMITED;
        limit = isStrict ? limitBytes : Long.MAX_VALUE;
        pool = new AtomicLong(limit);
        for (int i = 0; i < STRIPES; i++) {
            stripes[i] = new Stripe();
        }
        deal();
    }

    /**
     * Charges memory if the limit allows it. Near the limit, waits while another thread charges near the limit or
     * counts.
     *
     * @param bytes the amount, not negative
     * @return whether it was charged
     * @throws StackOverflowError if the stack has too little space near the limit; nothing was charged
     */
    public boolean charge(long bytes) {
        if (bytes == 0) {
            return true;
        }
        Stripe own = own();
        if (takeFrom(own, bytes)) {
            return true;
        }
        if (own.isClosed() && pool.get() - bytes < OPENED && takeFromPool(bytes)) {
            return true;
        }
        return chargeExactly(own, bytes);
    }

    /**
     * Uncharges memory, or with a negative amount charges it regardless of the limit. Never waits, and allocates
     * nothing.
     */
    public void uncharge(long bytes) {
        if (bytes != 0 && !takeFrom(own(), -bytes)) {
            pool.addAndGet(bytes);
        }
    }

    private Stripe own() {
        return stripes[(int) Thread.currentThread().getId() & STRIPES - 1];
    }

    private boolean takeFrom(Stripe own, long bytes) {
        // In this order, because a stripe that is used after a charge made the pool negative would hide that charge.
        return pool.get() >= 0 && own.take(bytes);
    }

    private boolean takeFromPool(long bytes) {
        for (; ; ) {
            long known = pool.get();
            if (known < bytes) {
                return false;
            }
            if (pool.compareAndSet(known, known - bytes)) {
                return true;
            }
        }
    }

    /** Charges memory if the pool and all stripes together contain enough. */
    private boolean chargeExactly(Stripe own, long bytes) {
        lock();
        try {
            // The previous owner of the lock may have filled this stripe from the pool.
            if (takeFrom(own, bytes)) {
                return true;
            }
            collect();
            boolean isCharged = takeFromPool(bytes);
            deal();
            return isCharged;
        } finally {
            lock.unlock();
        }
    }

    /** Returns the memory that is committed at one instant of the call, in bytes. */
    public long bytes() {
        lock();
        try {
            collect();
            long free = pool.get();
            deal();
            return limit - free;
        } finally {
            lock.unlock();
        }
    }

    /** Closes all stripes. From then on the pool contains all free memory. Caller holds the lock. */
    private void collect() {
        for (Stripe stripe : stripes) {
            long taken = stripe.close();
            if (taken != 0) {
                pool.addAndGet(taken);
            }
        }
    }

    /** Opens all stripes, if there is much free memory. Caller holds the lock, and all stripes are closed. */
    private void deal() {
        for (; ; ) {
            long free = pool.get();
            if (free < DEALT) {
                return;
            }
            long share = free / STRIPES;
            if (pool.compareAndSet(free, free - share * STRIPES)) {
                for (Stripe stripe : stripes) {
                    stripe.open(share);
                }
                return;
            }
        }
    }

    private void lock() {
        StackReserve.check(DEPTH);
        lock.lock();
    }
}
