// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.cpu;

import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The users of a space ({@code mm_users}): references, CPUs that are in the space, and CPUs that borrow another space
 * and come back. While there is a user, the space has its VMAs and pages. The last put is final: the count never leaves
 * 0 again, and the thread of that put begins the teardown.
 *
 * <p>The three kinds are counted apart: references of threads without a CPU use no translation, and CPUs that come back
 * are no references that another thread could close. The counts are in one word, so a user that comes or goes needs one
 * atomic update, and a reader gets all counts of one instant.
 */
public final class SpaceUsers {
    /** What follows the last put. A call after the first one that has returned does nothing. */
    public interface Teardown {
        /**
         * Tears the space down, if the calling thread may wait; otherwise as {@link #later}. Throws only at the end of
         * the stack, and is called again then.
         */
        void now();

        /**
         * Has a thread of the machine tear the space down. Does not wait, unless there is no memory for such a thread.
         * Throws only at the end of the stack, and is called again then.
         */
        void later();
    }

    private static final Teardown NONE = new Teardown() {
        @Override
        public void now() {}

        @Override
        public void later() {}
    };

    private static final int REFERENCE_BITS = 28;

    /** Four times as many as a memory has CPUs. */
    private static final int CPU_BITS = 18;

    private static final int HOME_SHIFT = REFERENCE_BITS + CPU_BITS;
    private static final long REFERENCE = 1;
    private static final long CPU = 1L << REFERENCE_BITS;
    private static final long HOME = 1L << HOME_SHIFT;

    /**
     * From the lowest bit: the references, the CPUs in the space, and the CPUs that come back. Each user is counted in
     * one of the three, so there is no user if and only if the word is 0.
     *
     * @written holders of references and CPUs, coming (compare-and-set) and going (get-and-add)
     * @read any thread (volatile)
     * @pairs of a thread that comes and the last one that goes, either the first finds no user, or the second is not
     *     the last. A CPU stores its word, then gives up its count; the thread of the last put reads the words of CPUs
     *     after it: no word names the context. So does a CPU with what it keeps in LAZY ({@code kept}), before its
     *     word. A shooter advances the generation, then reads the number of CPUs; a CPU that comes is counted, then
     *     reads the generation: at least one of the two sees the other's update
     * @invariant the users, in three counts: references, CPUs in the space, and CPUs that borrow another space and come
     *     back. A CPU is counted before its word says KERNEL or GUEST in the context of the space, and until after
     *     that. 0, all three counts, is final
     */
    private final AtomicLong word = new AtomicLong(REFERENCE);

    private final Teardown teardown;

    /**
     * The next space of which the CPU that was the last user here was the last user, too. For the thread of that CPU.
     */
    @Nullable
    SpaceUsers nextLeft;

    /** Makes the users of a space that needs no teardown: one reference. */
    public SpaceUsers() {
        this(NONE);
    }

    /**
     * Makes the users of a new space: one reference, which belongs to the caller.
     *
     * @param teardown follows the last put
     */
    public SpaceUsers(Teardown teardown) {
        this.teardown = teardown;
    }

    private static int referencesOf(long word) {
        return (int) (word & CPU - 1);
    }

    private static int cpusOf(long word) {
        return (int) ((word & HOME - 1) >>> REFERENCE_BITS);
    }

    private static int homesOf(long word) {
        return (int) (word >>> HOME_SHIFT);
    }

    /**
     * Takes a reference, if there is a user ({@code mmget_not_zero}).
     *
     * @return whether the caller now has a reference
     */
    public boolean tryGet() {
        return tryAdd(REFERENCE);
    }

    /**
     * Gives a reference up ({@code mmput}).
     *
     * @return whether it was the last user. The caller then calls {@link #end} or {@link #endLater}
     */
    public boolean put() {
        // Atomic: after all that the user has done in the space, and before the teardown by the thread of the last put.
        return word.addAndGet(-REFERENCE) == 0;
    }

    /**
     * Counts a CPU that leaves to borrow a space, and comes back, as a user. For the thread of a CPU that is in the
     * space.
     *
     * @return whether it is counted; false only if the space has no user
     */
    public boolean tryGetHome() {
        return tryAdd(HOME);
    }

    /**
     * Stops counting a CPU of {@link #tryGetHome}.
     *
     * @return whether it was the last user, as of {@link #put}
     */
    public boolean putHome() {
        // Atomic, as in put.
        return word.addAndGet(-HOME) == 0;
    }

    /**
     * Counts a CPU that is about to go to the space as a user, if there is a user.
     *
     * @return whether the CPU is counted
     */
    boolean tryUse() {
        return tryAdd(CPU);
    }

    /**
     * Stops counting a CPU, whose word does not name it as a user any more.
     *
     * @return whether it was the last user. The caller then has the space torn down
     */
    boolean unuse() {
        // No deeper than the store of a CPU's word, after which the count must not be lost. As in put.
        return word.addAndGet(-CPU) == 0;
    }

    private boolean tryAdd(long added) {
        long known = word.get();
        while (known != 0) {
            // Atomic: before the caller uses the space. Pairs with the put that finds no other user. The count of a CPU
            // comes before its read of the generation, and pairs also with Shootdowns.isElided.
            if (word.compareAndSet(known, known + added)) {
                return true;
            }
            known = word.get();
        }
        return false;
    }

    /** Returns the number of users at some instant of this call. */
    public int users() {
        long seen = word.get();
        return referencesOf(seen) + cpusOf(seen) + homesOf(seen);
    }

    /** Returns how many CPUs were users at some instant of this call; CPUs that are LAZY in the space are not. */
    public int cpus() {
        return cpusOf(word.get());
    }

    /** Returns how many users were CPUs that borrow another space, and come back, at some instant of this call. */
    public int homes() {
        return homesOf(word.get());
    }

    /** Returns how many users were references, and no CPUs, at some instant of this call. */
    public int references() {
        return referencesOf(word.get());
    }

    /** Tears the space down after the last put, or has a thread of the machine do so if this thread may not wait. */
    public void end() {
        teardown.now();
    }

    /** Has a thread of the machine tear the space down after the last put. Does not wait. */
    public void endLater() {
        teardown.later();
    }
}
